/** What browsers report: something on a page was not allowed by our own policy. Either a bug of ours, or an attack. */
import type { HttpAnswer, HttpRequest } from '../http.ts'

/** Anybody can send reports: so many are logged in a minute, and no more. */
const mostPerMinute = 20
const longest = 2_000

export function reportViolation(
  warn: (facts: object, words: string) => void,
  wall: () => number,
): (request: HttpRequest) => HttpAnswer {
  let minute = 0
  let logged = 0
  return (request) => {
    if (request.method !== 'POST')
      return { status: 405, headers: { Allow: 'POST', 'Content-Type': 'text/plain' }, body: 'Use POST.\n' }
    const now = Math.floor(wall() / 60_000)
    if (now !== minute) logged = 0
    minute = now
    if (logged++ < mostPerMinute) {
      const report = Buffer.from(request.body).toString('utf8').slice(0, longest)
      warn({ requestId: request.requestId, sourceAddress: request.sourceAddress, report }, 'csp violation')
    }
    return { status: 204, headers: {}, body: '' }
  }
}

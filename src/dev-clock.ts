/** Dev mode only: what happens in seven days can be seen now. Outside dev mode this face does not exist. */
import { doChores } from './chores.ts'
import { Problem, problem } from './domain/errors.ts'
import { defaultLimits, type Face, type HttpAnswer, type HttpRequest, parseJson } from './protocols/http.ts'
import { problemAnswer } from './protocols/rest/problems.ts'
import type { OpenWorld } from './world.ts'

/** Ten years, in one step. */
const mostMs = 3_653 * 86_400_000
const duration = /^P(?:(\d{1,5})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,8})S)?)?$/

export function devClockFace(world: OpenWorld): Face {
  async function answer(request: HttpRequest): Promise<HttpAnswer> {
    try {
      if (request.method === 'POST') world.clock.advance(stepOf(parseJson(request.body, defaultLimits)))
      else if (request.method !== 'GET') throw problem('MethodNotAllowed', { mend: 'Use GET or POST.' })
      if (request.method === 'POST') await doChores(world)
      return {
        status: 200,
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ now: new Date(world.clock.now()).toISOString() }),
      }
    } catch (error) {
      if (error instanceof Problem) return problemAnswer(error, request.requestId)
      throw error
    }
  }
  return {
    name: 'dev',
    takes: ({ path }) => path === '/dev/clock',
    answer,
    refuse: (request, error) =>
      problemAnswer(error instanceof Problem ? error : problem('Internal'), request.requestId),
  }
}

/** Milliseconds of an ISO 8601 duration of days, hours, minutes and seconds. */
function stepOf(body: unknown): number {
  const text = (body as { advance?: unknown } | null)?.advance
  const match = typeof text === 'string' && text.length > 1 && !text.endsWith('T') ? duration.exec(text) : null
  if (match === null)
    throw problem('InvalidRequest', {
      member: 'advance',
      message: 'advance is no ISO 8601 duration.',
      mend: 'Send {"advance": "P8D"} or {"advance": "PT24H"}.',
    })
  const [days, hours, minutes, seconds] = match.slice(1).map((part) => Number(part ?? 0)) as [
    number,
    number,
    number,
    number,
  ]
  const step = (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000
  if (step > mostMs) throw problem('InvalidRequest', { member: 'advance', message: 'One step is at most ten years.' })
  return step
}

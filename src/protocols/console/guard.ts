/** Which requests of a browser are heard: those that our own pages make. */
import { problem } from '../../domain/errors.ts'
import { type HttpRequest, header } from '../http.ts'
import type { Site } from './site.ts'

/** On every request that is no GET: a form cannot send it, and another origin may not (there is no CORS here). */
export const csrfHeader = 'x-keyward-csrf'

/**
 * The session cookie is SameSite=Strict already; but other services of the same host, on other ports, are the same site.
 * `AccessDenied` for what no page of ours would send (OWASP ASVS 5.0, 3.5.1 to 3.5.3).
 */
export function requireOwnPage(request: HttpRequest, site: Site): void {
  const from = header(request, 'sec-fetch-site')
  const reading = request.method === 'GET' || request.method === 'HEAD'
  // Browsers of before 2023, and what is no browser, do not say; then Origin has to, which comes with every POST.
  if (from === undefined ? !reading && header(request, 'origin') !== site.originOf(request) : from !== 'same-origin')
    throw refusal('The request does not come from a page of the console.')
  if (reading) return
  if (header(request, csrfHeader) !== '1') throw refusal(`The header ${csrfHeader} is missing.`)
  const type = header(request, 'content-type')
  if (request.body.length > 0 && !/^application\/json\s*(?:;|$)/i.test(type ?? ''))
    throw problem('UnsupportedMediaType', { mend: 'Send Content-Type: application/json.' })
}

function refusal(message: string) {
  return problem('AccessDenied', { message, mend: 'Programs use /v1/ with a token; /ui/ is for the console alone.' })
}

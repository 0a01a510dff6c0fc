/** Which requests of a browser are heard: those that our own pages make, from an address at which people can sign in. */
import { problem } from '../../domain/errors.ts'
import { type HttpRequest, header } from '../http.ts'

/** On every request that is no GET: a form cannot send it, and another origin may not (there is no CORS here). */
export const csrfHeader = 'x-keyward-csrf'

/**
 * The session cookie is SameSite=Strict already; but other services of the same host, on other ports, are the same site.
 * `AccessDenied` for what no page of ours would send (OWASP ASVS 5.0, 3.5.1 to 3.5.3).
 */
export function requireOwnPage(request: HttpRequest): void {
  const site = header(request, 'sec-fetch-site')
  const reading = request.method === 'GET' || request.method === 'HEAD'
  // Browsers of before 2023, and what is no browser, do not say; then Origin has to, which comes with every POST.
  if (site === undefined ? !reading && header(request, 'origin') !== originOf(request) : site !== 'same-origin')
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

export function originOf(request: Pick<HttpRequest, 'secure' | 'headers'>): string {
  return `${request.secure ? 'https' : 'http'}://${header(request, 'host') ?? ''}`
}

/** Without the port; an address of IPv6 keeps its brackets. */
export function hostName(request: Pick<HttpRequest, 'headers'>): string {
  return (header(request, 'host') ?? '').replace(/:\d*$/, '').toLowerCase()
}

const loopbackAddress = /^(?:127(?:\.\d{1,3}){3}|\[::1\])$/
const internetAddress = /^(?:\d{1,3}(?:\.\d{1,3}){3}|\[.*\])$/

/**
 * Passkeys belong to names; browsers refuse them at addresses (Web Authentication, section 5.1.4.1). Where this machine
 * is meant, its name is known. Undefined where the request is in its place.
 */
export function properAddress(request: HttpRequest): string | undefined {
  if (!loopbackAddress.test(hostName(request))) return undefined
  const port = /:\d+$/.exec(header(request, 'host') ?? '')?.[0] ?? ''
  const query = request.query === '' ? '' : `?${request.query}`
  return `${request.secure ? 'https' : 'http'}://localhost${port}${request.path}${query}`
}

/** Can a person have a passkey for this host? */
export function takesPasskeys(request: Pick<HttpRequest, 'headers'>): boolean {
  const name = hostName(request)
  return name !== '' && !internetAddress.test(name)
}

/** Where the console is, as browsers see it: the origin that passkeys and cookies are tied to. */
import { type HttpRequest, header } from '../http.ts'

export type Site = {
  /** `https://keys.example.com:8443`, as browsers write it. */
  originOf(request: Pick<HttpRequest, 'secure' | 'headers'>): string
  /** Without scheme and port. */
  hostOf(request: Pick<HttpRequest, 'secure' | 'headers'>): string
}

/**
 * Without a configured address it is the one that the browser asked for. That lets nobody in: an authenticator answers for
 * the host that its passkey was made at and for no other, and that host stands with the passkey.
 */
export function siteAt(consoleUrl: string | undefined): Site {
  const configured = consoleUrl === undefined ? undefined : new URL(consoleUrl)
  return {
    originOf: (request) =>
      configured?.origin ?? `${request.secure ? 'https' : 'http'}://${(header(request, 'host') ?? '').toLowerCase()}`,
    hostOf: (request) => configured?.hostname ?? hostName(request),
  }
}

/** An address of IPv6 keeps its brackets. */
function hostName(request: Pick<HttpRequest, 'headers'>): string {
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

/** Can a person have a passkey there? */
export function takesPasskeys(host: string): boolean {
  return host !== '' && !internetAddress.test(host)
}

/** What every answer to a browser carries (OWASP ASVS 5.0, V3.4). */
import type { HttpAnswer, HttpRequest } from '../http.ts'
import type { Site } from './site.ts'

export const reportPath = '/ui/api/csp-report'

/** Only our own files, no script made of text at all: a hole in the console throws instead of running. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "object-src 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
  'report-to csp',
  // For browsers that do not know report-to.
  `report-uri ${reportPath}`,
].join('; ')

/** Nothing of the machine but passkeys and the clipboard, for copying. */
const permissionsPolicy = [
  'publickey-credentials-get=(self)',
  'publickey-credentials-create=(self)',
  'clipboard-write=(self)',
  ...[
    'accelerometer',
    'camera',
    'clipboard-read',
    'display-capture',
    'geolocation',
    'gyroscope',
    'hid',
    'microphone',
    'midi',
    'payment',
    'screen-wake-lock',
    'serial',
    'usb',
    'xr-spatial-tracking',
  ].map((feature) => `${feature}=()`),
].join(', ')

const always = {
  'Content-Security-Policy': contentSecurityPolicy,
  'Reporting-Endpoints': `csp="${reportPath}"`,
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Permissions-Policy': permissionsPolicy,
}

/** Not for localhost: there it would hold for every other program of the machine, on all its ports. */
const strictTransport = { 'Strict-Transport-Security': 'max-age=31536000; includeSubDomains' }

export function withHeaders(
  request: Pick<HttpRequest, 'secure' | 'headers'>,
  site: Site,
  answer: HttpAnswer,
): HttpAnswer {
  const transport = request.secure && site.hostOf(request) !== 'localhost' ? strictTransport : {}
  return { ...answer, headers: { 'Cache-Control': 'no-store', ...always, ...transport, ...answer.headers } }
}

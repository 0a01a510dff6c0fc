/** When a request was signed: RFC 3339 in UTC, in seconds or, from old SDKs, milliseconds. */
import { problem } from '../../domain/errors.ts'
import type { Instant } from '../../domain/time.ts'

/** Alibaba Cloud takes a request signed up to 15 minutes ago. */
export const mostSkewMs = 15 * 60_000

const pattern = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{3})?Z$/

/** `RequestExpired` where the text is no timestamp, or further than 15 minutes from this machine's time. */
export function signedAt(text: string | undefined, wall: Instant): Instant {
  const at = text !== undefined && pattern.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(at) || new Date(at).toISOString().slice(0, 19) !== text?.slice(0, 19))
    throw problem('RequestExpired', {
      message: 'The timestamp is missing, or not like 2026-01-31T08:00:00Z.',
      facts: { illegal: true },
    })
  if (Math.abs(wall - at) > mostSkewMs)
    throw problem('RequestExpired', {
      message: `The request was signed at ${text}; it is ${new Date(wall).toISOString().slice(0, 19)}Z here.`,
      mend: 'Set the clock of the client.',
    })
  return at
}

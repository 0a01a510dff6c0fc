/** A point in time: whole milliseconds since the Unix epoch, UTC. Only the world's clock makes one from nothing. */
export type Instant = number

/** One day of 86,400 seconds: all periods of this service are counted in these, never in calendar days. */
export const dayMs = 86_400_000
export const hourMs = 3_600_000

/** RFC 3339 with milliseconds, UTC: how every instant looks outside. */
export function formatInstant(at: Instant): string {
  if (at !== formatted.at) formatted = { at, text: new Date(at).toISOString() }
  return formatted.text
}

/** Many requests come in the same millisecond. */
let formatted = { at: 0, text: new Date(0).toISOString() }

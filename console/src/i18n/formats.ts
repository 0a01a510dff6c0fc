/** Dates, numbers and spans of time, as a language writes them. Instants come as the API gives them (RFC 3339). */
export type Formats = {
  number(value: number): string
  bytes(count: number): string
  date(instant: string): string
  /** Local time, to the minute. */
  time(instant: string): string
  /** Local time, to the second: for what comes thick and fast. */
  second(instant: string): string
  /** Of a month such as `2026-11`. */
  month(month: string): string
  /** Local time to the second, with its zone, and the same in UTC: for what must not be misread. */
  exactly(instant: string): string
  /** `3 days ago`, `in 2 hours`. */
  fromNow(instant: string): string
  /** `12 days`, `5 hours`: rounded up, so that it never says less than there is. */
  span(ms: number): string
  list(items: readonly string[]): string
}

const units: readonly (readonly [unit: 'day' | 'hour' | 'minute' | 'second', ms: number])[] = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1000],
]

export function formatsFor(language: string): Formats {
  const number = new Intl.NumberFormat(language)
  const date = new Intl.DateTimeFormat(language, { dateStyle: 'medium' })
  const time = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' })
  const second = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'medium' })
  const monthName = new Intl.DateTimeFormat(language, { year: 'numeric', month: 'long', timeZone: 'UTC' })
  const exact = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'long' })
  const utc = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'medium', timeZone: 'UTC' })
  const relative = new Intl.RelativeTimeFormat(language, { numeric: 'auto' })
  const list = new Intl.ListFormat(language, { type: 'conjunction' })
  const unitOf = (ms: number) => units.find(([, size]) => Math.abs(ms) >= size) ?? (['second', 1000] as const)
  return {
    number: (value) => number.format(value),
    bytes: (count) =>
      new Intl.NumberFormat(language, { style: 'unit', unit: 'byte', unitDisplay: 'long' }).format(count),
    date: (instant) => date.format(new Date(instant)),
    time: (instant) => time.format(new Date(instant)),
    second: (instant) => second.format(new Date(instant)),
    month: (month) => monthName.format(new Date(`${month}-01T00:00:00Z`)),
    exactly(instant) {
      const at = new Date(instant)
      return at.getTimezoneOffset() === 0 ? exact.format(at) : `${exact.format(at)} (${utc.format(at)} UTC)`
    },
    fromNow(instant) {
      const ms = Date.parse(instant) - Date.now()
      const [unit, size] = unitOf(ms)
      return relative.format(Math.trunc(ms / size), unit)
    },
    span(ms) {
      const [unit, size] = unitOf(ms)
      return new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay: 'long' }).format(
        Math.max(0, Math.ceil(ms / size)),
      )
    },
    list: (items) => list.format(items),
  }
}

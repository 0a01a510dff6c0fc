/** What happens to keys that their owners want to hear of, told by the audit log. */
import type { Scope } from './scope.ts'
import type { Instant } from './time.ts'

export const eventTypes = [
  'key.rotated',
  'key.material.expiring',
  'key.material.expired',
  'key.deletion.scheduled',
  'key.deletion.cancelled',
  'key.deleted',
  'key.use.denied',
] as const

export type EventType = (typeof eventTypes)[number]

export type KeyEvent = Scope & {
  /** The order in which events were found in the logs. */
  readonly sequence: number
  /** Place of its record in the audit log: there the proof of this one is (audit-places.ts). */
  readonly index: number
  /** The same at every rebuild, and at every delivery. */
  readonly eventId: string
  readonly type: EventType
  readonly at: Instant
  readonly keyId: string
  /** Resource name of who did it; absent where the service did by itself. */
  readonly principal?: string
  /** Facts of the type, as docs/events.md lists them. */
  readonly details: Readonly<Record<string, string | number>>
}

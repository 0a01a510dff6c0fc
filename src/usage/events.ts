/** Events, read off the audit log: each at most once, however often its record was written. */
import type { DatabaseSync } from 'node:sqlite'
import type { Placed } from '../domain/audit-places.ts'
import type { EventType, KeyEvent } from '../domain/event.ts'
import type { AuditRecord, EventQuery } from '../domain/ports.ts'
import type { Scope } from '../domain/scope.ts'
import { hourMs } from '../domain/time.ts'
import { concernedKey, type KeyName, refusingKey } from './concerned-key.ts'
import { cryptographic } from './uses.ts'

/** A record, where it stands, and the how manyeth it is that is folded. */
export type Sequenced = Placed & { readonly sequence: number }

export type Events = {
  /** Event by event, a step each. */
  write(entries: readonly Sequenced[]): Iterable<void>
  list(scope: Scope, query: EventQuery): readonly KeyEvent[]
  /** Of all accounts, in their order, from one on. */
  from(sequence: number, limit: number): readonly KeyEvent[]
}

/** What the record of a success tells, and what of its input the event shows. */
const ofSuccess: Readonly<Record<string, { readonly type: EventType; readonly details: readonly string[] }>> = {
  RotateKey: { type: 'key.rotated', details: ['dueAt'] },
  WarnOfMaterialExpiry: { type: 'key.material.expiring', details: ['daysLeft', 'materialExpiresAt'] },
  ExpireKeyMaterial: { type: 'key.material.expired', details: ['expiredAt'] },
  ScheduleKeyDeletion: { type: 'key.deletion.scheduled', details: ['deleteAt', 'pendingWindowInDays'] },
  CancelKeyDeletion: { type: 'key.deletion.cancelled', details: ['keyState'] },
  DeleteKey: { type: 'key.deleted', details: ['deletedAt'] },
}

export function eventsIn(database: DatabaseSync): Events {
  const keep = database.prepare('insert or ignore into events values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)')
  const next = database.prepare('select * from events where sequence >= ? order by sequence limit ?')

  return {
    *write(entries) {
      for (const { sequence, place, record } of entries) {
        const seen = seenIn(record)
        if (seen === undefined) continue
        const { type, key, details, once } = seen
        keep.run(
          sequence,
          place,
          // Standard Webhooks joins id, time and body by full stops: an id has none.
          `evt_${record.requestId.replaceAll('.', '_')}`,
          type,
          Date.parse(record.time),
          key.account,
          key.region,
          key.keyId,
          record.principal ?? null,
          JSON.stringify(details),
          once,
        )
        yield
      }
    },
    list({ account, region }, { type, keyId, before, limit }) {
      const where = ['account = ?', 'region = ?']
      const values: (string | number)[] = [account, region]
      const only = (condition: string, value: string | number | undefined) => {
        if (value === undefined) return
        where.push(condition)
        values.push(value)
      }
      only('key_id = ?', keyId)
      only('type = ?', type)
      only('sequence < ?', before)
      return (
        database
          .prepare(`select * from events where ${where.join(' and ')} order by sequence desc limit ?`)
          .all(...values, limit) as EventRow[]
      ).map(toEvent)
    },
    from(sequence, limit) {
      return (next.all(sequence, limit) as EventRow[]).map(toEvent)
    },
  }
}

type Seen = {
  readonly type: EventType
  readonly key: KeyName
  readonly details: KeyEvent['details']
  /** Records of which the first alone makes an event. */
  readonly once: string
}

function seenIn(record: AuditRecord): Seen | undefined {
  if (record.outcome === 'KeyPendingDeletion' && cryptographic.has(record.operation)) return denied(record)
  const fact = record.outcome === 'ok' ? ofSuccess[record.operation] : undefined
  const key = concernedKey(record)
  if (fact === undefined || key === undefined) return undefined
  const details: Record<string, string | number> = {}
  for (const name of fact.details) {
    const value = record.input?.[name]
    if (typeof value === 'string' || typeof value === 'number') details[name] = value
  }
  if (fact.type === 'key.rotated' && record.keyVersionId !== undefined) details.keyVersionId = record.keyVersionId
  return { type: fact.type, key, details, once: `${fact.type}/${record.requestId}` }
}

/** Somebody who goes on trying makes one event an hour, not one for each attempt; GetKeyUsage counts them all. */
function denied(record: AuditRecord): Seen | undefined {
  const key = refusingKey(record)
  if (key === undefined) return undefined
  const hour = Math.floor(Date.parse(record.time) / hourMs)
  return {
    type: 'key.use.denied',
    key,
    details: { operation: record.operation, ...(record.alias === undefined ? {} : { alias: record.alias }) },
    once: ['key.use.denied', key.account, key.region, key.keyId, record.principal, record.operation, hour].join('/'),
  }
}

type EventRow = {
  sequence: number
  place: number
  event_id: string
  type: string
  at: number
  account: string
  region: string
  key_id: string
  principal: string | null
  details: string
}

function toEvent(row: EventRow): KeyEvent {
  return {
    sequence: row.sequence,
    index: row.place,
    eventId: row.event_id,
    type: row.type as EventType,
    at: row.at,
    account: row.account,
    region: row.region,
    keyId: row.key_id,
    ...(row.principal === null ? {} : { principal: row.principal }),
    details: JSON.parse(row.details) as KeyEvent['details'],
  }
}

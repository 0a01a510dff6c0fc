/** From when to when a key was billable (R20), and how many requests of which kind it served (reading 14). */
import type { DatabaseSync } from 'node:sqlite'
import type { AuditRecord, Interval, KeyReport, Usage } from '../domain/ports.ts'
import { dayMs, formatInstant, type Instant } from '../domain/time.ts'
import { concernedKey, type KeyName } from './concerned-key.ts'

export type Fees = {
  /** Each record and each row is a step. */
  write(records: readonly AuditRecord[]): Iterable<void>
  report(...asked: Parameters<Usage['report']>): Awaited<ReturnType<Usage['report']>>
}

type Requests = { readonly key: KeyName; readonly day: string; readonly operation: string; ok: number; failed: number }

/** What starts or ends a time in which a key costs a fee. */
const lifeOperations: ReadonlySet<string> = new Set([
  'CreateKey',
  'ReplicateKey',
  'ScheduleKeyDeletion',
  'CancelKeyDeletion',
  'DeleteKey',
])

export function feesIn(database: DatabaseSync): Fees {
  const count = database.prepare(`insert into requests values (?, ?, ?, ?, ?, ?, ?)
    on conflict do update set ok = ok + excluded.ok, failed = failed + excluded.failed`)
  const know = database.prepare('insert or ignore into keys values (?, ?, ?, null, 0, 0)')
  const ofKey = 'where account = ? and region = ? and key_id = ?'
  const find = database.prepare(`select created, pending from keys ${ofKey}`)
  const change = database.prepare(`update keys set created = ?, pending = ? ${ofKey}`)
  const name = database.prepare(`update keys set default_for = ? ${ofKey}`)
  const begin = database.prepare(`insert into intervals values (?, ?, ?, ?, null)
    on conflict do update set to_at = null`)
  const end = database.prepare(`update intervals set to_at = max(?, from_at) ${ofKey} and to_at is null`)
  const page = database.prepare(`select key_id, default_for from keys
    where account = ? and region = ? and key_id > ? order by key_id limit ?`)
  const intervals = database.prepare(`select from_at, to_at from intervals ${ofKey}
    and from_at < ? and (to_at is null or to_at > ?) order by from_at`)
  const requests = database.prepare(`select day, operation, ok, failed from requests ${ofKey}
    and day between ? and ? order by day, operation`)

  /**
   * Whether a key is billable is told by counting: it is, while it was created and no more deletions were scheduled than
   * cancelled. So two records that a race put on record the other way round come to the same in the end.
   */
  function live(key: KeyName, steps: { readonly created?: 1; readonly pending?: 1 | -1 }, at: Instant): void {
    const parts = partsOf(key)
    know.run(...parts)
    const { created, pending } = find.get(...parts) as { created: number; pending: number }
    const next = { created: created + (steps.created ?? 0), pending: pending + (steps.pending ?? 0) }
    change.run(next.created, next.pending, ...parts)
    const before = created > 0 && pending <= 0
    const after = next.created > 0 && next.pending <= 0
    if (!before && after) begin.run(...parts, at)
    if (before && !after) end.run(at, ...parts)
  }

  function follow(record: AuditRecord): void {
    const key = concernedKey(record)
    if (key === undefined) return
    const at = Date.parse(record.time)
    switch (record.operation) {
      case 'CreateKey':
        live(key, { created: 1 }, at)
        if (typeof record.input?.defaultFor === 'string') name.run(record.input.defaultFor, ...partsOf(key))
        break
      case 'ReplicateKey':
        live({ ...key, region: String(record.input?.replicaRegion) }, { created: 1 }, at)
        break
      case 'ScheduleKeyDeletion':
        live(key, { pending: 1 }, at)
        break
      case 'CancelKeyDeletion':
        live(key, { pending: -1 }, at)
        break
      case 'DeleteKey':
        // Gone, whatever was counted: a copy that is made here later begins anew.
        end.run(at, ...partsOf(key))
        change.run(0, 0, ...partsOf(key))
    }
  }

  return {
    *write(records) {
      const sums = new Map<string, Requests>()
      for (const record of records) {
        yield
        if (record.outcome === 'ok' && lifeOperations.has(record.operation)) follow(record)
        if (record.protocol === 'service') continue
        const key = concernedKey(record)
        if (key === undefined) continue
        const day = record.time.slice(0, 10)
        const place = [...partsOf(key), day, record.operation].join('\n')
        const sum = sums.get(place) ?? { key, day, operation: record.operation, ok: 0, failed: 0 }
        if (record.outcome === 'ok') sum.ok++
        else sum.failed++
        sums.set(place, sum)
      }
      for (const { key, day, operation, ok, failed } of sums.values()) {
        know.run(...partsOf(key))
        count.run(...partsOf(key), day, operation, ok, failed)
        yield
      }
    },
    report({ account, region }, { from, to }, { after = '', limit }) {
      const rows = page.all(account, region, after, limit + 1) as { key_id: string; default_for: string | null }[]
      const keys: KeyReport[] = []
      for (const { key_id: keyId, default_for: defaultFor } of rows.slice(0, limit)) {
        const billable = (intervals.all(account, region, keyId, to, from) as IntervalRow[]).map((row) =>
          cut(row, from, to),
        )
        const asked = requests.all(
          account,
          region,
          keyId,
          dayText(from),
          dayText(to - dayMs),
        ) as KeyReport['requests'][number][]
        if (billable.length === 0 && asked.length === 0) continue
        keys.push({
          keyId,
          ...(defaultFor === null ? {} : { defaultFor }),
          billable,
          requests: asked.map(({ day, operation, ok, failed }) => ({ day, operation, ok, failed })),
        })
      }
      return { keys, ...(rows.length > limit ? { next: (rows[limit - 1] as { key_id: string }).key_id } : {}) }
    },
  }
}

function partsOf({ account, region, keyId }: KeyName) {
  return [account, region, keyId] as const
}

type IntervalRow = { from_at: number; to_at: number | null }

function cut({ from_at, to_at }: IntervalRow, from: Instant, to: Instant): Interval {
  return { from: Math.max(from_at, from), ...(to_at === null ? {} : { to: Math.min(to_at, to) }) }
}

function dayText(at: Instant): string {
  return formatInstant(at).slice(0, 10)
}

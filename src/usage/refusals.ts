/** Who was refused what: by hour, so that one who goes on trying fills a line and not the disk. */
import type { DatabaseSync } from 'node:sqlite'
import type { Placed } from '../domain/audit-places.ts'
import type { Refusals, Usage } from '../domain/ports.ts'
import { hourMs } from '../domain/time.ts'

/** A week, and the day that has begun. */
const rememberedHours = 8 * 24

/** For want of a right, or because the key cannot serve in its state. Not what was merely asked for wrongly. */
const refusing: ReadonlySet<string> = new Set([
  'AccessDenied',
  'DeletionProtected',
  'KeyDisabled',
  'KeyPendingDeletion',
  'KeyPendingImport',
])

export type RefusalsFold = {
  /** Each refused record is a step. */
  write(entries: readonly Placed[]): Iterable<void>
  list(...asked: Parameters<Usage['refusals']>): Awaited<ReturnType<Usage['refusals']>>
}

export function refusalsIn(database: DatabaseSync): RefusalsFold {
  const keep = database.prepare(`insert into refusals values (?, ?, ?, ?, ?, ?, 1, ?, ?)
    on conflict do update set count = count + 1,
    last_place = iif(excluded.last_at >= last_at, excluded.last_place, last_place),
    last_at = max(last_at, excluded.last_at)`)
  const forget = database.prepare('delete from refusals where hour < ?')
  const since = 'from refusals where account = ? and region = ? and hour >= ?'
  const latest = database.prepare(`select hour, principal, operation, outcome, count, last_at, last_place ${since}
    order by last_at desc, last_place desc limit ?`)
  const sum = database.prepare(`select coalesce(sum(count), 0) as total ${since}`)
  let forgottenBefore = 0

  return {
    *write(entries) {
      let latestHour = 0
      for (const { place, record } of entries) {
        const { account, region, principal, operation, outcome } = record
        if (!refusing.has(outcome) || account === undefined || region === undefined) continue
        const at = Date.parse(record.time)
        const hour = Math.floor(at / hourMs)
        latestHour = Math.max(latestHour, hour)
        keep.run(account, region, hour, principal ?? '', operation, outcome, at, place)
        yield
      }
      if (latestHour - rememberedHours <= forgottenBefore) return
      forgottenBefore = latestHour - rememberedHours
      forget.run(forgottenBefore)
    },
    list({ account, region }, { from, limit }) {
      const hour = Math.floor(from / hourMs)
      const rows = latest.all(account, region, hour, limit) as RefusalRow[]
      return {
        total: Number(sum.get(account, region, hour)?.total),
        lines: rows.map(({ hour: inHour, last_at: lastAt, last_place: lastIndex, ...line }) => ({
          ...line,
          hour: inHour * hourMs,
          lastAt,
          lastIndex,
        })),
      }
    },
  }
}

type RefusalRow = Omit<Refusals, 'lastAt' | 'lastIndex'> & { readonly last_at: number; readonly last_place: number }

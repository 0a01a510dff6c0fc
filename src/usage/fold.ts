/**
 * What the audit log comes to, by key: uses, fees, events. Position and sums are written in one transaction, so that a
 * crash loses nothing and counts nothing twice; the file can be deleted, and is then rebuilt from the log.
 */
import type { KeyEvent } from '../domain/event.ts'
import type { AuditLog, AuditRecord, Usage } from '../domain/ports.ts'
import type { Instant } from '../domain/time.ts'
import { eventsIn } from './events.ts'
import { feesIn } from './fees.ts'
import { refusalsIn } from './refusals.ts'
import { closeFoldFile, openFoldFile } from './schema.ts'
import { usesIn } from './uses.ts'

/** Records folded in one transaction: the more, the more of them are about the same key, and are one row. */
const chunk = 2000
/** After so many records or rows, a millisecond or less, requests have their turn. */
const slice = 100

export type UsageFold = Usage & {
  /** How many records are folded. */
  folded(): number
  /** Of all accounts, in the order of the log, from a place in it on; for whoever is told of everything. */
  eventsFrom(place: number, limit: number): readonly KeyEvent[]
  close(): void
}

type Entry = { readonly index: number; readonly record: AuditRecord }

/** `file` is a path, or `:memory:`. */
export function openUsage(file: string, log: Pick<AuditLog, 'read' | 'size'>, now: () => Instant): UsageFold {
  const database = openFoldFile(file)
  const uses = usesIn(database)
  const fees = feesIn(database)
  const events = eventsIn(database)
  const refusals = refusalsIn(database)
  const move = database.prepare('insert or replace into position values (1, ?, ?)')
  const position = database.prepare('select next, last_request from position').get() as
    | { next: number; last_request: string }
    | undefined
  let next = position?.next ?? 0
  /** The request of the record that was folded last, until it is seen to stand in the log. */
  let unproven = position?.last_request
  let running: Promise<void> | undefined
  let closed = false

  /** What was folded of another log, or of one that is longer than this, does not count. */
  async function requireSameLog(): Promise<void> {
    if (unproven === undefined) return
    let same = false
    for await (const { record } of log.read(next - 1, next)) same = record.requestId === unproven
    if (!same) {
      database.exec(`begin; delete from uses; delete from last_uses; delete from requests; delete from keys;
        delete from intervals; delete from events; delete from refusals; delete from position; commit`)
      next = 0
    }
    unproven = undefined
  }

  async function fold(): Promise<void> {
    await requireSameLog()
    while (next < log.size() && !closed) {
      const entries = await readChunk()
      const last = entries.at(-1)
      if (closed) return
      if (last === undefined)
        throw new Error(`The audit log has ${log.size()} records and does not show record ${next}.`)
      // The transaction stays open over many turns: nobody else writes here.
      database.exec('begin')
      try {
        if (!(await written(entries))) return
        move.run(last.index + 1, last.record.requestId)
        database.exec('commit')
      } catch (error) {
        if (!closed) database.exec('rollback')
        throw error
      }
      next = last.index + 1
    }
  }

  async function readChunk(): Promise<readonly Entry[]> {
    const to = Math.min(next + chunk, log.size())
    const entries: Entry[] = []
    for (let from = next; from < to && !closed; from += slice) {
      for await (const entry of log.read(from, Math.min(from + slice, to))) entries.push(entry)
      await breath()
    }
    return entries
  }

  /** False where it was closed meanwhile. */
  async function written(entries: readonly Entry[]): Promise<boolean> {
    const records = entries.map(({ record }) => record)
    let steps = 0
    for (const writes of [uses.write(records), fees.write(records), events.write(entries), refusals.write(entries)])
      for (const _ of writes) {
        steps++
        if (steps % slice !== 0) continue
        await breath()
        if (closed) return false
      }
    return true
  }

  async function catchUp(): Promise<void> {
    const wanted = log.size()
    // Whoever asks while a fold is under way waits for it, and then for what came after it began.
    while ((next < wanted || unproven !== undefined) && !closed) {
      running ??= fold().finally(() => {
        running = undefined
      })
      await running
    }
  }

  return {
    catchUp,
    folded: () => next,
    // Those of a transaction under way may still be taken back.
    eventsFrom: (place, limit) => events.from(place, limit).filter(({ index }) => index < next),
    async lastUse(key) {
      await catchUp()
      return uses.last(key)
    },
    async usesOf(key) {
      await catchUp()
      return uses.of(key, now())
    },
    async lastDecryptByVersion(key) {
      await catchUp()
      return uses.lastDecryptByVersion(key)
    },
    async report(...asked) {
      await catchUp()
      return fees.report(...asked)
    },
    async events(scope, query) {
      await catchUp()
      return events.list(scope, query)
    },
    async refusals(...asked) {
      await catchUp()
      return refusals.list(...asked)
    },
    close() {
      closed = true
      if (database.isTransaction) database.exec('rollback')
      closeFoldFile(database)
    },
  }
}

function breath(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

/**
 * What the audit log comes to, by key: uses, fees, events. Position and sums are written in one transaction, so that a
 * crash loses nothing and counts nothing twice; the file can be deleted, and is then rebuilt from the log.
 */

import { logAndIndexOf, type Placed, positionsOf, readForward } from '../domain/audit-places.ts'
import type { KeyEvent } from '../domain/event.ts'
import type { ReadableLog, Usage } from '../domain/ports.ts'
import type { Instant } from '../domain/time.ts'
import { eventsIn, type Sequenced } from './events.ts'
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
  /** Of all accounts, in their order, from one on; for whoever is told of everything. */
  eventsFrom(sequence: number, limit: number): readonly KeyEvent[]
  close(): void
}

/** `file` is a path, or `:memory:`. `logs` gives all there are, as they are at the call. */
export function openUsage(
  file: string,
  logs: () => Promise<readonly Pick<ReadableLog, 'number' | 'size' | 'read'>[]>,
  now: () => Instant,
): UsageFold {
  const database = openFoldFile(file)
  const uses = usesIn(database)
  const fees = feesIn(database)
  const events = eventsIn(database)
  const refusals = refusalsIn(database)
  const move = database.prepare('insert or replace into position values (?, ?, ?)')
  const positions = database.prepare('select log, next, last_request from position')
  /** How far each log is folded. */
  const folded = new Map<number, number>()
  /** The requests of the records that were folded last, until they are seen to stand in their logs. */
  let unproven: readonly PositionRow[] = positions.all() as PositionRow[]
  for (const { log, next } of unproven) folded.set(log, next)
  let running: Promise<void> | undefined
  let closed = false

  function total(): number {
    return folded.values().reduce((sum, next) => sum + next, 0)
  }

  /** What was folded of another log, or of one that is longer than this, does not count. */
  async function requireSameLogs(current: Awaited<ReturnType<typeof logs>>): Promise<void> {
    for (const { log, next, last_request } of unproven) {
      let same = false
      const found = current.find(({ number }) => number === log)
      if (found !== undefined)
        for await (const { record } of found.read(next - 1, next)) same = record.requestId === last_request
      if (same) continue
      database.exec(`begin; delete from uses; delete from last_uses; delete from requests; delete from keys;
        delete from intervals; delete from events; delete from refusals; delete from position; commit`)
      folded.clear()
      break
    }
    unproven = []
  }

  async function fold(): Promise<void> {
    const current = await logs()
    await requireSameLogs(current)
    const wanted = positionsOf(current)
    const records = readForward(current, folded)
    for (;;) {
      const entries = await nextChunk(records)
      if (closed) return
      if (entries.length === 0) break
      const next = new Map<number, readonly [next: number, request: string]>()
      for (const { place, record } of entries) {
        const { log, index } = logAndIndexOf(place)
        next.set(log, [index + 1, record.requestId])
      }
      // The transaction stays open over many turns: nobody else writes here.
      database.exec('begin')
      try {
        if (!(await written(entries))) return
        for (const [log, position] of next) move.run(log, ...position)
        database.exec('commit')
      } catch (error) {
        if (!closed) database.exec('rollback')
        throw error
      }
      for (const [log, [index]] of next) folded.set(log, index)
    }
    for (const [log, size] of wanted)
      if ((folded.get(log) ?? 0) < size)
        throw new Error(`Audit log ${log} has ${size} records and does not show record ${folded.get(log) ?? 0}.`)
  }

  async function nextChunk(records: AsyncGenerator<Placed>): Promise<readonly Sequenced[]> {
    const entries: Sequenced[] = []
    const first = total()
    while (entries.length < chunk && !closed) {
      const { value, done } = await records.next()
      if (done) break
      entries.push({ ...value, sequence: first + entries.length })
      if (entries.length % slice === 0) await breath()
    }
    return entries
  }

  /** False where it was closed meanwhile. */
  async function written(entries: readonly Sequenced[]): Promise<boolean> {
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

  /** Whoever asks while a fold is under way waits for it, and then for what came after it began. */
  async function catchUp(): Promise<void> {
    if (running !== undefined) await running
    if (closed) return
    running ??= fold().finally(() => {
      running = undefined
    })
    await running
  }

  return {
    catchUp,
    folded: total,
    // Those of a transaction under way may still be taken back.
    eventsFrom: (sequence, limit) => events.from(sequence, limit).filter((event) => event.sequence < total()),
    async lastUse(key) {
      await catchUp()
      return uses.last(key)
    },
    async usesOf(key) {
      await catchUp()
      return uses.of(key, now())
    },
    async usesByDay(key) {
      await catchUp()
      return uses.byDay(key, now())
    },
    async decryptionsByVersion(key) {
      await catchUp()
      return uses.decryptionsByVersion(key)
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

type PositionRow = { log: number; next: number; last_request: string }

function breath(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

import { problem } from '../../domain/errors.ts'
import type { AuditRecord, Change } from '../../domain/ports.ts'
import type { Collection, Collections } from '../../domain/records.ts'
import type { StoreEngine } from '../engine.ts'
import { collectionOf, type FactsOfAll, factsOfAll, frozen, recordOf, rowOf } from '../rows.ts'
import { writeBackup } from '../sqlite/backup.ts'
import { memoryTable, type Table } from './table.ts'

/** Everything in this process, and gone with it: for `keyward dev` and for simulations. */
export function memoryStore(facts: FactsOfAll = factsOfAll): StoreEngine {
  const tables = Object.fromEntries(
    Object.entries(facts).map(([collection, own]) => [collection, memoryTable(own)]),
  ) as unknown as { readonly [C in Collection]: Table<Collections[C]> }
  let unsettled: AuditRecord[] = []
  let closed = false

  function requireOpen(): void {
    if (closed) throw problem('StoreUnavailable', { message: 'The store is closed.' })
  }

  /** Puts back what was there. */
  type Undo = () => void

  function apply(change: Change): Undo {
    const collection = collectionOf(change)
    const table = tables[collection]
    const row = rowOf(facts[collection], change.record)
    const { partition, id } = row
    const before = table.get(partition, id)
    if ('put' in change) {
      if ((before?.row.revision ?? 0) !== row.revision - 1) throw problem('Conflict', { facts: { collection, id } })
      table.set({ row, record: recordOf(row.text) })
    } else {
      if (before?.row.revision !== row.revision) throw problem('Conflict', { facts: { collection, id } })
      table.delete(partition, id)
    }
    return () => (before === undefined ? table.delete(partition, id) : table.set(before))
  }

  /** All, or none: the steps taken before the one that throws are taken back. */
  function all(steps: readonly (() => Undo)[]): void {
    const undos: Undo[] = []
    try {
      for (const step of steps) undos.push(step())
    } catch (error) {
      for (const undo of undos.reverse()) undo()
      throw error
    }
  }

  return {
    async get<C extends Collection>(collection: C, partition: string, id: string) {
      requireOpen()
      return tables[collection].get(partition, id)?.record as Collections[C] | undefined
    },
    async getWithNext<C extends Collection>(collection: C, partition: string, id: string) {
      requireOpen()
      const record = tables[collection].get(partition, id)?.record as Collections[C] | undefined
      const { next } = facts[collection]
      if (record === undefined || next === undefined) return { record }
      const query = { partition, index: next.index, prefix: next.prefix(id), limit: 1, reverse: true }
      return { record, next: tables[next.collection].list(query).records[0] }
    },
    async list(collection, query) {
      requireOpen()
      return tables[collection].list(query)
    },
    async due(collection, before, limit) {
      requireOpen()
      return tables[collection].due(before, limit)
    },
    async count(collection, partition, within) {
      requireOpen()
      return tables[collection].count(partition, within)
    },
    async commit(changes, record) {
      requireOpen()
      all(changes.map((change) => () => apply(change)))
      if (record !== undefined) unsettled.push(frozen(JSON.parse(JSON.stringify(record))))
    },
    async unsettled() {
      requireOpen()
      return [...unsettled]
    },
    settled(requestIds) {
      const named = new Set(requestIds)
      unsettled = unsettled.filter((record) => !named.has(record.requestId))
    },
    async backup(toFile) {
      requireOpen()
      // The records are frozen and the lists are copied before the first pause: one moment, whatever is written meanwhile.
      const everything = (Object.keys(tables) as Collection[]).map((collection) => ({
        collection,
        records: tables[collection].scan(undefined, Number.POSITIVE_INFINITY),
      }))
      await writeBackup(toFile, facts, everything, [...unsettled])
    },
    async check() {
      requireOpen()
    },
    async close() {
      closed = true
    },
    async scan(collection, after, limit) {
      requireOpen()
      return tables[collection].scan(after, limit)
    },
    async load(collection, records) {
      requireOpen()
      const table = tables[collection]
      all(
        records.map((record) => () => {
          const row = rowOf(facts[collection], record)
          const before = table.get(row.partition, row.id)
          if (before === undefined) table.set({ row, record: recordOf(row.text) })
          else if (before.row.text !== row.text) throw problem('Conflict', { facts: { collection, id: row.id } })
          return () => (before === undefined ? table.delete(row.partition, row.id) : undefined)
        }),
      )
    },
  }
}

import { LRUCache } from 'lru-cache'
import type { Change, Store } from '../domain/ports.ts'
import type { Collection, Collections } from '../domain/records.ts'
import type { ForeignCommits } from './engine.ts'
import { type AnyRecord, type FactsOfAll, factsOfAll, nameOf, type RecordName } from './rows.ts'

export type CacheOptions = {
  /** The most records kept in memory, the least recently used ones going first. */
  readonly maximumRecords: number
  readonly facts?: FactsOfAll
}

/**
 * The records in use, in memory: `get` gives the same frozen object until the record changes. That there is no such
 * record is kept as well.
 *
 * Linearizable as the store behind it is. From the moment a commit is sent until it is answered, the records it changes
 * are read from the store and not kept; and what was being read when it was sent is not kept either, since nobody can
 * tell whether that was before the commit or after it.
 */
export function cachedStore(
  store: Store & ForeignCommits,
  { maximumRecords, facts = factsOfAll }: CacheOptions,
): Store {
  const kept = new LRUCache<string, AnyRecord | typeof absent>({ max: maximumRecords })
  /** Reads whose answer may be kept and shared: those that nothing has overtaken. */
  const reading = new Map<string, Promise<AnyRecord | undefined>>()
  /** How many commits under way change a record. */
  const changing = new Map<string, number>()
  /** Commits, begun or ended. */
  let commits = 0
  let generation = store.generation?.()

  function forget(place: string): void {
    kept.delete(place)
    reading.delete(place)
  }

  store.watch?.((names) => {
    commits++
    for (const name of names) forget(placeOf(name))
  })

  /** May anything be answered that was read earlier? */
  function isCurrent(): boolean {
    if (store.generation === undefined) return true
    const now = store.generation()
    if (now !== generation || now === undefined) {
      generation = now
      commits++
      kept.clear()
      reading.clear()
    }
    return now !== undefined
  }

  async function readAndKeep(place: string, name: RecordName): Promise<AnyRecord | undefined> {
    const answer: Promise<AnyRecord | undefined> = store.get(name.collection, name.partition, name.id)
    reading.set(place, answer)
    try {
      const record = await answer
      if (reading.get(place) === answer) kept.set(place, record ?? absent)
      return record
    } finally {
      if (reading.get(place) === answer) reading.delete(place)
    }
  }

  /** The objects that are kept already, in place of their equals: unless a commit may lie between the two. */
  function sameObjects<T extends AnyRecord>(collection: Collection, records: readonly T[], commitsBefore: number) {
    if (commits !== commitsBefore || changing.size > 0 || !isCurrent()) return records
    const { partition, id } = facts[collection]
    return records.map((record) => {
      const same = kept.peek(placeOf({ collection, partition: partition(record), id: id(record) }))
      return same !== undefined && same !== absent && same.revision === record.revision ? (same as T) : record
    })
  }

  return {
    get<C extends Collection>(collection: C, partition: string, id: string) {
      const name = { collection, partition, id }
      const place = placeOf(name)
      if (!isCurrent() || changing.has(place)) return store.get(collection, partition, id)
      const found = kept.get(place)
      if (found === absent) return Promise.resolve(undefined)
      const record = found === undefined ? (reading.get(place) ?? readAndKeep(place, name)) : Promise.resolve(found)
      return record as Promise<Collections[C] | undefined>
    },
    async list(collection, query) {
      const before = commits
      const page = await store.list(collection, query)
      return { ...page, records: sameObjects(collection, page.records, before) }
    },
    async due(collection, instant, limit) {
      const before = commits
      return sameObjects(collection, await store.due(collection, instant, limit), before)
    },
    count: (collection, partition, within) => store.count(collection, partition, within),
    async commit(changes: readonly Change[], record) {
      const places = changes.map((change) => placeOf(nameOf(facts, change)))
      commits++
      for (const place of places) {
        changing.set(place, (changing.get(place) ?? 0) + 1)
        forget(place)
      }
      try {
        await store.commit(changes, record)
      } finally {
        commits++
        for (const place of places) {
          const others = (changing.get(place) ?? 1) - 1
          if (others > 0) changing.set(place, others)
          else changing.delete(place)
        }
      }
    },
    unsettled: () => store.unsettled(),
    settled: (requestIds) => store.settled(requestIds),
    backup: (toFile) => store.backup(toFile),
    check: () => store.check(),
    async close() {
      kept.clear()
      reading.clear()
      await store.close()
    },
  }
}

/** Kept where the store has no such record. */
const absent = Symbol('absent')

/** One text for each name: with its length before it, the partition cannot run into the id. */
function placeOf({ collection, partition, id }: RecordName): string {
  return `${collection}${partition.length}:${partition}${id}`
}

import { LRUCache } from 'lru-cache'
import type { Awaitable } from '../domain/awaitable.ts'
import type { Change, Store } from '../domain/ports.ts'
import type { Collection, Collections } from '../domain/records.ts'
import type { ForeignCommits, StoreEngine } from './engine.ts'
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
 * tell whether that was before the commit or after it. Where others commit as well, and only that they did is told, a
 * record is read again at its next use, and is the same object as before where nothing of it has changed. A read that was
 * overtaken is made again: who committed may have been answered by now.
 */
export function cachedStore(
  store: Store & ForeignCommits & Partial<Pick<StoreEngine, 'getWithNext'>>,
  { maximumRecords, facts = factsOfAll }: CacheOptions,
): Store {
  const kept = new LRUCache<string, Kept>({ max: maximumRecords })
  /** Reads whose answer may be kept and shared: those that nothing has overtaken. */
  const reading = new Map<string, Promise<AnyRecord | undefined>>()
  /** How many commits under way change a record. */
  const changing = new Map<string, number>()
  /** Commits, begun or ended. */
  let commits = 0
  /** As of the last look at what others may have committed; 0 where nobody else commits. */
  let generation: number | undefined = 0

  function forget(place: string): void {
    kept.delete(place)
    reading.delete(place)
  }

  store.watch?.((names) => {
    commits++
    for (const name of names) forget(placeOf(name))
  })

  /** What was kept at this very generation may be answered without a look. */
  function look(): number | undefined {
    if (store.generation === undefined) return 0
    const now = store.generation()
    if (now !== generation || now === undefined) {
      generation = now
      commits++
      reading.clear()
    }
    return now
  }

  /** `asOf` is the generation of before the read. */
  async function readAndKeep(
    place: string,
    name: RecordName,
    asOf: number | undefined,
  ): Promise<AnyRecord | undefined> {
    const answer = read(name, asOf)
    reading.set(place, answer)
    try {
      const record = await answer
      if (reading.get(place) !== answer)
        return asOf === undefined ? record : await get(name.collection, name.partition, name.id)
      return keep(place, record, asOf)
    } finally {
      if (reading.get(place) === answer) reading.delete(place)
    }
  }

  /** As the object that is kept already, where nothing has changed. */
  function keep(place: string, record: AnyRecord | undefined, asOf: number | undefined): AnyRecord | undefined {
    const before = kept.peek(place)?.record
    const same = isSame(before, record) ? before : record
    kept.set(place, { record: same, asOf })
    return same
  }

  /** Of what is read along, nothing is kept that a commit may have overtaken: it is then read when it is asked for. */
  async function read(
    { collection, partition, id }: RecordName,
    asOf: number | undefined,
  ): Promise<AnyRecord | undefined> {
    const { next: along } = facts[collection]
    if (along === undefined || store.getWithNext === undefined) return store.get(collection, partition, id)
    const before = commits
    const { record, next } = await store.getWithNext(collection, partition, id)
    if (next !== undefined && asOf !== undefined && commits === before && changing.size === 0) {
      const place = placeOf({ collection: along.collection, partition, id: facts[along.collection].id(next) })
      if (!reading.has(place)) keep(place, next, asOf)
    }
    return record
  }

  /** The objects that are kept already, in place of their equals: unless a commit may lie between the two. */
  function sameObjects<T extends AnyRecord>(collection: Collection, records: readonly T[], commitsBefore: number) {
    const now = look()
    if (commits !== commitsBefore || changing.size > 0) return records
    const { partition, id } = facts[collection]
    return records.map((record) => {
      const same = kept.peek(placeOf({ collection, partition: partition(record), id: id(record) }))
      if (same?.record?.revision !== record.revision) return record
      return same.asOf === now || isSame(same.record, record) ? (same.record as T) : record
    })
  }

  function get<C extends Collection>(
    collection: C,
    partition: string,
    id: string,
  ): Awaitable<Collections[C] | undefined> {
    const name = { collection, partition, id }
    const place = placeOf(name)
    const now = look()
    if (changing.size > 0 && changing.has(place)) return store.get(collection, partition, id)
    const found = kept.get(place)
    const isCurrent = found !== undefined && found.asOf === now && now !== undefined
    const record = isCurrent
      ? found.record
      : ((now === undefined ? undefined : reading.get(place)) ?? readAndKeep(place, name, now))
    return record as Awaitable<Collections[C] | undefined>
  }

  return {
    get,
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

type Kept = {
  /** Undefined: the store has no such record. */
  readonly record: AnyRecord | undefined
  /** At which generation it was read, or read again and found the same. */
  readonly asOf: number | undefined
}

/** Not by the revision alone: a record may have been removed and made anew. */
function isSame(before: AnyRecord | undefined, record: AnyRecord | undefined): boolean {
  return before?.revision === record?.revision && JSON.stringify(before) === JSON.stringify(record)
}

/** One text for each name: with its length before it, the partition cannot run into the id. */
function placeOf({ collection, partition, id }: RecordName): string {
  return `${collection}${partition.length}:${partition}${id}`
}

import { createHash } from 'node:crypto'
import type { Change } from '../domain/ports.ts'
import { type Collection, type Collections, collections } from '../domain/records.ts'
import type { Instant } from '../domain/time.ts'

export type AnyRecord = Collections[Collection]

/** How a collection is named, ordered and found, whatever its records are: see domain/records.ts. */
export type Facts = {
  readonly partition: (record: AnyRecord) => string
  readonly id: (record: AnyRecord) => string
  readonly indexes: Readonly<Record<string, (record: AnyRecord) => string | undefined>>
  readonly due?: (record: AnyRecord) => Instant | undefined
  readonly next?: { readonly collection: Collection; readonly index: string; readonly prefix: (id: string) => string }
}

export type FactsOfAll = Readonly<Record<Collection, Facts>>

/** The compiler cannot tie a collection to its record where both are variables: this one place vouches for it. */
export const factsOfAll = collections as unknown as FactsOfAll

export type RecordName = { readonly collection: Collection; readonly partition: string; readonly id: string }

/** A record as an engine keeps it: its text, and beside it whatever it is found by. */
export type Row = {
  readonly partition: string
  readonly id: string
  readonly revision: number
  readonly due: Instant | null
  /** In the order in which the collection names its indexes. */
  readonly indexed: readonly (string | null)[]
  /** JSON. */
  readonly text: string
}

/** As the facts of the collections promise. A longer one would be a bug, and a slow one. */
const longestIndexed = 512

/** Throws an ordinary error where a record breaks what its collection promises: a bug, not a wrong request. */
export function rowOf(facts: Facts, record: AnyRecord): Row {
  const { revision } = record
  if (!Number.isSafeInteger(revision) || revision < 1) throw new Error(`A record has revision ${revision}.`)
  const due = facts.due?.(record) ?? null
  if (due !== null && !Number.isSafeInteger(due)) throw new Error(`A record is due at ${due}, which is no instant.`)
  const indexed = Object.entries(facts.indexes).map(([index, valueIn]) => {
    const value = valueIn(record) ?? null
    if (value !== null && value.length > longestIndexed)
      throw new Error(`The index ${index} is given a value of ${value.length} characters.`)
    return value
  })
  return {
    partition: facts.partition(record),
    id: facts.id(record),
    revision,
    due,
    indexed,
    text: JSON.stringify(record),
  }
}

/**
 * How this version finds the records of a collection. The functions count with their own text: whoever changes one gets
 * the table built anew. What they call in turn is not seen here; for that the first records are looked at.
 */
export function fingerprintOf(facts: Facts): string {
  const parts: readonly unknown[] = [facts.partition, facts.id, facts.due, ...Object.entries(facts.indexes).flat()]
  const text = parts.map((part) => String(part).replaceAll(/\s+/g, ' '))
  return createHash('sha256').update(JSON.stringify(text)).digest('hex')
}

export function nameOf(facts: FactsOfAll, change: Change): RecordName {
  const collection = collectionOf(change)
  const { partition, id } = facts[collection]
  return { collection, partition: partition(change.record), id: id(change.record) }
}

export function collectionOf(change: Change): Collection {
  return 'put' in change ? change.put : change.remove
}

/** Frozen all the way down, since it is handed to everybody who asks. */
export function recordOf<C extends Collection>(text: string): Collections[C] {
  return frozen(JSON.parse(text))
}

export function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const member of Object.values(value)) frozen(member)
    Object.freeze(value)
  }
  return value
}

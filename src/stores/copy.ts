import { problem } from '../domain/errors.ts'
import type { AuditRecord } from '../domain/ports.ts'
import type { Collection } from '../domain/records.ts'
import type { StoreEngine } from './engine.ts'
import { type AnyRecord, type FactsOfAll, factsOfAll } from './rows.ts'

export type Copied = Readonly<Record<Collection, number>>

export type CopyOptions = {
  /** Told after each page, for whoever waits. */
  readonly progress?: (collection: Collection, records: number) => void
  readonly facts?: FactsOfAll
}

/**
 * Copies everything, revisions and unsettled audit records included, and then reads both stores again to compare them:
 * resolves with the number of records only when they hold the same. A Problem `Conflict` where the target holds anything
 * else, or the source changes meanwhile: stop what writes to it first.
 *
 * What broke off can simply be begun again: what is there already is compared, not written.
 */
export async function copyStore(from: StoreEngine, to: StoreEngine, options: CopyOptions = {}): Promise<Copied> {
  const facts = options.facts ?? factsOfAll
  for (const collection of Object.keys(facts) as Collection[]) {
    let copied = 0
    for await (const records of pages(from, collection, facts)) {
      await to.load(collection, records as never)
      copied += records.length
      options.progress?.(collection, copied)
    }
  }
  const there = (await to.unsettled()).map((record) => JSON.stringify(record))
  for (const record of await from.unsettled()) if (!there.includes(JSON.stringify(record))) await to.commit([], record)
  return compare(from, to, facts)
}

async function compare(from: StoreEngine, to: StoreEngine, facts: FactsOfAll): Promise<Copied> {
  const counts: [Collection, number][] = []
  for (const collection of Object.keys(facts) as Collection[]) {
    const copies = each(pages(to, collection, facts))
    let count = 0
    for await (const record of each(pages(from, collection, facts))) {
      const copy = await copies.next()
      if (copy.done || JSON.stringify(copy.value) !== JSON.stringify(record)) throw differs(collection)
      count++
    }
    if (!(await copies.next()).done) throw differs(collection)
    counts.push([collection, count])
  }
  if (unsettledText(await from.unsettled()) !== unsettledText(await to.unsettled())) throw differs('unsettled audit')
  return Object.fromEntries(counts) as Copied
}

function differs(what: string) {
  return problem('Conflict', {
    message: `The two stores do not hold the same ${what} records.`,
    mend: 'Copy into an empty store, while nothing writes to the other one.',
  })
}

/** In any order: a copy that was begun again may have them in another. */
function unsettledText(records: readonly AuditRecord[]): string {
  return JSON.stringify(records.map((record) => JSON.stringify(record)).sort())
}

const pageSize = 1_000

async function* pages(store: StoreEngine, collection: Collection, facts: FactsOfAll) {
  const { partition, id } = facts[collection]
  let after: { readonly partition: string; readonly id: string } | undefined
  for (;;) {
    const records: readonly AnyRecord[] = await store.scan(collection, after, pageSize)
    const last = records.at(-1)
    if (last === undefined) return
    yield records
    after = { partition: partition(last), id: id(last) }
  }
}

async function* each(pages: AsyncIterable<readonly AnyRecord[]>) {
  for await (const page of pages) yield* page
}

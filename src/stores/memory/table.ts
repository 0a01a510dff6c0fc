import type { CountQuery, ListQuery, Page } from '../../domain/ports.ts'
import type { Instant } from '../../domain/time.ts'
import { pageOf, readQuery } from '../position.ts'
import type { AnyRecord, Facts, Row } from '../rows.ts'
import { type SortedList, sortedList } from './sorted-list.ts'

export type Kept = { readonly row: Row; readonly record: AnyRecord }

/** The records of one collection, in every order they are asked for. */
export type Table<T extends AnyRecord> = {
  get(partition: string, id: string): Kept | undefined
  set(kept: Kept): void
  delete(partition: string, id: string): void
  list(query: ListQuery): Page<T>
  due(before: Instant, limit: number): readonly T[]
  count(partition: string, within?: CountQuery): number
  scan(after: { readonly partition: string; readonly id: string } | undefined, limit: number): readonly T[]
}

/** A place in one of the orders; the record is absent from what only looks for a place. */
type Entry = { readonly value: string; readonly id: string; readonly kept?: Kept }
type DueEntry = { readonly due: Instant; readonly partition: string; readonly id: string; readonly kept?: Kept }

type Partition = { readonly byId: Map<string, Kept>; readonly orders: ReadonlyMap<string, SortedList<Entry>> }

/** The name of the order by id, beside those of the indexes. */
const byId = ''

export function memoryTable<T extends AnyRecord>(facts: Facts): Table<T> {
  const indexes = Object.keys(facts.indexes)
  const partitions = new Map<string, Partition>()
  const dueOrder = sortedList<DueEntry>(
    (left, right) => left.due - right.due || byUnits(left.partition, right.partition) || byUnits(left.id, right.id),
  )

  function partitionNamed(name: string): Partition {
    let partition = partitions.get(name)
    if (partition === undefined) {
      const orders = new Map([byId, ...indexes].map((index) => [index, sortedList(byValueAndId)]))
      partition = { byId: new Map(), orders }
      partitions.set(name, partition)
    }
    return partition
  }

  function eachPlace(kept: Kept, act: (order: SortedList<Entry>, entry: Entry) => void): void {
    const { orders } = partitionNamed(kept.row.partition)
    const { id } = kept.row
    act(orders.get(byId) as SortedList<Entry>, { value: id, id, kept })
    indexes.forEach((index, at) => {
      const value = kept.row.indexed[at]
      if (typeof value === 'string') act(orders.get(index) as SortedList<Entry>, { value, id, kept })
    })
  }

  const table: Table<T> = {
    get: (partition, id) => partitions.get(partition)?.byId.get(id),
    set: (kept) => {
      const { partition, id, due } = kept.row
      table.delete(partition, id)
      partitionNamed(partition).byId.set(id, kept)
      eachPlace(kept, (order, entry) => order.add(entry))
      if (due !== null) dueOrder.add({ due, partition, id, kept })
    },
    delete: (partition, id) => {
      const kept = table.get(partition, id)
      if (kept === undefined) return
      partitions.get(partition)?.byId.delete(id)
      eachPlace(kept, (order, entry) => order.remove(entry))
      const { due } = kept.row
      if (due !== null) dueOrder.remove({ due, partition, id })
    },
    list: (query) => {
      const { after } = readQuery(facts, query)
      const order = partitions.get(query.partition)?.orders.get(query.index ?? byId)
      if (order === undefined) return { records: [] }
      const place = after && { value: query.index === undefined ? after.id : after.value, id: after.id }
      const prefix = query.prefix ?? ''
      let first = order.placeOf({ value: prefix, id: '' })
      let end = endOfPrefix(order, prefix, first)
      if (place !== undefined && query.reverse === true) end = Math.min(end, order.placeOf(place))
      if (place !== undefined && query.reverse !== true) first = Math.max(first, order.placeAfter(place))
      const wanted = query.limit + 1
      const found =
        query.reverse === true
          ? order.entries.slice(Math.max(first, end - wanted), Math.max(first, end)).reverse()
          : order.entries.slice(first, Math.min(end, first + wanted))
      return pageOf(facts, query, found.map(recordIn<T>))
    },
    due: (before, limit) =>
      dueOrder.entries
        .slice(0, Math.min(limit, dueOrder.placeOf({ due: before + 1, partition: '', id: '' })))
        .map(recordIn<T>),
    count: (partition, within) => {
      if (within === undefined) return partitions.get(partition)?.byId.size ?? 0
      const order = partitions.get(partition)?.orders.get(within.index)
      if (order === undefined) return 0
      const first = order.placeOf({ value: within.prefix, id: '' })
      return endOfPrefix(order, within.prefix, first) - first
    },
    scan: (after, limit) => {
      const found: T[] = []
      for (const name of [...partitions.keys()].sort(byUnits)) {
        if (after !== undefined && name < after.partition) continue
        const order = partitions.get(name)?.orders.get(byId)
        if (order === undefined) continue
        const first = name === after?.partition ? order.placeAfter({ value: after.id, id: after.id }) : 0
        for (const entry of order.entries.slice(first, first + limit - found.length)) found.push(recordIn<T>(entry))
        if (found.length === limit) break
      }
      return found
    },
  }
  return table
}

function recordIn<T extends AnyRecord>(entry: { readonly kept?: Kept }): T {
  if (entry.kept === undefined) throw new Error('An order of a memory table holds no record.')
  return entry.kept.record as T
}

/** The place behind the last value with this prefix: those that have it stand together, and `first` is where. */
function endOfPrefix(order: SortedList<Entry>, prefix: string, first: number): number {
  let low = first
  let high = order.entries.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (order.entries[middle]?.value.startsWith(prefix)) low = middle + 1
    else high = middle
  }
  return low
}

function byValueAndId(left: Entry, right: Entry): number {
  return byUnits(left.value, right.value) || byUnits(left.id, right.id)
}

function byUnits(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0
}

import type { AuditRecord, CountQuery, ListQuery, Page } from '../../domain/ports.ts'
import type { Collection, Collections } from '../../domain/records.ts'
import type { Instant } from '../../domain/time.ts'
import type { WithNext } from '../engine.ts'
import { pageOf, readQuery } from '../position.ts'
import { type FactsOfAll, frozen, recordOf } from '../rows.ts'
import { endOfPrefix, sortableText } from '../sortable-text.ts'
import type { Found, Value } from './pool.ts'
import { columnOf, type Tables } from './tables.ts'

export type Reader = {
  get<C extends Collection>(collection: C, partition: string, id: string): Promise<Collections[C] | undefined>
  getWithNext<C extends Collection>(collection: C, partition: string, id: string): Promise<WithNext<C>>
  list<C extends Collection>(collection: C, query: ListQuery): Promise<Page<Collections[C]>>
  due<C extends Collection>(collection: C, before: Instant, limit: number): Promise<readonly Collections[C][]>
  count(collection: Collection, partition: string, within?: CountQuery): Promise<number>
  scan<C extends Collection>(
    collection: C,
    after: { readonly partition: string; readonly id: string } | undefined,
    limit: number,
  ): Promise<readonly Collections[C][]>
  /** Of all nodes without a name. */
  unsettled(node?: string): Promise<readonly AuditRecord[]>
}

/** The query is carried out by whoever is given: a pool, or one transaction that sees one moment. */
export function readerOn(
  query: (text: string, values: readonly Value[]) => Promise<readonly Found[]>,
  tables: Tables,
  facts: FactsOfAll,
): Reader {
  async function records<C extends Collection>(
    collection: C,
    behindFrom: string,
    values: readonly Value[],
  ): Promise<readonly Collections[C][]> {
    const found = await query(`SELECT record FROM ${tables.records(collection)} ${behindFrom}`, values)
    return found.map((row) => recordOf<C>(String(row.record)))
  }

  async function get<C extends Collection>(collection: C, partition: string, id: string) {
    const values = [sortableText(partition), sortableText(id)]
    return (await records(collection, 'WHERE partition = $1 AND id = $2', values))[0]
  }

  return {
    get,
    getWithNext: async (collection, partition, id) => {
      const { next } = facts[collection]
      if (next === undefined) return { record: await get(collection, partition, id) }
      const prefix = sortableText(next.prefix(id))
      const column = columnOf(next.index)
      const found = await query(
        `SELECT 0 AS is_next, record FROM ${tables.records(collection)} WHERE partition = $1 AND id = $2
        UNION ALL SELECT 1, record FROM (SELECT record FROM ${tables.records(next.collection)}
          WHERE partition = $1 AND ${column} >= $3 AND ${column} < $4
          ORDER BY ${column} DESC, id DESC LIMIT 1) AS latest`,
        [sortableText(partition), sortableText(id), prefix, endOfPrefix(prefix)],
      )
      const recordAt = <D extends Collection>(place: number): Collections[D] | undefined => {
        const row = found.find(({ is_next }) => Number(is_next) === place)
        return row === undefined ? undefined : recordOf<D>(String(row.record))
      }
      return { record: recordAt(0), next: recordAt(1) }
    },
    list: async (collection, wanted) => {
      const { after } = readQuery(facts[collection], wanted)
      const column = wanted.index === undefined ? 'id' : columnOf(wanted.index)
      const values: Value[] = []
      const parameter = (value: Value): string => `$${values.push(value)}`
      const conditions = [`partition = ${parameter(sortableText(wanted.partition))}`]
      if (wanted.index !== undefined) conditions.push(`${column} IS NOT NULL`)
      if (wanted.prefix !== undefined) {
        const prefix = sortableText(wanted.prefix)
        conditions.push(`${column} >= ${parameter(prefix)}`, `${column} < ${parameter(endOfPrefix(prefix))}`)
      }
      const beyond = wanted.reverse === true ? '<' : '>'
      if (after !== undefined && wanted.index === undefined)
        conditions.push(`id ${beyond} ${parameter(sortableText(after.id))}`)
      else if (after !== undefined)
        conditions.push(
          `(${column}, id) ${beyond} (${parameter(sortableText(after.value))}, ${parameter(sortableText(after.id))})`,
        )
      const direction = wanted.reverse === true ? 'DESC' : 'ASC'
      const order = wanted.index === undefined ? `id ${direction}` : `${column} ${direction}, id ${direction}`
      const limit = `${parameter(wanted.limit + 1)}::bigint`
      const found = await records(
        collection,
        `WHERE ${conditions.join(' AND ')} ORDER BY ${order} LIMIT ${limit}`,
        values,
      )
      return pageOf(facts[collection], wanted, found)
    },
    due: (collection, before, limit) =>
      records(collection, 'WHERE due <= $1::bigint ORDER BY due, partition, id LIMIT $2::bigint', [before, limit]),
    count: async (collection, partition, within) => {
      let statement = `SELECT count(*) AS records FROM ${tables.records(collection)} WHERE partition = $1`
      const values = [sortableText(partition)]
      if (within !== undefined) {
        const column = columnOf(within.index)
        const prefix = sortableText(within.prefix)
        statement += ` AND ${column} IS NOT NULL AND ${column} >= $2 AND ${column} < $3`
        values.push(prefix, endOfPrefix(prefix))
      }
      return Number((await query(statement, values))[0]?.records)
    },
    scan: (collection, after, limit) =>
      after === undefined
        ? records(collection, 'ORDER BY partition, id LIMIT $1::bigint', [limit])
        : records(collection, 'WHERE (partition, id) > ($1, $2) ORDER BY partition, id LIMIT $3::bigint', [
            sortableText(after.partition),
            sortableText(after.id),
            limit,
          ]),
    unsettled: async (node) => {
      const statement = `SELECT record FROM ${tables.unsettled} WHERE node = $1 OR $1 IS NULL ORDER BY sequence`
      return (await query(statement, [node ?? null])).map((row) =>
        frozen(JSON.parse(String(row.record)) as AuditRecord),
      )
    },
  }
}

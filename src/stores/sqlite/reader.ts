import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import type { AuditRecord, CountQuery, ListQuery, Page } from '../../domain/ports.ts'
import type { Collection, Collections } from '../../domain/records.ts'
import type { Instant } from '../../domain/time.ts'
import type { WithNext } from '../engine.ts'
import { pageOf, readQuery } from '../position.ts'
import { type FactsOfAll, frozen, recordOf } from '../rows.ts'
import { endOfPrefix, sortableText } from '../sortable-text.ts'
import { columnOf, tableOf } from './schema.ts'

/** Reads on the calling thread, at the latest commit: a point read takes some microseconds. */
export type Reader = {
  get<C extends Collection>(collection: C, partition: string, id: string): Collections[C] | undefined
  getWithNext<C extends Collection>(collection: C, partition: string, id: string): WithNext<C>
  list<C extends Collection>(collection: C, query: ListQuery): Page<Collections[C]>
  due<C extends Collection>(collection: C, before: Instant, limit: number): readonly Collections[C][]
  count(collection: Collection, partition: string, within?: CountQuery): number
  scan<C extends Collection>(
    collection: C,
    after: { readonly partition: string; readonly id: string } | undefined,
    limit: number,
  ): readonly Collections[C][]
  unsettled(): readonly { readonly log: number; readonly record: AuditRecord }[]
  /** Can it be read? */
  check(): void
}

export function readerOn(database: DatabaseSync, facts: FactsOfAll): Reader {
  const statements = new Map<string, StatementSync>()

  /** The texts a query selects. There are as many queries as there are shapes of them, and each is compiled once. */
  function texts(query: string, ...values: SQLInputValue[]): readonly string[] {
    let statement = statements.get(query)
    if (statement === undefined) {
      statement = database.prepare(query)
      statement.setReturnArrays(true)
      statements.set(query, statement)
    }
    return (statement.all(...values) as unknown as [string][]).map(([text]) => text)
  }

  const pointReads = Object.fromEntries(
    Object.keys(facts).map((collection) => [
      collection,
      database.prepare(`${selectText(collection)} WHERE r.partition = ? AND r.id = ?`),
    ]),
  ) as Record<Collection, StatementSync>
  const countRead = database.prepare('SELECT records FROM tally WHERE collection = ? AND partition = ?')
  const checkRead = database.prepare('SELECT writes FROM probe')
  const unsettledRead = database.prepare('SELECT log, record FROM unsettled ORDER BY sequence')

  const readsWithNext = new Map<string, { statement: StatementSync; prefix: (id: string) => string }>()
  for (const [collection, { next }] of Object.entries(facts)) {
    if (next === undefined) continue
    const column = `r.${columnOf(next.index)}`
    const statement = database.prepare(
      `SELECT 0 AS is_next, * FROM (${selectText(collection)} WHERE r.partition = ?1 AND r.id = ?2)
      UNION ALL SELECT 1, * FROM (${selectText(next.collection)} WHERE r.partition = ?1
        AND ${column} >= ?3 AND ${column} < ?4 ORDER BY ${column} DESC, r.id DESC LIMIT 1)`,
    )
    readsWithNext.set(collection, { statement, prefix: next.prefix })
  }

  function get<C extends Collection>(collection: C, partition: string, id: string): Collections[C] | undefined {
    const found = pointReads[collection].get(sortableText(partition), sortableText(id))
    return found && recordOf(found.text as string)
  }

  return {
    get,
    getWithNext: (collection, partition, id) => {
      const along = readsWithNext.get(collection)
      if (along === undefined) return { record: get(collection, partition, id) }
      const prefix = sortableText(along.prefix(id))
      const found = along.statement.all(sortableText(partition), sortableText(id), prefix, endOfPrefix(prefix))
      const textOf = (place: number) => found.find((row) => row.is_next === place)?.text as string | undefined
      const [text, nextText] = [textOf(0), textOf(1)]
      return {
        record: text === undefined ? undefined : recordOf(text),
        next: nextText === undefined ? undefined : recordOf(nextText),
      }
    },
    list: (collection, query) => {
      const { after } = readQuery(facts[collection], query)
      const column = query.index === undefined ? 'r.id' : `r.${columnOf(query.index)}`
      const conditions = ['r.partition = ?']
      const values: SQLInputValue[] = [sortableText(query.partition)]
      if (query.index !== undefined) conditions.push(`${column} IS NOT NULL`)
      if (query.prefix !== undefined) {
        conditions.push(`${column} >= ?`, `${column} < ?`)
        values.push(sortableText(query.prefix), endOfPrefix(sortableText(query.prefix)))
      }
      const beyond = query.reverse === true ? '<' : '>'
      if (after !== undefined && query.index === undefined) {
        conditions.push(`r.id ${beyond} ?`)
        values.push(sortableText(after.id))
      } else if (after !== undefined) {
        conditions.push(`(${column}, r.id) ${beyond} (?, ?)`)
        values.push(sortableText(after.value), sortableText(after.id))
      }
      const direction = query.reverse === true ? 'DESC' : 'ASC'
      const order = query.index === undefined ? `r.id ${direction}` : `${column} ${direction}, r.id ${direction}`
      const found = texts(
        `${selectText(collection)} WHERE ${conditions.join(' AND ')} ORDER BY ${order} LIMIT ?`,
        ...values,
        query.limit + 1,
      )
      return pageOf(facts[collection], query, found.map(recordOf<typeof collection>))
    },
    due: (collection, before, limit) =>
      texts(`${selectText(collection)} WHERE r.due <= ? ORDER BY r.due, r.partition, r.id LIMIT ?`, before, limit).map(
        recordOf<typeof collection>,
      ),
    count: (collection, partition, within) => {
      if (within === undefined) return Number(countRead.get(collection, sortableText(partition))?.records ?? 0)
      const column = columnOf(within.index)
      const prefix = sortableText(within.prefix)
      const [found = '0'] = texts(
        `SELECT count(*) FROM ${tableOf(collection)}
        WHERE partition = ? AND ${column} IS NOT NULL AND ${column} >= ? AND ${column} < ?`,
        sortableText(partition),
        prefix,
        endOfPrefix(prefix),
      )
      return Number(found)
    },
    scan: (collection, after, limit) => {
      const from = after === undefined ? '' : 'WHERE (r.partition, r.id) > (?, ?)'
      const values = after === undefined ? [] : [sortableText(after.partition), sortableText(after.id)]
      return texts(`${selectText(collection)} ${from} ORDER BY r.partition, r.id LIMIT ?`, ...values, limit).map(
        recordOf<typeof collection>,
      )
    },
    check: () => {
      checkRead.get()
    },
    unsettled: () =>
      unsettledRead.all().map(({ log, record }) => ({
        log: Number(log),
        record: frozen(JSON.parse(String(record)) as AuditRecord),
      })),
  }
}

function selectText(collection: string): string {
  return `SELECT c.text FROM ${tableOf(collection)} r CROSS JOIN content c ON c.slot = r.slot`
}

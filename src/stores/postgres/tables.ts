import type { Collection } from '../../domain/records.ts'
import { type Facts, type FactsOfAll, recordOf, rowOf } from '../rows.ts'
import { sortableText } from '../sortable-text.ts'

/** The tables of one installation, in a schema of their own. Names are checked: they stand in statements as they are. */
export type Tables = {
  readonly schema: string
  /** Of a collection: its records and what they are found by. */
  readonly records: (collection: Collection) => string
  readonly installation: string
  readonly collections: string
  readonly commits: string
  readonly unsettled: string
  readonly leases: string
  readonly once: string
  /** Where commits are told to the other nodes (LISTEN). */
  readonly channel: string
}

export function tablesIn(schema: string): Tables {
  const inSchema = (name: string) => `${quoted(schema)}.${quoted(name)}`
  return {
    schema: quoted(schema),
    records: (collection) => inSchema(`record_${collection}`),
    installation: inSchema('installation'),
    collections: inSchema('collection'),
    commits: inSchema('commit'),
    unsettled: inSchema('unsettled'),
    leases: inSchema('lease'),
    once: inSchema('once'),
    channel: quoted(`keyward_${schema}`),
  }
}

export function columnOf(index: string): string {
  return quoted(`by_${index}`)
}

export function quoted(name: string): string {
  if (!/^[A-Za-z][A-Za-z0-9_]{0,40}$/.test(name)) throw new Error(`${name} cannot name a schema, a table or a column.`)
  return `"${name}"`
}

/** The columns of a record, in the order of `valuesOf`. */
export function columnsOf(facts: Facts): readonly string[] {
  return ['partition', 'id', 'revision', 'due', 'record', ...Object.keys(facts.indexes).map(columnOf)]
}

/** Of the same columns: what an array of their values is. */
export function arrayTypesOf(facts: Facts): readonly string[] {
  return columnsOf(facts).map((column) => (column === 'revision' || column === 'due' ? 'bigint[]' : 'text[]'))
}

export type Values = readonly (string | number | null)[]

export function valuesOf(facts: Facts, record: Parameters<Facts['id']>[0]): Values {
  const row = rowOf(facts, record)
  const indexed = row.indexed.map((value) => (value === null ? null : sortableText(value)))
  return [sortableText(row.partition), sortableText(row.id), row.revision, row.due, row.text, ...indexed]
}

export function valuesOfText(facts: Facts, text: string): Values {
  return valuesOf(facts, recordOf<Collection>(text))
}

export function createRecords(tables: Tables, collection: Collection, facts: Facts): readonly string[] {
  const table = tables.records(collection)
  return [
    `CREATE TABLE ${table} (
      partition text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL, revision bigint NOT NULL, due bigint,
      record text NOT NULL, PRIMARY KEY (partition, id))`,
    `CREATE INDEX ${quoted(`record_${collection}_due`)} ON ${table} (due, partition, id) WHERE due IS NOT NULL`,
    ...Object.keys(facts.indexes).flatMap((index) => addIndex(tables, collection, index)),
  ]
}

function addIndex(tables: Tables, collection: Collection, index: string): readonly string[] {
  const table = tables.records(collection)
  const column = columnOf(index)
  return [
    `ALTER TABLE ${table} ADD COLUMN ${column} text COLLATE "C"`,
    `CREATE INDEX ${quoted(`record_${collection}_by_${index}`)} ON ${table} (partition, ${column}, id)
      WHERE ${column} IS NOT NULL`,
  ]
}

/** The names of the collections this version knows. */
export function collectionsOf(facts: FactsOfAll): readonly Collection[] {
  return Object.keys(facts) as Collection[]
}

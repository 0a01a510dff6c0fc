import type { DatabaseSync } from 'node:sqlite'
import { problem } from '../../domain/errors.ts'
import { type Facts, type FactsOfAll, fingerprintOf, recordOf, rowOf } from '../rows.ts'
import { sortableText } from '../sortable-text.ts'

/** 'KEYW' in the header of the file, so that no other program's database is taken for one of ours. */
const applicationId = 0x4b455957

/**
 * What brings a file from version n to n + 1, in order; the version stands in the file's header. Only ever forward: a
 * line here is never changed once a release carried it.
 *
 * `content` holds the texts of all records; its rows are never deleted, moved or resized (see content.ts for why).
 */
const migrations: readonly string[] = [
  `
  CREATE TABLE content (slot INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;
  CREATE TABLE vacant (size INTEGER NOT NULL, slot INTEGER NOT NULL, PRIMARY KEY (size, slot)) STRICT, WITHOUT ROWID;
  CREATE TABLE collection (name TEXT PRIMARY KEY, facts TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE tally (
    collection TEXT NOT NULL, partition TEXT NOT NULL, records INTEGER NOT NULL, PRIMARY KEY (collection, partition)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE unsettled (sequence INTEGER PRIMARY KEY AUTOINCREMENT, request_id TEXT NOT NULL, record TEXT NOT NULL) STRICT;
  CREATE INDEX unsettled_request ON unsettled (request_id);
  CREATE TABLE probe (only INTEGER PRIMARY KEY CHECK (only = 1), writes INTEGER NOT NULL) STRICT;
  INSERT INTO probe VALUES (1, 0);
  `,
  // Several processes: which of them keeps which audit record, and which of their commits were made.
  `
  ALTER TABLE unsettled ADD COLUMN log INTEGER NOT NULL DEFAULT 0;
  CREATE TABLE made (commit_id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
  `,
]

/** Brings a new or older file up to date, in one transaction; refuses one that this version of the service cannot read. */
export function migrate(database: DatabaseSync, facts: FactsOfAll): void {
  database.exec('BEGIN IMMEDIATE')
  try {
    const version = versionOf(database)
    for (const migration of migrations.slice(version)) database.exec(migration)
    database.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${migrations.length}`)
    for (const [collection, own] of Object.entries(facts)) bringUpToDate(database, collection, own)
    requireKnown(database, facts)
    database.exec('COMMIT')
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}

/** For a process that only reads: the file must be as this version of the service writes it. */
export function requireCurrent(database: DatabaseSync, facts: FactsOfAll): void {
  const version = versionOf(database)
  const kept = version === migrations.length ? keptFacts(database) : new Map<string, string>()
  for (const [collection, own] of Object.entries(facts))
    if (kept.get(collection) !== fingerprintOf(own))
      throw problem('StoreUnavailable', {
        message: 'The data file was written by an older version of Keyward.',
        mend: 'Start this version once so that it can write to the file; it brings the file up to date.',
      })
  requireKnown(database, facts)
}

function versionOf(database: DatabaseSync): number {
  const version = numberOf(database, 'PRAGMA user_version')
  const application = numberOf(database, 'PRAGMA application_id')
  const isNew = application === 0 && version === 0 && numberOf(database, 'SELECT count(*) FROM sqlite_schema') === 0
  if (application !== applicationId && !isNew)
    throw problem('StoreUnavailable', {
      message: 'The data file is an SQLite database of another program.',
      mend: 'Name another data file.',
    })
  if (version > migrations.length)
    throw newer(`It has format ${version}; this version knows formats up to ${migrations.length}.`)
  return version
}

/** A collection this version knows nothing of may hold something that forbids what this version would allow. */
function requireKnown(database: DatabaseSync, facts: FactsOfAll): void {
  for (const collection of keptFacts(database).keys())
    if (!Object.hasOwn(facts, collection))
      throw newer(`It keeps "${collection}" records, which this version cannot read.`)
}

function newer(why: string) {
  return problem('StoreUnavailable', {
    message: `The data file was written by a newer version of Keyward. ${why}`,
    mend: 'Run that version, or restore a backup that was made with this one.',
  })
}

function numberOf(database: DatabaseSync, query: string): number {
  return Number(Object.values(database.prepare(query).get() ?? {})[0])
}

function keptFacts(database: DatabaseSync): ReadonlyMap<string, string> {
  return new Map(
    database
      .prepare('SELECT name, facts FROM collection')
      .all()
      .map((row) => [String(row.name), String(row.facts)]),
  )
}

// ------------------------------------------------------------------------------------------------- tables by collection

/** A table of records: `key` for the collection `key`. What they hold is in `content`; here is how they are found. */
export function tableOf(collection: string): string {
  return quoted(`record_${collection}`)
}

export function columnOf(index: string): string {
  return quoted(`by_${index}`)
}

function quoted(name: string): string {
  if (!/^[A-Za-z_]+$/.test(name)) throw new Error(`${name} cannot name a table or a column.`)
  return `"${name}"`
}

function bringUpToDate(database: DatabaseSync, collection: string, facts: Facts): void {
  const fingerprint = fingerprintOf(facts)
  const kept = keptFacts(database).get(collection)
  if (kept === fingerprint && firstRecordsAreInPlace(database, collection, facts)) return
  if (kept === undefined) createTable(database, collection, facts)
  else rebuildTable(database, collection, facts)
  createIndexes(database, collection, facts)
  database
    .prepare('INSERT INTO collection VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET facts = excluded.facts')
    .run(collection, fingerprint)
}

function createTable(database: DatabaseSync, collection: string, facts: Facts): void {
  const columns = Object.keys(facts.indexes).map((index) => `${columnOf(index)} TEXT,`)
  database.exec(`
    CREATE TABLE ${tableOf(collection)} (
      partition TEXT NOT NULL, id TEXT NOT NULL, revision INTEGER NOT NULL, slot INTEGER NOT NULL, due INTEGER,
      ${columns.join(' ')} PRIMARY KEY (partition, id)
    ) STRICT, WITHOUT ROWID`)
}

function createIndexes(database: DatabaseSync, collection: string, facts: Facts): void {
  const table = tableOf(collection)
  for (const index of Object.keys(facts.indexes)) {
    const column = columnOf(index)
    database.exec(`
      CREATE INDEX ${quoted(`${collection}_by_${index}`)} ON ${table} (partition, ${column}, id)
      WHERE ${column} IS NOT NULL`)
  }
  database.exec(`CREATE INDEX ${quoted(`${collection}_due`)} ON ${table} (due, partition, id) WHERE due IS NOT NULL`)
}

/** The values of a row in the order of `createTable`, the slot in the place it has there. */
function valuesOf(facts: Facts, text: string, slot: number): (string | number | null)[] {
  const row = rowOf(facts, recordOf(text))
  const indexed = row.indexed.map((value) => (value === null ? null : sortableText(value)))
  return [sortableText(row.partition), sortableText(row.id), row.revision, slot, row.due, ...indexed]
}

function rebuildTable(database: DatabaseSync, collection: string, facts: Facts): void {
  const table = tableOf(collection)
  const old = quoted(`old_${collection}`)
  database.exec(`ALTER TABLE ${table} RENAME TO ${old}`)
  for (const index of database.prepare(`PRAGMA index_list(${old})`).all())
    if (index.origin === 'c') database.exec(`DROP INDEX ${quoted(String(index.name))}`)
  createTable(database, collection, facts)
  const marks = Array.from({ length: 5 + Object.keys(facts.indexes).length }, () => '?')
  const insert = database.prepare(`INSERT INTO ${table} VALUES (${marks.join(', ')})`)
  const records = database.prepare(`SELECT o.slot, c.text FROM ${old} o JOIN content c ON c.slot = o.slot`)
  for (const record of records.iterate()) insert.run(...valuesOf(facts, String(record.text), Number(record.slot)))
  database.exec(`DROP TABLE ${old}`)
  database.prepare('DELETE FROM tally WHERE collection = ?').run(collection)
  database.exec(`
    INSERT INTO tally SELECT '${collection}', partition, count(*) FROM ${table} GROUP BY partition`)
}

/** Enough to notice a changed helper of the facts, few enough to cost nothing at every start. */
const firstRecords = 32

function firstRecordsAreInPlace(database: DatabaseSync, collection: string, facts: Facts): boolean {
  const columns = ['partition', 'id', 'revision', 'slot', 'due', ...Object.keys(facts.indexes).map(columnOf)]
  const first = database.prepare(`
    SELECT c.text, ${columns.map((column) => `r.${column}`).join(', ')}
    FROM ${tableOf(collection)} r JOIN content c ON c.slot = r.slot LIMIT ${firstRecords}`)
  first.setReturnArrays(true)
  return first.all().every((found) => {
    const [text, ...kept] = found as unknown as (string | number | null)[]
    const wanted = valuesOf(facts, String(text), Number(kept[3]))
    return wanted.every((value, at) => value === kept[at])
  })
}

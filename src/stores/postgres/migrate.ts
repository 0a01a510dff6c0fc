import { setTimeout as wait } from 'node:timers/promises'
import type postgres from 'postgres'
import { problem } from '../../domain/errors.ts'
import type { Collection } from '../../domain/records.ts'
import { type Facts, type FactsOfAll, fingerprintOf } from '../rows.ts'
import { arrayText } from './array.ts'
import { connect, explained, type PoolOptions, Refused } from './pool.ts'
import { arrayTypesOf, collectionsOf, columnsOf, createRecords, quoted, type Tables, valuesOfText } from './tables.ts'

/**
 * What brings an installation from version n to n + 1, in order. Only ever forward: a line here is never changed once a
 * release carried it.
 */
const migrations: readonly ((tables: Tables) => readonly string[])[] = [
  (tables) => [
    `CREATE TABLE ${tables.collections} (name text PRIMARY KEY, facts text NOT NULL)`,
    // See commit.ts: did my commit happen?
    `CREATE TABLE ${tables.commits} (
      id text PRIMARY KEY, outcome text NOT NULL, made_at timestamptz NOT NULL DEFAULT now())`,
    `CREATE TABLE ${tables.unsettled} (
      sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      node text NOT NULL, request_id text NOT NULL, record text NOT NULL)`,
    `CREATE INDEX unsettled_request ON ${tables.unsettled} (node, request_id)`,
  ],
  (tables) => [
    // See lease.ts: what did others change? who answers from memory?
    `ALTER TABLE ${tables.commits} ADD COLUMN names text NOT NULL DEFAULT ''`,
    `CREATE TABLE ${tables.leases} (
      node text PRIMARY KEY, instance text NOT NULL, lease_ms bigint NOT NULL, renewals bigint NOT NULL,
      acknowledged text NOT NULL)`,
  ],
  (tables) => [
    // See once.ts: was this used already, at any node?
    `CREATE TABLE ${tables.once} (name text PRIMARY KEY, until bigint NOT NULL)`,
    `CREATE INDEX once_until ON ${tables.once} (until)`,
  ],
]

/** What one of several nodes that start at once may meet while another creates the same: it looks again. */
const metAnother = new Set(['23505', '42P06', '42P07', '42701', '42710', '40001', '40P01', 'XX000'])
const attempts = 20

/**
 * Creates the installation or brings it up to date, and answers its epoch: a number that grows with each change of its
 * tables, by which nodes of another version notice that they must not write any more (commit.ts).
 *
 * Several nodes may do this at once. What keeps them apart is a row that each locks first, not an advisory lock: engines
 * that speak PostgreSQL's protocol accept advisory locks without having them, but every one of them locks rows.
 */
export async function migrate(options: PoolOptions, tables: Tables, facts: FactsOfAll): Promise<number> {
  const database = connect(options, { max: 1, connection: { application_name: 'keyward', statement_timeout: 0 } })
  try {
    await requireSuited(database)
    for (let attempt = 1; ; attempt++) {
      try {
        await create(database, tables)
        return await bringUpToDate(database, tables, facts)
      } catch (error) {
        const told = explained(error)
        if (!(told instanceof Refused) || !metAnother.has(told.code) || attempt === attempts) throw told
      }
      await wait(50)
    }
  } catch (error) {
    throw explained(error)
  } finally {
    await database.end({ timeout: 1 }).catch(() => {})
  }
}

/** Settings of the server under which the store could not keep its word. */
async function requireSuited(database: postgres.Sql): Promise<void> {
  const [row] = await database.unsafe<Record<string, string>[]>(`
    SELECT current_setting('server_encoding') AS encoding, current_setting('synchronous_commit') AS synchronous`)
  if (row?.encoding !== 'UTF8')
    throw problem('StoreUnavailable', { message: `The database is encoded in ${row?.encoding}. It must be UTF8.` })
  if (row.synchronous === 'off')
    throw problem('StoreUnavailable', {
      message: 'The database answers commits before they are on disk.',
      mend: 'Set synchronous_commit to on for this database or this user.',
    })
}

async function create(database: postgres.Sql, tables: Tables): Promise<void> {
  await database.unsafe(`CREATE SCHEMA IF NOT EXISTS ${tables.schema}`)
  await database.unsafe(`
    CREATE TABLE IF NOT EXISTS ${tables.installation} (
      only_row int PRIMARY KEY CHECK (only_row = 1), version bigint NOT NULL, epoch bigint NOT NULL)`)
  await database.unsafe(`INSERT INTO ${tables.installation} VALUES (1, 0, 0) ON CONFLICT DO NOTHING`)
}

async function bringUpToDate(database: postgres.Sql, tables: Tables, facts: FactsOfAll): Promise<number> {
  const epoch = await database.begin(async (transaction) => {
    const [row] = await transaction.unsafe<{ version: string; epoch: string }[]>(
      `SELECT version, epoch FROM ${tables.installation} WHERE only_row = 1 FOR UPDATE`,
    )
    const version = Number(row?.version)
    if (version > migrations.length)
      throw newer(`It has format ${version}; this version knows formats up to ${migrations.length}.`)
    for (const migration of migrations.slice(version)) await all(transaction, migration(tables))

    const kept = await keptFacts(transaction, tables)
    for (const name of kept.keys())
      if (!Object.hasOwn(facts, name)) throw newer(`It keeps "${name}" records, which this version cannot read.`)

    let changed = version < migrations.length
    for (const collection of collectionsOf(facts)) {
      const own = facts[collection]
      const fingerprint = fingerprintOf(own)
      const found = kept.get(collection)
      if (found === fingerprint && (await firstRecordsAreInPlace(transaction, tables, collection, own))) continue
      if (found === undefined) await all(transaction, createRecords(tables, collection, own))
      else await rebuild(transaction, tables, collection, own)
      await transaction.unsafe(
        `INSERT INTO ${tables.collections} VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET facts = excluded.facts`,
        [collection, fingerprint],
      )
      changed = true
    }
    const next = Number(row?.epoch) + (changed ? 1 : 0)
    await transaction.unsafe(`UPDATE ${tables.installation} SET version = $1::bigint, epoch = $2::bigint`, [
      migrations.length,
      next,
    ])
    return next
  })
  return Number(epoch)
}

function newer(why: string) {
  return problem('StoreUnavailable', {
    message: `The database was written by a newer version of Keyward. ${why}`,
    mend: 'Run that version, or restore a backup that was made with this one.',
  })
}

async function all(transaction: postgres.TransactionSql, statements: readonly string[]): Promise<void> {
  for (const statement of statements) await transaction.unsafe(statement)
}

async function keptFacts(transaction: postgres.TransactionSql, tables: Tables): Promise<ReadonlyMap<string, string>> {
  const rows = await transaction.unsafe<{ name: string; facts: string }[]>(
    `SELECT name, facts FROM ${tables.collections}`,
  )
  return new Map(rows.map((row) => [row.name, row.facts]))
}

/** Enough to notice a changed helper of the facts, few enough to cost nothing at every start. */
const firstRecords = 32

async function firstRecordsAreInPlace(
  transaction: postgres.TransactionSql,
  tables: Tables,
  collection: Collection,
  facts: Facts,
): Promise<boolean> {
  const columns = columnsOf(facts)
  const rows = await transaction.unsafe<Record<string, unknown>[]>(
    `SELECT ${columns.join(', ')} FROM ${tables.records(collection)} ORDER BY partition, id LIMIT ${firstRecords}`,
  )
  return rows.every((row) => {
    const wanted = valuesOfText(facts, String(row.record))
    return Object.values(row).every((value, at) => String(value) === String(wanted[at]))
  })
}

const rebuildSize = 1_000

/** The old table becomes the source of a new one. Whoever reads or writes waits until it is done. */
async function rebuild(
  transaction: postgres.TransactionSql,
  tables: Tables,
  collection: Collection,
  facts: Facts,
): Promise<void> {
  const table = tables.records(collection)
  const old = `${tables.schema}.${quoted('old_records')}`
  await transaction.unsafe(`ALTER TABLE ${table} RENAME TO ${quoted('old_records')}`)
  const indexes = await transaction.unsafe<{ name: string; is_key: boolean }[]>(`
    SELECT c.relname AS name, i.indisprimary AS is_key FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE i.indrelid = '${old}'::regclass`)
  for (const { name, is_key } of indexes)
    if (!is_key) await transaction.unsafe(`DROP INDEX ${tables.schema}.${quoted(name)}`)
  await all(transaction, createRecords(tables, collection, facts))
  let after: readonly string[] = ['', '']
  for (;;) {
    const rows = await transaction.unsafe<{ partition: string; id: string; record: string }[]>(
      `SELECT partition, id, record FROM ${old} WHERE (partition, id) > ($1, $2) ORDER BY partition, id LIMIT ${rebuildSize}`,
      [...after],
    )
    const last = rows.at(-1)
    if (last === undefined) break
    after = [last.partition, last.id]
    const values = rows.map((row) => valuesOfText(facts, row.record))
    const arrays = arrayTypesOf(facts).map((type, at) => ({
      type,
      text: arrayText(values.map((value) => value[at] ?? null)),
    }))
    await transaction.unsafe(
      `INSERT INTO ${table} (${columnsOf(facts).join(', ')})
       SELECT * FROM unnest(${arrays.map(({ type }, at) => `$${at + 1}::${type}`).join(', ')})`,
      arrays.map(({ text }) => text),
    )
  }
  await transaction.unsafe(`DROP TABLE ${old}`)
}

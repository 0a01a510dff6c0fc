import { setTimeout as wait } from 'node:timers/promises'
import { problem } from '../../domain/errors.ts'
import type { AuditRecord, Change, Random } from '../../domain/ports.ts'
import type { Collection } from '../../domain/records.ts'
import { type AnyRecord, collectionOf, type FactsOfAll, nameOf, type RecordName } from '../rows.ts'
import { sortableText } from '../sortable-text.ts'
import { announcementOf, textOfNames } from './announcement.ts'
import { arrayText } from './array.ts'
import type { Expected } from './lease.ts'
import { Lost, type Pool, Refused, unavailable, type Value } from './pool.ts'
import { arrayTypesOf, columnsOf, type Tables, type Values, valuesOf } from './tables.ts'

/**
 * A commit is one statement, and so one round trip: it changes everything, finds whether each change met the revision it
 * expected, and divides by zero where one did not, which takes everything back.
 *
 * With its changes the statement leaves a mark that nobody else can leave. If the connection is lost before the answer
 * comes, the mark tells: we try to leave it ourselves, as `abandoned`. If the statement is still under way that waits for
 * it; if it was carried out the mark is there already; and if it never was, it never will be, since the mark is taken.
 *
 * The mark also tells the other nodes what was changed. It stays until all of them have dropped that from their memory, and
 * only then is the commit answered (lease.ts).
 */
export type Committer = {
  commit(changes: readonly Change[], record: AuditRecord | undefined): Promise<void>
  load(collection: Collection, records: readonly AnyRecord[]): Promise<void>
  settle(requestIds: readonly string[]): void
  /** Settled but not written yet. */
  readonly settling: ReadonlySet<string>
  /** Writes something that nobody reads. */
  probe(): Promise<void>
  /** A commit of this process of which it was never learnt whether it happened: it must be heard of like another's. */
  isOwn(commitId: string): boolean
  /** Writes what was settled, and removes the marks of what was answered. */
  flush(): Promise<void>
  /** Marks of commits that were answered: nobody needs them any more. */
  readonly finished: { take(): readonly string[]; putBack(commitIds: readonly string[]): void }
}

export type CommitterOptions = {
  readonly pool: Pool
  readonly tables: Tables
  readonly facts: FactsOfAll
  readonly random: Pick<Random, 'uuid'>
  /** Whose unsettled records are whose. */
  readonly node: string
  readonly epoch: number
  /** Are the other nodes told by NOTIFY, in the same transaction? */
  readonly notifies: boolean
  /** Of the other nodes, which must know of a commit before it is answered. */
  readonly expect: (commitId: string) => Expected
}

const divisionByZero = '22012'
/** Nothing happened, and it may well go through the next time: a deadlock, a serialization failure. */
const onceMore = new Set(['40001', '40P01'])
const mostAttempts = 12

export function committerOn(options: CommitterOptions): Committer {
  const { pool, tables, facts, random, epoch } = options
  const settling = new Set<string>()
  /** Of those, what no commit under way carries. */
  let toSettle: string[] = []
  let answered: string[] = []
  /** Of late, in order: a notification comes soon after its commit. */
  const own = new Set<string>()

  /** Without names nothing was changed that anybody keeps in memory. */
  async function run(parts: readonly Part[], names?: readonly RecordName[] | 'many', kept?: Kept): Promise<void> {
    const settled = toSettle
    toSettle = []
    const finished = answered
    answered = []
    let made: { readonly commitId: string; readonly expected: Expected } | undefined
    try {
      for (let attempt = 1; made === undefined; attempt++) {
        const commitId = random.uuid()
        const statement = commitStatement(options, { commitId, parts, finished, settled, names, kept })
        const expected = options.expect(commitId)
        let done = false
        try {
          remember(commitId)
          await pool.query(statement.text, statement.values)
          done = true
        } catch (error) {
          if (error instanceof Lost) done = await happened(commitId, error)
          else if (!(error instanceof Refused)) throw error
          else if (error.code === divisionByZero) throw await disagreement()
          else if (!onceMore.has(error.code)) throw error
          if (!done && attempt === mostAttempts) throw error
        } finally {
          if (done) made = { commitId, expected }
          else expected.forget()
        }
        if (!done) await wait(attempt * 5)
      }
      for (const requestId of settled) settling.delete(requestId)
    } catch (error) {
      answered.push(...finished)
      toSettle.push(...settled)
      throw unavailable(error)
    }
    try {
      if (names !== undefined) await made.expected.everywhere()
      answered.push(made.commitId)
    } catch (error) {
      throw unavailable(error)
    } finally {
      made.expected.forget()
    }
  }

  /** Rejects with what was lost where it cannot be learnt. */
  async function happened(commitId: string, lost: Lost): Promise<boolean> {
    try {
      await pool.repeat(`INSERT INTO ${tables.commits} (id, outcome) VALUES ($1, 'abandoned') ON CONFLICT DO NOTHING`, [
        commitId,
      ])
      const [mark] = await pool.repeat(`SELECT outcome FROM ${tables.commits} WHERE id = $1`, [commitId])
      return mark?.outcome === 'made'
    } catch {
      own.delete(commitId)
      throw lost
    }
  }

  /** A revision that does not follow, or tables that are not ours any more. */
  async function disagreement(): Promise<unknown> {
    const [found] = await pool.repeat(`SELECT epoch FROM ${tables.installation} WHERE only_row = 1`)
    if (Number(found?.epoch) === epoch) return problem('Conflict')
    return problem('StoreUnavailable', {
      message: 'Another version of Keyward has changed the tables since this one started.',
      mend: 'Start this node again, with that version.',
    })
  }

  function remember(commitId: string): void {
    own.add(commitId)
    if (own.size > mostRemembered) own.delete(own.values().next().value as string)
  }

  return {
    settling,
    isOwn: (commitId) => own.has(commitId),
    settle: (requestIds) => {
      for (const requestId of requestIds) {
        if (!settling.has(requestId)) toSettle.push(requestId)
        settling.add(requestId)
      }
    },
    commit: async (changes, record) => {
      if (changes.length === 0 && record === undefined) return
      const names = changes.map((change) => nameOf(facts, change))
      const kept = record && { requestId: record.requestId, text: JSON.stringify(record) }
      await run(partsOf(facts, tables, netChanges(facts, changes)), names, kept)
    },
    load: async (collection, records) => {
      if (records.length > 0) await run([loadPart(facts, tables, collection, records)], 'many')
    },
    probe: () => run([]),
    flush: async () => {
      if (toSettle.length > 0 || answered.length > 0) await run([])
    },
    finished: {
      take() {
        const finished = answered
        answered = []
        return finished
      },
      putBack: (commitIds) => answered.push(...commitIds),
    },
  }
}

const mostRemembered = 10_000

// --------------------------------------------------------------------------------------- what a batch comes down to

/** What a batch does to one record in the end, and the revision it must find first; 0 for none. */
type Net = {
  readonly collection: Collection
  readonly expected: number
  readonly values: Values
  readonly keeps: boolean
}

/** A statement changes a record once. Changes of one record in a batch follow each other, or the batch conflicts. */
function netChanges(facts: FactsOfAll, changes: readonly Change[]): readonly Net[] {
  const nets = new Map<string, Net & { readonly now: number }>()
  for (const change of changes) {
    const collection = collectionOf(change)
    const values = valuesOf(facts[collection], change.record)
    const place = JSON.stringify([collection, values[0], values[1]])
    const earlier = nets.get(place)
    const { revision } = change.record
    const found = 'put' in change ? revision - 1 : revision
    if (earlier !== undefined && earlier.now !== found) throw problem('Conflict')
    const keeps = 'put' in change
    nets.set(place, { collection, values, keeps, expected: earlier?.expected ?? found, now: keeps ? revision : 0 })
  }
  return [...nets.values()]
}

// -------------------------------------------------------------------------------------------------------- statements

type Step = (parameter: (value: Value) => string) => string

/** Part of a commit: its steps together answer one row for each record that was as expected, and how many that should be. */
type Part = { readonly expected: number; readonly steps: readonly Step[] }

function partsOf(facts: FactsOfAll, tables: Tables, nets: readonly Net[]): readonly Part[] {
  const groups = Map.groupBy(nets, (net) => `${net.collection} ${verbOf(net)}`)
  // One order for all nodes, so that two of them seldom wait for each other crosswise.
  return [...groups.keys()].sort().map((key) => {
    const group = groups.get(key) as [Net, ...Net[]]
    const { collection } = group[0]
    return partWriters[verbOf(group[0])](facts, tables, collection, group)
  })
}

type Verb = 'insert' | 'update' | 'delete' | 'expectNone'

function verbOf({ expected, keeps }: Net): Verb {
  if (expected === 0) return keeps ? 'insert' : 'expectNone'
  return keeps ? 'update' : 'delete'
}

type PartWriter = (facts: FactsOfAll, tables: Tables, collection: Collection, nets: readonly Net[]) => Part

const partWriters: Record<Verb, PartWriter> = {
  insert: (facts, tables, collection, nets) => ({
    expected: nets.length,
    steps: [
      (parameter) => `
      INSERT INTO ${tables.records(collection)} (${columnsOf(facts[collection]).join(', ')})
      SELECT * FROM ${rowsFrom(
        facts,
        collection,
        nets.map(({ values }) => values),
        parameter,
      )}
      ON CONFLICT DO NOTHING RETURNING 1`,
    ],
  }),
  update: (facts, tables, collection, nets) => ({
    expected: nets.length,
    steps: [
      (parameter) => {
        const [, , ...columns] = columnsOf(facts[collection])
        return `
      UPDATE ${tables.records(collection)} AS t SET ${columns.map((column) => `${column} = n.${column}`).join(', ')}
      FROM ${rowsFrom(
        facts,
        collection,
        nets.map(({ values }) => values),
        parameter,
        nets.map(({ expected }) => expected),
      )}
      WHERE t.partition = n.partition AND t.id = n.id AND t.revision = n.expected RETURNING 1`
      },
    ],
  }),
  delete: (_, tables, collection, nets) => ({
    expected: nets.length,
    steps: [
      (parameter) => `
      DELETE FROM ${tables.records(collection)} AS t USING ${namesFrom(nets, parameter)}
      WHERE t.partition = n.partition AND t.id = n.id AND t.revision = n.expected RETURNING 1`,
    ],
  }),
  expectNone: (_, tables, collection, nets) => ({
    expected: 0,
    steps: [
      (parameter) => `
      SELECT 1 FROM ${tables.records(collection)} AS t, ${namesFrom(nets, parameter)}
      WHERE t.partition = n.partition AND t.id = n.id`,
    ],
  }),
}

/** Is there already, and the same; or is added. */
function loadPart(facts: FactsOfAll, tables: Tables, collection: Collection, records: readonly AnyRecord[]): Part {
  const own = facts[collection]
  const table = tables.records(collection)
  const values = records.map((record) => valuesOf(own, record))
  return {
    expected: records.length,
    steps: [
      (parameter) => `
      INSERT INTO ${table} (${columnsOf(own).join(', ')}) SELECT * FROM ${rowsFrom(facts, collection, values, parameter)}
      ON CONFLICT DO NOTHING RETURNING 1`,
      (parameter) => `
      SELECT 1 FROM ${table} AS t JOIN ${rowsFrom(facts, collection, values, parameter)}
      ON t.partition = n.partition AND t.id = n.id AND t.record = n.record`,
    ],
  }
}

function rowsFrom(
  facts: FactsOfAll,
  collection: Collection,
  rows: readonly Values[],
  parameter: (value: Value) => string,
  expected?: readonly number[],
): string {
  const columns = columnsOf(facts[collection])
  const arrays = arrayTypesOf(facts[collection]).map(
    (type, at) => `${parameter(arrayText(rows.map((row) => row[at] ?? null)))}::${type}`,
  )
  const more = expected && { array: `${parameter(arrayText(expected))}::bigint[]`, column: 'expected' }
  return `unnest(${[...arrays, ...(more ? [more.array] : [])].join(', ')})
    AS n (${[...columns, ...(more ? [more.column] : [])].join(', ')})`
}

function namesFrom(nets: readonly Net[], parameter: (value: Value) => string): string {
  const array = (values: readonly (string | number | null)[], type: string) =>
    `${parameter(arrayText(values))}::${type}`
  return `unnest(
      ${array(
        nets.map(({ values }) => values[0] ?? null),
        'text[]',
      )},
      ${array(
        nets.map(({ values }) => values[1] ?? null),
        'text[]',
      )},
      ${array(
        nets.map(({ expected }) => expected),
        'bigint[]',
      )}) AS n (partition, id, expected)`
}

type Wanted = {
  readonly commitId: string
  readonly parts: readonly Part[]
  readonly finished: readonly string[]
  readonly settled: readonly string[]
  readonly names: readonly RecordName[] | 'many' | undefined
  readonly kept: Kept | undefined
}

/** An audit record until it is settled. */
type Kept = { readonly requestId: string; readonly text: string }

function commitStatement(
  options: CommitterOptions,
  wanted: Wanted,
): { readonly text: string; readonly values: Value[] } {
  const { tables, node, epoch, notifies } = options
  const names = wanted.names === undefined ? '' : textOfNames(wanted.names)
  const values: Value[] = []
  const parameter = (value: Value): string => `$${values.push(value)}`
  const steps = [
    `fence AS (SELECT 1 FROM ${tables.installation} WHERE only_row = 1 AND epoch = ${parameter(epoch)}::bigint)`,
    `mark AS (
      INSERT INTO ${tables.commits} (id, outcome, names)
      VALUES (${parameter(wanted.commitId)}, 'made', ${parameter(names)}))`,
  ]
  if (wanted.finished.length > 0)
    steps.push(`finished AS (
      DELETE FROM ${tables.commits} WHERE id = ANY (${parameter(arrayText(wanted.finished))}::text[]))`)
  if (wanted.settled.length > 0)
    steps.push(`settled AS (
      DELETE FROM ${tables.unsettled}
      WHERE node = ${parameter(node)} AND request_id = ANY (${parameter(arrayText(wanted.settled.map(sortableText)))}::text[]))`)
  if (wanted.kept !== undefined)
    steps.push(`kept AS (
      INSERT INTO ${tables.unsettled} (node, request_id, record) VALUES (
        ${parameter(node)}, ${parameter(sortableText(wanted.kept.requestId))}, ${parameter(wanted.kept.text)}))`)
  const agreements = wanted.parts.map((part, at) => {
    const counts = part.steps.map((step, number) => {
      const name = `part${at}_${number}`
      steps.push(`${name} AS (${step(parameter)})`)
      return `(SELECT count(*) FROM ${name})`
    })
    return ` AND ${counts.join(' + ')} = ${parameter(part.expected)}::bigint`
  })
  const announced =
    notifies && names !== ''
      ? `, pg_notify(${parameter(tables.channel.slice(1, -1))}, ${parameter(announcementOf(wanted.commitId, names))})`
      : ''
  const text = `WITH ${steps.join(',\n')}
    SELECT 1 / (CASE WHEN EXISTS (SELECT 1 FROM fence)${agreements.join('')} THEN 1 ELSE 0 END)${announced}`
  return { text, values }
}

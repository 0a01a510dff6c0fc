import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Row } from '../rows.ts'
import { type Content, contentIn } from './content.ts'
import { columnOf, tableOf } from './schema.ts'

/** One change, ready for the tables: its names are sortable text. */
export type Step = Row & { readonly verb: 'put' | 'remove' | 'load'; readonly collection: string }

/** What is to become durable together, or not at all. */
export type Commit = {
  readonly steps: readonly Step[]
  /** An audit record to keep until it is settled. */
  readonly unsettled?: { readonly requestId: string; readonly text: string; readonly log: number }
  /** Requests whose audit records need not be kept any longer. They go whether or not the changes can be made. */
  readonly settled: readonly string[]
  /** Of a commit that may be asked for again: it is made once, however often it comes. */
  readonly id?: string
  /** Ids of commits that nobody will ask for again. */
  readonly answered?: readonly string[]
  /** Writes something that nobody reads: can it be written at all? */
  readonly probe?: true
}

export type Outcome =
  | { readonly is: 'done' }
  | { readonly is: 'conflict'; readonly collection: string; readonly id: string }

/** The indexes of each collection, by name. */
export type Shape = Readonly<Record<string, readonly string[]>>

export type Transaction = {
  /**
   * Makes the commits durable with one sync, each in a savepoint of its own: one that conflicts leaves the others alone.
   * Throws where nothing of the batch could be written.
   */
  run(commits: readonly Commit[]): readonly Outcome[]
  /** Was anything overwritten or removed since the last time this was asked? Then the log holds bytes that must go. */
  tookAway(): boolean
}

class Conflict extends Error {
  readonly step: Step
  constructor(step: Step) {
    super('A revision does not follow.')
    this.step = step
  }
}

export function transactionOn(database: DatabaseSync, shape: Shape): Transaction {
  const content = contentIn(database)
  const tables = Object.fromEntries(
    Object.entries(shape).map(([collection, indexes]) => [
      collection,
      recordTable(database, collection, indexes, content),
    ]),
  )
  const begin = database.prepare('BEGIN IMMEDIATE')
  const end = database.prepare('COMMIT')
  const savepoint = database.prepare('SAVEPOINT one')
  const release = database.prepare('RELEASE one')
  const takeBack = database.prepare('ROLLBACK TO one')
  const keep = database.prepare('INSERT INTO unsettled (request_id, record, log) VALUES (?, ?, ?)')
  const settle = database.prepare('DELETE FROM unsettled WHERE request_id = ?')
  const wasMade = database.prepare('SELECT 1 FROM made WHERE commit_id = ?')
  const keepMade = database.prepare('INSERT INTO made VALUES (?)')
  const forgetMade = database.prepare('DELETE FROM made WHERE commit_id = ?')
  const probe = database.prepare('UPDATE probe SET writes = writes + 1')
  let takenAway = false

  function apply(commit: Commit): Outcome {
    for (const requestId of commit.settled) settle.run(requestId)
    for (const id of commit.answered ?? []) forgetMade.run(id)
    if (commit.probe) probe.run()
    if (commit.id !== undefined && wasMade.get(commit.id) !== undefined) return { is: 'done' }
    savepoint.run()
    let outcome: Outcome = { is: 'done' }
    try {
      for (const step of commit.steps) if (tableFor(step)[step.verb](step)) takenAway = true
      if (commit.unsettled !== undefined)
        keep.run(commit.unsettled.requestId, commit.unsettled.text, commit.unsettled.log)
      if (commit.id !== undefined) keepMade.run(commit.id)
    } catch (error) {
      if (!(error instanceof Conflict)) throw error
      takeBack.run()
      outcome = { is: 'conflict', collection: error.step.collection, id: error.step.id }
    }
    release.run()
    return outcome
  }

  function tableFor(step: Step): RecordTable {
    const table = tables[step.collection]
    if (table === undefined) throw new Error(`There is no collection ${step.collection}.`)
    return table
  }

  return {
    run: (commits) => {
      begin.run()
      try {
        const outcomes = commits.map(apply)
        end.run()
        return outcomes
      } catch (error) {
        // Some errors have ended the transaction already.
        if (database.isTransaction) database.exec('ROLLBACK')
        throw error
      }
    },
    tookAway: () => {
      const answer = takenAway
      takenAway = false
      return answer
    },
  }
}

/** Each answers whether it took anything away. */
type RecordTable = Record<Step['verb'], (step: Step) => boolean>

function recordTable(
  database: DatabaseSync,
  collection: string,
  indexes: readonly string[],
  content: Content,
): RecordTable {
  const table = tableOf(collection)
  const columns = indexes.map(columnOf)
  const select = database.prepare(`SELECT revision, slot FROM ${table} WHERE partition = ? AND id = ?`)
  const insert = database.prepare(`
    INSERT INTO ${table} (revision, slot, due, ${[...columns, 'partition', 'id'].join(', ')})
    VALUES (?, ?, ?, ${columns.map(() => '?, ').join('')} ?, ?)`)
  const update = database.prepare(`
    UPDATE ${table} SET revision = ?, slot = ?, due = ? ${columns.map((column) => `, ${column} = ?`).join('')}
    WHERE partition = ? AND id = ?`)
  const remove = database.prepare(`DELETE FROM ${table} WHERE partition = ? AND id = ?`)
  const tally = database.prepare(`
    INSERT INTO tally (collection, partition, records) VALUES (?, ?, ?)
    ON CONFLICT (collection, partition) DO UPDATE SET records = records + excluded.records`)

  function found(step: Step): { readonly revision: number; readonly slot: number } | undefined {
    const row = select.get(step.partition, step.id)
    return row && { revision: Number(row.revision), slot: Number(row.slot) }
  }

  function write(statement: StatementSync, step: Step, slot: number): void {
    statement.run(step.revision, slot, step.due, ...step.indexed, step.partition, step.id)
  }

  function add(step: Step): void {
    write(insert, step, content.add(step.text))
    tally.run(collection, step.partition, 1)
  }

  return {
    put: (step) => {
      const before = found(step)
      if ((before?.revision ?? 0) !== step.revision - 1) throw new Conflict(step)
      if (before === undefined) add(step)
      else write(update, step, content.replace(before.slot, step.text))
      return before !== undefined
    },
    remove: (step) => {
      const before = found(step)
      if (before?.revision !== step.revision) throw new Conflict(step)
      content.remove(before.slot)
      remove.run(step.partition, step.id)
      tally.run(collection, step.partition, -1)
      return true
    },
    load: (step) => {
      const before = found(step)
      if (before === undefined) add(step)
      else if (content.read(before.slot).trimEnd() !== step.text) throw new Conflict(step)
      return false
    },
  }
}

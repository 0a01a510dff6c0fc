import { realpathSync, statSync } from 'node:fs'
import { problem } from '../../domain/errors.ts'
import type { AuditRecord, Change } from '../../domain/ports.ts'
import type { Collection, Collections } from '../../domain/records.ts'
import type { ForeignCommits, StoreEngine } from '../engine.ts'
import { type AnyRecord, collectionOf, type FactsOfAll, factsOfAll, rowOf } from '../rows.ts'
import { sortableText } from '../sortable-text.ts'
import { backupOnline } from './backup.ts'
import { createPrivately, emptyLog, openForReading, openForWriting, unavailable } from './connection.ts'
import { lockDataFile } from './lock.ts'
import { readerOn } from './reader.ts'
import { migrate, requireCurrent } from './schema.ts'
import type { Step } from './transaction.ts'
import { openWalIndex } from './wal-index.ts'
import { startWriter, type Writer } from './writer-thread.ts'

export type SqliteOptions = {
  /** On a local file system: the write-ahead log is shared memory. It is made where it is missing, its directory is not. */
  readonly file: string
  /** For a process beside the one that writes: takes no lock, and sees each commit as soon as it is on disk. */
  readonly readOnly?: boolean
  /** The same, with what brings its commits to the process that writes. */
  readonly writer?: Writer
  /** This process writes for others too, who may ask again for what a writer before this one has made. */
  readonly shared?: { readonly resumes: boolean }
  /** Which audit log the records of this process go to; 0 without it. */
  readonly log?: number
  /** Whose unsettled records it sees; those of its own log without it. */
  readonly sees?: (log: number) => boolean
  readonly facts?: FactsOfAll
}

export type SqliteStore = StoreEngine &
  ForeignCommits & {
    /** For the commits of other processes. */
    readonly writer: Pick<Writer, 'write'> | undefined
  }

/**
 * Everything in one SQLite file. Reads on the calling thread; commits on a thread of their own, many to a sync.
 *
 * What is removed or overwritten is gone from the data file with the commit, and from its write-ahead log within a second
 * (see content.ts and writer.ts). Names (ids, and what records are listed by) may outlast their records in free room of
 * the file. What the disk beneath keeps of overwritten blocks is beyond a database: encrypt the disk.
 *
 * Records come out frozen but are read anew each time: cached.ts in front of this makes them the same object.
 */
export async function openSqliteStore(options: SqliteOptions): Promise<SqliteStore> {
  const { readOnly = false, writer } = options
  try {
    return readOnly || writer !== undefined ? storeOn(options, options.file, writer) : await openToWrite(options)
  } catch (error) {
    throw unavailable(error)
  }
}

async function openToWrite(options: SqliteOptions): Promise<SqliteStore> {
  const { facts = factsOfAll } = options
  createPrivately(options.file)
  // One lock whatever name the file goes by.
  const file = realpathSync(options.file)
  const lock = lockDataFile(file)
  try {
    const database = openForWriting(file)
    try {
      migrate(database, facts)
      if (options.shared?.resumes !== true) database.exec('DELETE FROM made')
      emptyLog(database)
      const shape = Object.fromEntries(
        Object.entries(facts).map(([collection, { indexes }]) => [collection, Object.keys(indexes)]),
      )
      const writer = await startWriter({ file, shape })
      return storeOn(options, file, {
        write: writer.write,
        async close(settled) {
          await writer.close(settled)
          lock.release()
        },
      })
    } finally {
      database.close()
    }
  } catch (error) {
    lock.release()
    throw error
  }
}

function storeOn(options: SqliteOptions, file: string, writer: Writer | undefined): SqliteStore {
  const { facts = factsOfAll, log = 0, sees = (other) => other === log } = options
  const isBeside = writer === undefined || options.writer !== undefined
  const database = openForReading(file)
  if (isBeside) requireCurrent(database, facts)
  const walIndex = isBeside ? openWalIndex(file) : undefined
  const reader = readerOn(database, facts)
  const identity = identityOf(file)
  /** They go with the next commit. */
  let settled: string[] = []
  /** They went, and it is not known yet whether they arrived. */
  const settling = new Set<string>()
  let closing: Promise<void> | undefined

  function requireOpen(): void {
    if (closing !== undefined) throw problem('StoreUnavailable', { message: 'The store is closed.' })
  }

  /** Reads now, on this thread; a failure of the database is a Problem. */
  async function read<T>(from: () => T): Promise<T> {
    requireOpen()
    try {
      return from()
    } catch (error) {
      throw unavailable(error)
    }
  }

  async function write(steps: readonly Step[], record?: AuditRecord, probe?: true): Promise<void> {
    requireOpen()
    if (writer === undefined)
      throw problem('StoreUnavailable', { message: 'This process has the data file open for reading only.' })
    const carried = settled
    settled = []
    for (const requestId of carried) settling.add(requestId)
    const unsettled = record && { requestId: record.requestId, text: JSON.stringify(record), log }
    const outcome = await writer.write({
      steps,
      settled: carried,
      ...(unsettled && { unsettled }),
      ...(probe && { probe }),
    })
    for (const requestId of carried) settling.delete(requestId)
    if (outcome.is === 'failed') {
      settled = carried.concat(settled)
      throw problem('StoreUnavailable', { cause: outcome.error })
    }
    if (outcome.is === 'conflict')
      throw problem('Conflict', { facts: { collection: outcome.collection, id: outcome.id } })
  }

  function stepOf(verb: Step['verb'], collection: Collection, record: AnyRecord): Step {
    const row = rowOf(facts[collection], record)
    return {
      ...row,
      verb,
      collection,
      partition: sortableText(row.partition),
      id: sortableText(row.id),
      indexed: row.indexed.map((value) => (value === null ? null : sortableText(value))),
    }
  }

  return {
    get: (collection, partition, id) => read(() => reader.get(collection, partition, id)),
    getWithNext: (collection, partition, id) => read(() => reader.getWithNext(collection, partition, id)),
    list: (collection, query) => read(() => reader.list(collection, query)),
    due: (collection, before, limit) => read(() => reader.due(collection, before, limit)),
    count: (collection, partition, within) => read(() => reader.count(collection, partition, within)),
    scan: (collection, after, limit) => read(() => reader.scan(collection, after, limit)),
    async commit(changes: readonly Change[], record?: AuditRecord) {
      const steps = changes.map((change) =>
        stepOf('put' in change ? 'put' : 'remove', collectionOf(change), change.record),
      )
      await write(steps, record)
    },
    async load<C extends Collection>(collection: C, records: readonly Collections[C][]) {
      await write(records.map((record) => stepOf('load', collection, record)))
    },
    unsettled: () =>
      read(() => {
        const left = new Set(settled)
        return reader
          .unsettled()
          .filter((kept) => sees(kept.log) && !left.has(kept.record.requestId) && !settling.has(kept.record.requestId))
          .map(({ record }) => record)
      }),
    settled(requestIds) {
      if (writer !== undefined) settled.push(...requestIds)
    },
    async backup(toFile) {
      requireOpen()
      await backupOnline(file, toFile)
    },
    async check() {
      await read(() => reader.check())
      if (writer !== undefined) await write([], undefined, true)
      if (identityOf(file) !== identity)
        throw problem('StoreUnavailable', { message: 'The data file was removed or replaced while it was open.' })
    },
    close() {
      closing ??= (async () => {
        walIndex?.close()
        database.close()
        // Last: only a connection that writes clears the write-ahead log away.
        await writer?.close(settled)
      })()
      return closing
    },
    writer,
    ...(walIndex && { generation: walIndex.generation }),
    // What others commit passes by this object: it knows of none of it.
    ...(options.shared && { generation: () => undefined }),
  }
}

/** Another one once the file of this name is not the one that was opened. */
function identityOf(file: string): string | undefined {
  const status = statSync(file, { bigint: true, throwIfNoEntry: false })
  return status && `${status.dev}:${status.ino}`
}

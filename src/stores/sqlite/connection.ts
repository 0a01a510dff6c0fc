import { closeSync, existsSync, fsyncSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { problem } from '../../domain/errors.ts'

/** How long a connection waits for a lock of another one, in milliseconds. Only foreign tools ever hold one so long. */
const lockWaitMs = 5_000

/** Kibibytes of pages a connection keeps in memory, negative as SQLite wants it. */
const cacheSize = -8_192

/**
 * - WAL and `synchronous = FULL`: a commit is on disk when it returns, and readers are never in its way.
 * - `secure_delete`: what SQLite deletes it zeroes. For the texts of records content.ts does more.
 * - `temp_store = MEMORY`: what a rolled-back savepoint held goes into no file.
 */
export function openForWriting(file: string): DatabaseSync {
  const database = new DatabaseSync(file, { timeout: lockWaitMs })
  try {
    database.exec(`
      PRAGMA auto_vacuum = NONE;
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      PRAGMA fullfsync = ON;
      PRAGMA secure_delete = ON;
      PRAGMA temp_store = MEMORY;
      PRAGMA trusted_schema = OFF;
      PRAGMA cell_size_check = ON;
      PRAGMA cache_size = ${cacheSize};
    `)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

export function openForReading(file: string): DatabaseSync {
  if (!existsSync(file)) throw problem('StoreUnavailable', { message: `There is no data file ${file}.` })
  const database = new DatabaseSync(file, { readOnly: true, timeout: lockWaitMs })
  database.exec(`PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA cache_size = ${cacheSize}`)
  return database
}

/** Empties the write-ahead log into the data file. False where a reader stood in the way: nothing is lost, try again. */
export function emptyLog(database: DatabaseSync): boolean {
  database.exec('PRAGMA busy_timeout = 20')
  try {
    return database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()?.busy === 0
  } finally {
    database.exec(`PRAGMA busy_timeout = ${lockWaitMs}`)
  }
}

/** Readable by its owner alone; SQLite gives the files beside it the same rights. A file that is there is left as it is. */
export function createPrivately(file: string): void {
  if (existsSync(file)) return
  closeSync(openSync(file, 'wx', 0o600))
  syncDirectoryOf(file)
}

/** The name of a file is on disk only when its directory is. */
export function syncDirectoryOf(file: string): void {
  const directory = openSync(dirname(file), 'r')
  try {
    fsyncSync(directory)
  } finally {
    closeSync(directory)
  }
}

/** What SQLite or the file system refused, as callers are told it. A Problem stays what it is. */
export function unavailable(error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return error
  if (!/^(?:ERR_SQLITE_ERROR|ERR_INVALID_STATE|E[A-Z]+)$/.test(error.code) || error.name === 'Problem') return error
  return problem('StoreUnavailable', { cause: error })
}

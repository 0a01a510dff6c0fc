import { DatabaseSync } from 'node:sqlite'
import { problem } from '../../domain/errors.ts'
import { createPrivately } from './connection.ts'

/**
 * One process writes a data file. The lock is SQLite's own, on an empty file beside it: the operating system lets go of
 * it when the process dies, however it dies. The empty file stays, since removing it could remove another's lock.
 */
export function lockDataFile(file: string): { release(): void } {
  const lockFile = `${file}.lock`
  createPrivately(lockFile)
  const lock = new DatabaseSync(lockFile, { timeout: 0 })
  try {
    lock.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    lock.close()
    throw problem('StoreUnavailable', {
      message: `Another process has the data file ${file} open for writing.`,
      mend: 'Stop it first, or give this one a data file of its own.',
      cause: error,
    })
  }
  return { release: () => lock.close() }
}

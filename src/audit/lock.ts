/**
 * One writer to a log. Node has no flock, and a file with a process id in it lies as soon as containers share a volume or
 * a process id comes round again. SQLite has portable locks of the operating system, which die with their process.
 */
import { DatabaseSync } from 'node:sqlite'

export type Lock = { release(): void }

/** Throws where another process, or another part of this one, holds it. Never waits. */
export function takeLock(path: string): Lock {
  const database = new DatabaseSync(path, { timeout: 0 })
  try {
    // The file stays empty: the transaction never writes.
    database.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    throw new Error(`Another process writes this audit log: ${path} is locked.`, { cause: error })
  }
  return {
    release() {
      if (database.isOpen) database.close()
    },
  }
}

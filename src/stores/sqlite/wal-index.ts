import { openSync, readSync } from 'node:fs'

/**
 * Has anybody committed since? Told by the head of SQLite's wal-index, which every connection compares for itself at
 * every read (https://sqlite.org/walformat.html, section 2.1): it changes with each commit, at the moment at which that
 * can be seen. A look costs 0.7 microseconds, `PRAGMA data_version` 2.3.
 */
export type WalIndex = {
  /** Another number than before once something was committed. */
  generation(): number
}

/** Two copies of the head of 48 bytes; while they differ a commit is under way. */
const headBytes = 96
/** The version of the format, the same since 2010. */
const knownVersion = 3_007_000

/** For a process that holds the data file open. */
export function openWalIndex(file: string): WalIndex {
  // Never closed: by closing any descriptor of a file a process loses all POSIX locks it has on it, SQLite's own included.
  const descriptor = openSync(`${file}-shm`, 'r')
  const head = Buffer.alloc(headBytes)
  const words = new BigUint64Array(head.buffer, head.byteOffset, headBytes / 8)
  const before = new BigUint64Array(words.length)
  let generation = 0
  readSync(descriptor, head, 0, headBytes, 0)
  if (head.readUInt32LE(0) !== knownVersion && head.readUInt32BE(0) !== knownVersion)
    throw new Error('This version of SQLite keeps its wal-index in another format.')

  return {
    generation() {
      readSync(descriptor, head, 0, headBytes, 0)
      for (let at = 0; at < words.length; at++)
        if (words[at] !== before[at]) {
          before.set(words)
          generation++
          break
        }
      return generation
    },
  }
}

import { dlopen, toArrayBuffer } from 'node:ffi'
import { openSync, readSync } from 'node:fs'

/**
 * Has anybody committed since? Told by the head of SQLite's wal-index, which every connection compares for itself at
 * every read (https://sqlite.org/walformat.html, section 2.1): it changes with each commit, at the moment at which that
 * can be seen. The file is mapped into memory, as SQLite does it, so that a look is 24 comparisons and no system call.
 */
export type WalIndex = {
  /** Another number than before once something was committed. */
  generation(): number
  /** Before the connection to the data file is closed: then SQLite may cut the file short under the mapping. */
  close(): void
}

/** Two copies of the head of 48 bytes; while they differ a commit is under way. */
const headBytes = 96
/** The version of the format, the same since 2010. */
const knownVersion = 3_007_000

// sys/mman.h: the same numbers on Linux and macOS
const PROT_READ = 1
const MAP_SHARED = 1
const MAP_FAILED = 0xffff_ffff_ffff_ffffn
/** At least a page is mapped whatever is asked for; SQLite never makes the file shorter than 32 KiB while it is open. */
const mappedBytes = 4096

/** For a process that holds the data file open. */
export function openWalIndex(file: string): WalIndex {
  // Never closed: by closing any descriptor of a file a process loses all POSIX locks it has on it, SQLite's own included.
  const descriptor = openSync(`${file}-shm`, 'r')
  // Not by the mapping: where the file is too short to be read, a look at that would end the process.
  const first = Buffer.alloc(headBytes)
  const bytes = readSync(descriptor, first, 0, headBytes, 0)
  if (bytes < headBytes || (first.readUInt32LE(0) !== knownVersion && first.readUInt32BE(0) !== knownVersion))
    throw new Error('This version of SQLite keeps its wal-index in another format.')

  let words = new Int32Array(mapped(descriptor), 0, headBytes / 4)
  const before = new Int32Array(words.length)
  let generation = 0
  return {
    generation() {
      for (let at = 0; at < words.length; at++)
        if (words[at] !== before[at]) {
          before.set(words)
          generation++
          break
        }
      return generation
    },
    close() {
      words = before
    },
  }
}

/** Stays mapped until the process ends: a page, whatever becomes of the file's name. */
function mapped(descriptor: number): ArrayBuffer {
  const { functions } = dlopen(null, {
    mmap: { arguments: ['pointer', 'uint64', 'int32', 'int32', 'int32', 'int64'], return: 'pointer' },
  } as const)
  const address = functions.mmap(0n, BigInt(mappedBytes), PROT_READ, MAP_SHARED, descriptor, 0n)
  if (address === MAP_FAILED) throw new Error("SQLite's wal-index cannot be mapped into memory.")
  return toArrayBuffer(address, mappedBytes, false)
}

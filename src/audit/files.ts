/**
 * What the log asks of a file system, no more, so that tests can put one under it that fails in every way a disk can.
 * Calls reject with the error of the operating system.
 */
import * as fs from 'node:fs'
import { dirname, join } from 'node:path'
import { type Lock, takeLock } from './lock.ts'

export type FileFacts = { readonly device: number; readonly inode: number; readonly bytes: number }

export type OpenFile = {
  /** How many bytes were written: perhaps fewer than given. */
  write(bytes: Uint8Array, position: number): Promise<number>
  /** On disk once resolved: content and whatever is needed to read it again (fdatasync). */
  sync(): Promise<void>
  facts(): Promise<FileFacts>
  close(): Promise<void>
}

export type Files = {
  /** For writing; `create` empties what is there, `open` demands that it exists. Seen by the owner only. */
  open(path: string, how: 'create' | 'open'): Promise<OpenFile>
  /** Undefined where there is no such file. */
  facts(path: string): Promise<FileFacts | undefined>
  /** The whole file; undefined where there is none. */
  read(path: string): Promise<Buffer | undefined>
  /** In place of what was there, at once. */
  rename(from: string, to: string): Promise<void>
  /** With the directories above it. */
  makeDirectory(path: string): Promise<void>
  /** Makes names in it durable. */
  syncDirectory(path: string): Promise<void>
  /** With all that is in it; nothing where there is nothing. */
  remove(path: string): Promise<void>
  /** Throws where it is held. Ends with its process at the latest. */
  lock(path: string): Lock
}

export const diskFiles: Files = {
  async open(path, how) {
    const descriptor = await called<number>((done) => fs.open(path, how === 'create' ? 'w' : 'r+', 0o600, done))
    return {
      write: (bytes, position) => atOnce(() => fs.writeSync(descriptor, bytes, 0, bytes.length, position)),
      sync: () => called((done) => fs.fdatasync(descriptor, done)),
      facts: () => called<fs.Stats>((done) => fs.fstat(descriptor, done)).then(factsOf),
      close: () => called((done) => fs.close(descriptor, done)),
    }
  },
  facts: (path) => unlessMissing(atOnce(() => factsOf(fs.statSync(path)))),
  read: (path) => unlessMissing(called<Buffer>((done) => fs.readFile(path, done))),
  rename: (from, to) => called((done) => fs.rename(from, to, done)),
  async makeDirectory(path) {
    await fs.promises.mkdir(path, { recursive: true, mode: 0o700 })
  },
  async syncDirectory(path) {
    const descriptor = await called<number>((done) => fs.open(path, 'r', done))
    try {
      await called((done) => fs.fsync(descriptor, done))
    } finally {
      await called((done) => fs.close(descriptor, done))
    }
  },
  remove: (path) => fs.promises.rm(path, { recursive: true, force: true }),
  lock: takeLock,
}

/**
 * On the calling thread: what only touches the kernel's memory (a write of a batch into the page cache, a look at a name
 * that is in use) is done in less than handing it to another thread costs. What waits for the disk is never done so.
 */
function atOnce<T>(call: () => T): Promise<T> {
  try {
    return Promise.resolve(call())
  } catch (error) {
    return Promise.reject(error)
  }
}

/** The callback forms: on the road of every request, the promise forms of node:fs cost twice as much. */
function called<T>(call: (done: (error: NodeJS.ErrnoException | null, result?: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, result) => {
      if (error) reject(error)
      else resolve(result as T)
    })
  })
}

async function unlessMissing<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw error
  }
}

function factsOf(stats: fs.Stats): FileFacts {
  return { device: stats.dev, inode: stats.ino, bytes: stats.size }
}

export async function writeAll(file: OpenFile, bytes: Uint8Array, position: number): Promise<void> {
  let written = 0
  while (written < bytes.length) {
    const count = await file.write(written === 0 ? bytes : bytes.subarray(written), position + written)
    if (count <= 0) throw new Error('The disk took no more bytes.')
    written += count
  }
}

/**
 * The whole file or the one before it, never a part. Its name is durable only after `syncDirectory`.
 */
export async function replaceFile(files: Files, path: string, bytes: Uint8Array): Promise<void> {
  const unfinished = `${path}.tmp`
  const file = await files.open(unfinished, 'create')
  try {
    await writeAll(file, bytes, 0)
    await file.sync()
  } finally {
    await file.close()
  }
  await files.rename(unfinished, path)
}

/**
 * Makes the directory and those above it; their names are durable once resolved. `durable` is one above it whose name is:
 * without it those that exist are believed to be.
 */
export async function makeDurableDirectory(files: Files, path: string, durable?: string): Promise<void> {
  const names: string[] = []
  for (let at = path; at !== durable && dirname(at) !== at; at = dirname(at)) {
    if (durable === undefined && (await files.facts(at)) !== undefined) break
    names.push(at)
  }
  await files.makeDirectory(path)
  for (const name of names) await files.syncDirectory(dirname(name))
}

/** Reads within one directory. */
export function readerOf(files: Pick<Files, 'read'>, directory: string): (path: string) => Promise<Buffer | undefined> {
  return (path) => files.read(join(directory, path))
}

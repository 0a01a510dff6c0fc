/** Files that are there whole and for good, or not at all. */
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/**
 * Creates the file (mode 0600) and the folders it lies in (0700): once this returns, it survives a power failure. Never
 * replaces anything: throws EEXIST. Cut short, it leaves at most a file with another name. `suffix` makes that one
 * unique among all who may try at the same time.
 */
export function createDurably(path: string, bytes: Uint8Array, suffix: string): void {
  const folder = dirname(path)
  const firstCreated = mkdirSync(folder, { recursive: true, mode: 0o700 })
  const draft = join(folder, `.${basename(path)}.${suffix}.new`)
  const file = openSync(draft, 'wx', 0o600)
  try {
    try {
      writeFileSync(file, bytes)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    linkSync(draft, path)
  } finally {
    unlinkSync(draft)
  }
  syncFolder(folder)
  if (firstCreated === undefined) return
  // A new folder is an entry in the one above it.
  for (let created = folder; created.length >= firstCreated.length; created = dirname(created))
    syncFolder(dirname(created))
}

/** Gives the file another name in the same folder, for good. Never replaces anything: throws EEXIST. */
export function renameDurably(from: string, to: string): void {
  try {
    linkSync(from, to)
  } catch (error) {
    // Cut short between the two steps, it has both names: then the second step is all that is left to do.
    if (!isSameFile(from, to)) throw error
  }
  unlinkSync(from)
  syncFolder(dirname(to))
}

function isSameFile(left: string, right: string): boolean {
  const [one, other] = [left, right].map((path) => statSync(path, { bigint: true, throwIfNoEntry: false }))
  return one !== undefined && other !== undefined && one.ino === other.ino && one.dev === other.dev
}

function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

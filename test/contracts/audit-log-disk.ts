/**
 * A disk that fails in the ways disks do. What is written is seen at once, and is durable only once it was synced; names
 * are durable once their directory was. After a failed sync the kernel believes the pages clean, though they are not on
 * disk. A crash keeps of all that was not durable whatever chance wants, sector by sector, name by name.
 */
import { dirname } from 'node:path'
import type { FileFacts, Files, OpenFile } from '../../src/audit/files.ts'

export type Fault = 'none' | 'fails' | 'happens and fails' | 'short'
export type Operation = keyof Files | 'write' | 'sync' | 'close'

export type SimulatedDisk = {
  /** The file system of the machine as it runs now; that of a machine that has crashed answers nothing but errors. */
  files(): Files
  /** Power off and on. Of what was not durable that is kept which `kept` says: a sector of a file, or a change of a name. */
  crash(kept: (path: string, sector: number | 'name') => boolean): void
  /** How often each operation was asked for since the last call. */
  counted(): ReadonlyMap<Operation, number>
  /** What others may do to it behind our back. */
  readonly tamper: {
    remove(path: string): void
    replace(path: string, bytes: Uint8Array): void
    truncate(path: string, bytes: number): void
  }
}

type Inode = {
  readonly id: number
  /** As programs see it. */
  contents: Buffer
  /** As it is on the platters. */
  durable: Buffer
  /** Sectors and length that the next sync would write. */
  dirty: Set<number>
}

type Change = { readonly path: string; readonly inode: Inode | 'directory' | undefined }

const sectorBytes = 512

export function simulatedDisk(faultOf: (operation: Operation, path: string) => Fault): SimulatedDisk {
  let names = new Map<string, Inode | 'directory'>()
  const durableNames = new Map<string, Inode | 'directory'>()
  /** Changes of names in a directory that is not synced yet. */
  const pendingNames = new Map<string, Change[]>()
  let boot = 0
  let nextId = 1
  let counts = new Map<Operation, number>()
  let locked = new Set<string>()

  function error(code: string, operation: string, path: string): Error {
    return Object.assign(new Error(`${code}: ${operation} ${path}`), { code })
  }

  function rename(change: Change) {
    if (change.inode === undefined) names.delete(change.path)
    else names.set(change.path, change.inode)
    const directory = dirname(change.path)
    pendingNames.set(directory, [...(pendingNames.get(directory) ?? []), change])
  }

  function applyDurably({ path, inode }: Change) {
    if (inode === undefined) durableNames.delete(path)
    else durableNames.set(path, inode)
  }

  function requireDirectory(path: string, operation: string) {
    if (path !== '/' && names.get(path) !== 'directory') throw error('ENOENT', operation, path)
  }

  function fileAt(path: string): Inode | undefined {
    const found = names.get(path)
    return found === 'directory' ? undefined : found
  }

  function filesOf(machine: number): Files {
    async function perform<T>(operation: Operation, path: string, action: (fault: Fault) => T): Promise<T> {
      counts.set(operation, (counts.get(operation) ?? 0) + 1)
      // As long as a real call: others get their turn.
      await new Promise((resolve) => setImmediate(resolve))
      if (machine !== boot) throw error('EIO', operation, path)
      const fault = faultOf(operation, path)
      if (fault === 'fails') {
        if (operation === 'sync') fileAt(path)?.dirty.clear()
        throw error('EIO', operation, path)
      }
      const result = action(fault)
      if (fault === 'happens and fails') throw error('ENOSPC', operation, path)
      return result
    }

    const facts = ({ id, contents }: Inode): FileFacts => ({ device: 1, inode: id, bytes: contents.length })

    function opened(path: string, inode: Inode): OpenFile {
      return {
        write: (bytes, position) =>
          perform('write', path, (fault) => {
            const count = fault === 'short' ? Math.max(1, Math.floor(bytes.length / 2)) : bytes.length
            const end = position + count
            if (end > inode.contents.length) inode.contents = Buffer.concat([inode.contents], end)
            inode.contents.set(bytes.subarray(0, count), position)
            for (let at = Math.floor(position / sectorBytes); at * sectorBytes < end; at += 1) inode.dirty.add(at)
            return count
          }),
        sync: () => perform('sync', path, () => writeOut(inode, () => true)),
        facts: () => perform('facts', path, () => facts(inode)),
        close: () => perform('close', path, () => {}),
      }
    }

    return {
      open: (path, how) =>
        perform('open', path, () => {
          requireDirectory(dirname(path), 'open')
          const existing = fileAt(path)
          if (existing === undefined && how === 'open') throw error('ENOENT', 'open', path)
          const inode = existing ?? {
            id: nextId++,
            contents: Buffer.alloc(0),
            durable: Buffer.alloc(0),
            dirty: new Set(),
          }
          if (existing === undefined) rename({ path, inode })
          else if (how === 'create') inode.contents = Buffer.alloc(0)
          return opened(path, inode)
        }),
      facts: (path) =>
        perform('facts', path, () => {
          const found = names.get(path)
          if (found === 'directory') return { device: 1, inode: 0, bytes: 0 }
          return found && facts(found)
        }),
      read: (path) =>
        perform('read', path, () => {
          const found = fileAt(path)
          return found && Buffer.from(found.contents)
        }),
      rename: (from, to) =>
        perform('rename', to, () => {
          const inode = names.get(from)
          if (inode === undefined) throw error('ENOENT', 'rename', from)
          rename({ path: to, inode })
          rename({ path: from, inode: undefined })
        }),
      makeDirectory: (path) =>
        perform('makeDirectory', path, () => {
          const missing: string[] = []
          for (let at = path; at !== '/' && !names.has(at); at = dirname(at)) missing.unshift(at)
          for (const directory of missing) rename({ path: directory, inode: 'directory' })
        }),
      syncDirectory: (path) =>
        perform('syncDirectory', path, () => {
          requireDirectory(path, 'fsync')
          for (const change of pendingNames.get(path) ?? []) applyDurably(change)
          pendingNames.delete(path)
        }),
      remove: (path) =>
        perform('remove', path, () => {
          for (const name of [...names.keys()])
            if (name === path || name.startsWith(`${path}/`)) rename({ path: name, inode: undefined })
        }),
      lock(path) {
        if (locked.has(path)) throw new Error('Another process writes this audit log.')
        const held = locked
        held.add(path)
        if (!names.has(path))
          rename({
            path,
            inode: { id: nextId++, contents: Buffer.alloc(0), durable: Buffer.alloc(0), dirty: new Set() },
          })
        return { release: () => void held.delete(path) }
      },
    }
  }

  function writeOut(inode: Inode, kept: (sector: number) => boolean) {
    const { contents, durable } = inode
    const grown = Buffer.alloc(contents.length)
    durable.copy(grown)
    for (const sector of inode.dirty)
      if (kept(sector)) contents.copy(grown, sector * sectorBytes, sector * sectorBytes, (sector + 1) * sectorBytes)
    inode.durable = grown
    inode.dirty = new Set()
  }

  return {
    files: () => filesOf(boot),
    crash(kept) {
      boot += 1
      locked = new Set()
      for (const [path, inode] of [...durableNames, ...names])
        if (inode !== 'directory') {
          writeOut(inode, (sector) => kept(path, sector))
          inode.contents = Buffer.from(inode.durable)
        }
      for (const changes of pendingNames.values())
        for (const change of changes) {
          // The changes of one directory reach the disk in their order.
          if (!kept(change.path, 'name')) break
          applyDurably(change)
        }
      pendingNames.clear()
      // What lies in a directory whose own name was lost is lost, too.
      names = new Map(
        [...durableNames].filter(([path]) => {
          for (let at = dirname(path); at !== '/'; at = dirname(at)) if (!durableNames.has(at)) return false
          return true
        }),
      )
    },
    counted() {
      const before = counts
      counts = new Map()
      return before
    },
    tamper: {
      remove: (path) => void names.delete(path),
      replace: (path, bytes) => {
        const contents = Buffer.from(bytes)
        names.set(path, { id: nextId++, contents, durable: contents, dirty: new Set() })
      },
      truncate: (path, bytes) => {
        const inode = fileAt(path)
        if (inode !== undefined) inode.contents = inode.contents.subarray(0, bytes)
      },
    },
  }
}

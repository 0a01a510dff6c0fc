/**
 * The right edge of the log, in memory: the tree, and whatever is not in published tiles yet. What comes in goes out to
 * the disk in snapshots; a snapshot that could not be written is simply contained in the next one.
 */

import { signCheckpoint } from './checkpoint.ts'
import type { NoteSigner } from './note.ts'
import { entryPrefixBytes, tilePath } from './tiles.ts'
import { emptyTree, type Hash, hashBytes, type Tile, tileWidth, treeFromEdge } from './tree.ts'

export type Growing = {
  size(): number
  root(): Hash
  /** Records as in a bundle, with their leaf hashes. The payload is kept: it must not change any more. */
  add(payload: Buffer, leaves: readonly Hash[]): void
  /** Everything that must be on disk before a checkpoint of the present size. */
  snapshot(): Snapshot
  /** The snapshot is on disk. */
  forget(published: Snapshot): void
  /** The bundle that begins at `index * 256`; undefined where it is full and published. */
  bundle(index: number): Buffer | undefined
}

export type Snapshot = {
  readonly size: number
  readonly root: Hash
  /** Signed, and to be written after all files. */
  readonly checkpoint: string
  /** Tiles and entry bundles, by their path within the log; but for partial ones that are on disk already. */
  readonly files: ReadonlyMap<string, Buffer>
  /** The partial ones of this size, written or not. */
  readonly partials: ReadonlySet<string>
  /** Directories of partial tiles that full ones have taken the place of. */
  readonly outdated: readonly string[]
}

/** A log of `size` records, from the edge of its tree and its last, partial bundle. */
export function growingFrom(signer: NoteSigner, size: number, edge: readonly Tile[], partialBundle: Buffer): Growing {
  const full = new Map<string, Buffer>()
  const fullBundles = new Map<number, Buffer>()
  /** Together the last, partial bundle. */
  let tail: Buffer[] = partialBundle.length === 0 ? [] : [partialBundle]
  let partialsOnDisk: ReadonlySet<string> = new Set()
  /** Directories of partial tiles; at most one for each level and one for the entries. */
  const partialDirectories = new Set(
    edge.flatMap(({ level, index }) =>
      (level === 0 ? ['entries' as const, level] : [level]).map((of) => `${tilePath(of, index, tileWidth)}.p`),
    ),
  )

  function onFullTile({ level, index, hashes }: Tile) {
    full.set(tilePath(level, index, tileWidth), hashes)
  }
  const tree = size === 0 ? emptyTree(onFullTile) : treeFromEdge(size, edge, onFullTile)

  return {
    size: tree.size,
    root: tree.root,
    add(payload, leaves) {
      let from = 0
      let to = 0
      for (const leaf of leaves) {
        tree.append(leaf)
        to += entryPrefixBytes + payload.readUInt16BE(to)
        if (tree.size() % tileWidth !== 0) continue
        const index = tree.size() / tileWidth - 1
        const bundle = Buffer.concat([...tail, payload.subarray(from, to)])
        full.set(tilePath('entries', index, tileWidth), bundle)
        fullBundles.set(index, bundle)
        tail = []
        from = to
      }
      if (from < to) tail.push(payload.subarray(from, to))
    },
    snapshot() {
      const partials = new Map<string, Buffer>()
      for (const { level, index, hashes } of tree.edge()) {
        const width = hashes.length / hashBytes
        partials.set(tilePath(level, index, width), hashes)
        if (level !== 0) continue
        // Joined, so that a few records do not hold the memory of the batches they came in.
        tail = [Buffer.concat(tail)]
        partials.set(tilePath('entries', index, width), tail[0] as Buffer)
      }
      const root = tree.root()
      return {
        size: tree.size(),
        root,
        checkpoint: signCheckpoint(signer, tree.size(), root),
        files: new Map([...full, ...[...partials].filter(([path]) => !partialsOnDisk.has(path))]),
        partials: new Set(partials.keys()),
        outdated: [...full.keys()].map((path) => `${path}.p`).filter((path) => partialDirectories.has(path)),
      }
    },
    forget(published) {
      partialsOnDisk = published.partials
      for (const path of published.partials) partialDirectories.add(path.slice(0, path.lastIndexOf('/')))
      for (const path of published.outdated) partialDirectories.delete(path)
      for (const path of published.files.keys()) full.delete(path)
      for (const index of [...fullBundles.keys()])
        if ((index + 1) * tileWidth <= published.size) fullBundles.delete(index)
    },
    bundle(index) {
      if (index === Math.floor(tree.size() / tileWidth)) return Buffer.concat(tail)
      return fullBundles.get(index)
    },
  }
}

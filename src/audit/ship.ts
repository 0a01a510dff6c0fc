/**
 * Ships what is published of a log: bundles and tiles first, the checkpoint last, so that what lies at the destination
 * always verifies. It goes on where the copy ends, whoever made it; nothing that was shipped is ever written differently.
 */
import { type Checkpoint, openCheckpoint } from './checkpoint.ts'
import { noteVerifier } from './note.ts'
import { rangeRoot } from './proofs.ts'
import type { Destination } from './shipped.ts'
import { encodeEntries, nodesFromTiles, type ReadLogFile, readBundle, readTile, tilePath, widthOf } from './tiles.ts'
import { emptyRoot, hashBytes, tileWidth } from './tree.ts'

export type Shipper = {
  /** Resolves once everything is shipped that was published when it was called. One at a time. */
  ship(): Promise<void>
  /** Records that are published and were not shipped yet, as of the last time. */
  lag(): number
}

/** Uploads at a time. */
const atOnce = 8

export function shipperOf(log: {
  readonly vkey: string
  readonly readFile: ReadLogFile
  /** Of this log alone. */
  readonly destination: Destination
}): Shipper {
  const { vkey, readFile, destination } = log
  const verifier = noteVerifier(vkey)
  /** Of the copy; undefined until it was looked at. */
  let shipped: Pick<Checkpoint, 'size' | 'root'> | undefined
  let behind = 0

  /** Where there is a copy, it must be of this very log, or nothing is written to it. */
  async function lookAtCopy(): Promise<Pick<Checkpoint, 'size' | 'root'>> {
    const note = await destination.read('checkpoint')
    if (note === undefined) return { size: 0, root: emptyRoot }
    const copy = openCheckpoint(verifier, note.toString())
    if (copy === undefined) throw new Error(`What lies at the destination is not a copy of ${verifier.name}.`)
    return copy
  }

  async function requireBeginning(copy: Pick<Checkpoint, 'size' | 'root'>, size: number): Promise<void> {
    if (copy.size > size)
      throw new Error(`The copy holds ${copy.size} records of ${verifier.name}, and the log only ${size}.`)
    const root = copy.size === 0 ? emptyRoot : await rangeRoot(nodesFromTiles(readFile, size), 0, copy.size)
    if (root !== copy.root) throw new Error(`The copy holds other records of ${verifier.name} than the log.`)
  }

  async function shipBundle(index: number, size: number): Promise<void> {
    const width = widthOf(0, index, size)
    const entries = (await readBundle(readFile, index, width))?.slice(0, width)
    if (entries?.length !== width) throw new Error(`The records from ${index * tileWidth} on cannot be read.`)
    await destination.write(tilePath('entries', index, width), encodeEntries(entries))
    await shipTile(0, index, size)
  }

  async function shipTile(level: number, index: number, size: number): Promise<void> {
    const width = widthOf(level, index, size)
    const tile = (await readTile(readFile, level, index, width))?.subarray(0, width * hashBytes)
    if (tile?.length !== width * hashBytes) throw new Error(`The tile ${tilePath(level, index, width)} cannot be read.`)
    await destination.write(tilePath(level, index, width), tile)
  }

  /** Full bundles are shipped in their order: the first of these whose tile is not there yet. */
  async function firstMissing(from: number, to: number): Promise<number> {
    let [low, high] = [from, to]
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      if ((await destination.read(tilePath(0, middle, tileWidth))) === undefined) high = middle
      else low = middle + 1
    }
    // Those that were on their way at the same time may be there or not.
    return Math.max(from, low - atOnce)
  }

  async function shipTo(size: number, from: number): Promise<void> {
    const bundles = Math.ceil(size / tileWidth)
    const full = Math.floor(size / tileWidth)
    const start = Math.floor(from / tileWidth)
    for (let next = await firstMissing(start, full); next < bundles; next += atOnce) {
      const some = Array.from({ length: Math.min(atOnce, bundles - next) }, (_, at) => next + at)
      await Promise.all(some.map((index) => shipBundle(index, size)))
    }
    for (let level = 1; Math.floor(size / tileWidth ** level) > 0; level++) {
      const tiles = Math.ceil(Math.floor(size / tileWidth ** level) / tileWidth)
      for (let index = Math.floor(from / tileWidth ** (level + 1)); index < tiles; index++)
        await shipTile(level, index, size)
    }
  }

  return {
    async ship() {
      const note = (await readFile('checkpoint'))?.toString()
      if (note === undefined) return
      const checkpoint = openCheckpoint(verifier, note)
      if (checkpoint === undefined) throw new Error(`The checkpoint of ${verifier.name} is not signed by its key.`)
      behind = checkpoint.size - (shipped?.size ?? 0)
      if (shipped !== undefined && shipped.size === checkpoint.size) return
      if (shipped === undefined) {
        const copy = await lookAtCopy()
        await requireBeginning(copy, checkpoint.size)
        behind = checkpoint.size - copy.size
        await shipTo(checkpoint.size, copy.size)
      } else await shipTo(checkpoint.size, shipped.size)
      await destination.write('checkpoint', Buffer.from(note))
      shipped = checkpoint
      behind = 0
    },
    lag: () => behind,
  }
}

/** How a log lies on disk (C2SP tlog-tiles): `tile/<L>/<N>[.p/<W>]` and `tile/entries/<N>[.p/<W>]`. */
import type { ReadNode } from './proofs.ts'
import { type Hash, hashAt, hashBytes, nodeHash, type Tile, tileHeight, tileWidth } from './tree.ts'

/** The file within the log's directory, or undefined where there is none. */
export type ReadLogFile = (path: string) => Promise<Buffer | undefined>

/** `level` is a level of the tree's tiles, or `entries`. The width is 1 to 256; below 256 the tile is a partial one. */
export function tilePath(level: number | 'entries', index: number, width: number): string {
  return `tile/${level}/${tileIndex(index)}${width === tileWidth ? '' : `.p/${width}`}`
}

/** 1234067 is `x001/x234/067`. */
function tileIndex(index: number): string {
  const digits = index.toString()
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, '0').match(/.{3}/g) ?? []
  return groups.map((group, at) => (at === groups.length - 1 ? group : `x${group}`)).join('/')
}

/** How many hashes the tile has in a tree of this size: 256 where it is full, 0 where there is none. */
export function widthOf(level: number, index: number, size: number): number {
  const hashes = Math.floor(size / tileWidth ** level)
  return Math.max(0, Math.min(tileWidth, hashes - index * tileWidth))
}

/**
 * A tile or bundle as it was at a size. A partial one may have been removed since in favour of the full one, which
 * begins alike; hence the cut.
 */
export async function readTile(
  readFile: ReadLogFile,
  level: number,
  index: number,
  width: number,
): Promise<Buffer | undefined> {
  const exact = await readFile(tilePath(level, index, width))
  if (exact !== undefined) return exact
  if (width === tileWidth) return undefined
  return (await readFile(tilePath(level, index, tileWidth)))?.subarray(0, width * hashBytes)
}

/** The entries from `index * 256` on: at least `width` of them, where the log is whole. */
export async function readBundle(
  readFile: ReadLogFile,
  index: number,
  width: number,
): Promise<readonly Buffer[] | undefined> {
  const exact = await readFile(tilePath('entries', index, width))
  const bundle = exact ?? (width === tileWidth ? undefined : await readFile(tilePath('entries', index, tileWidth)))
  if (bundle === undefined) return undefined
  const { entries } = decodeEntries(bundle)
  return exact === undefined ? entries.slice(0, width) : entries
}

/** The length of an entry stands before it, in 16 bits, big-endian. */
export const entryPrefixBytes = 2

export function encodeEntries(entries: readonly Uint8Array[]): Buffer {
  const bundle = Buffer.alloc(entries.reduce((bytes, entry) => bytes + entryPrefixBytes + entry.length, 0))
  let at = 0
  for (const entry of entries) {
    at = bundle.writeUInt16BE(entry.length, at)
    bundle.set(entry, at)
    at += entry.length
  }
  return bundle
}

/** `rest` is how many bytes at the end make no whole entry. */
export function decodeEntries(bundle: Buffer): { readonly entries: Buffer[]; readonly rest: number } {
  const entries: Buffer[] = []
  let at = 0
  while (at + entryPrefixBytes <= bundle.length) {
    const end = at + entryPrefixBytes + bundle.readUInt16BE(at)
    if (end > bundle.length) break
    entries.push(bundle.subarray(at + entryPrefixBytes, end))
    at = end
  }
  return { entries, rest: bundle.length - at }
}

/** The partial tiles at the right edge of a tree of this size. Rejects where one is missing or has another length. */
export async function readEdge(readFile: ReadLogFile, size: number): Promise<readonly Tile[]> {
  const edge: Tile[] = []
  for (let total = size, level = 0; total > 0; total = Math.floor(total / tileWidth), level += 1) {
    const width = total % tileWidth
    if (width === 0) continue
    const index = Math.floor(total / tileWidth)
    edge.push({ level, index, hashes: await requireTile(readFile, level, index, width) })
  }
  return edge
}

async function requireTile(readFile: ReadLogFile, level: number, index: number, width: number): Promise<Buffer> {
  const hashes = await readTile(readFile, level, index, width)
  if (hashes?.length === width * hashBytes) return hashes
  const found = hashes === undefined ? 'is missing' : `has ${hashes.length} bytes, not ${width * hashBytes}`
  throw new Error(`The tile ${tilePath(level, index, width)} of the audit log ${found}.`)
}

/** The nodes of a tree of this size, from its tiles. Each tile is read once. */
export function nodesFromTiles(readFile: ReadLogFile, size: number): ReadNode {
  const tiles = new Map<string, Promise<Buffer>>()
  return async (height, index) => {
    const level = Math.floor(height / tileHeight)
    const hashes = 2 ** (height % tileHeight)
    const tile = Math.floor((index * hashes) / tileWidth)
    const path = `${level}/${tile}`
    let reading = tiles.get(path)
    if (reading === undefined) {
      reading = requireTile(readFile, level, tile, widthOf(level, tile, size))
      tiles.set(path, reading)
    }
    return perfectRoot(await reading, (index * hashes) % tileWidth, hashes)
  }
}

function perfectRoot(tile: Buffer, from: number, count: number): Hash {
  if (count === 1) return hashAt(tile, from)
  return nodeHash(perfectRoot(tile, from, count / 2), perfectRoot(tile, from + count / 2, count / 2))
}

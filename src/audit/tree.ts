/** The Merkle tree of RFC 6962, section 2.1, over SHA-256, growing leaf by leaf and cut into the tiles of C2SP tlog-tiles. */
import { hash } from 'node:crypto'

/**
 * 32 bytes as a latin1 string. A string cannot be changed behind one's back, compares by `===`, and comes out of
 * `crypto.hash` at a third of the cost of a Buffer.
 */
export type Hash = string

export const hashBytes = 32
/** A tile spans 8 levels of the tree: 256 hashes (C2SP tlog-tiles). */
export const tileHeight = 8
export const tileWidth = 256

export const emptyRoot: Hash = hash('sha256', '', 'latin1')

/** Domain separation, so that no node passes for a leaf (RFC 6962, section 2.1). */
const leafPrefix = '\x00'
const nodePrefix = 0x01

export function leafHash(entry: Uint8Array): Hash {
  const prefixed = Buffer.allocUnsafe(entry.length + 1)
  prefixed[0] = 0
  prefixed.set(entry, 1)
  return hash('sha256', prefixed, 'latin1')
}

/** Of the UTF-8 of a well-formed text. */
export function leafHashOfText(text: string): Hash {
  return hash('sha256', leafPrefix + text, 'latin1')
}

const node = Buffer.alloc(1 + 2 * hashBytes)
node[0] = nodePrefix

export function nodeHash(left: Hash, right: Hash): Hash {
  node.write(left, 1, hashBytes, 'latin1')
  node.write(right, 1 + hashBytes, hashBytes, 'latin1')
  return hash('sha256', node, 'latin1')
}

export function hashToBase64(value: Hash): string {
  return Buffer.from(value, 'latin1').toString('base64')
}

/** Undefined unless it is the one base64 spelling of 32 bytes. */
export function hashFromBase64(text: string): Hash | undefined {
  const bytes = Buffer.from(text, 'base64')
  return bytes.length === hashBytes && bytes.toString('base64') === text ? bytes.toString('latin1') : undefined
}

export function hashAt(tile: Buffer, position: number): Hash {
  return tile.toString('latin1', position * hashBytes, (position + 1) * hashBytes)
}

/** What of a level is not in a full tile yet: 0 to 255 hashes, and the roots of the perfect subtrees over them. */
type Level = {
  /** How many full tiles lie to the left. */
  tiles: number
  count: number
  readonly hashes: Buffer
  /** By height within the tile; current where the same bit of `count` is set. */
  readonly subtrees: Hash[]
}

/** A tree that knows only its right edge: memory is a few kilobytes, however many leaves there are. */
export type Tree = {
  size(): number
  append(leaf: Hash): void
  /** MTH of all leaves (RFC 6962, section 2.1). About 2 log2(size) hashes at most. */
  root(): Hash
  /** The partial tiles of the right edge, from the leaves up; levels without one are left out. A copy. */
  edge(): readonly Tile[]
  /** A tree of its own that goes on from here. It reports no full tiles unless told where to. */
  fork(onFullTile?: OnFullTile): Tree
}

export type Tile = {
  readonly level: number
  readonly index: number
  /** Concatenated hashes: at most 256 of 32 bytes. */
  readonly hashes: Buffer
}

type OnFullTile = (tile: Tile) => void

export function emptyTree(onFullTile?: OnFullTile): Tree {
  return treeOf([], onFullTile)
}

/** The tree of a size, from the partial tiles of its right edge (`edge()`, or those on disk). */
export function treeFromEdge(size: number, edge: readonly Tile[], onFullTile?: OnFullTile): Tree {
  const levels: Level[] = []
  for (let total = size, level = 0; total > 0; total = Math.floor(total / tileWidth), level += 1) {
    const count = total % tileWidth
    const tile = edge.find((partial) => partial.level === level)
    if ((tile?.hashes.length ?? 0) !== count * hashBytes)
      throw new Error(`The partial tile of level ${level} does not fit a tree of ${size} leaves.`)
    const grown = newLevel(Math.floor(total / tileWidth))
    levels.push(grown)
    for (let position = 0; position < count; position += 1) push(grown, hashAt(tile!.hashes, position))
  }
  return treeOf(levels, onFullTile)
}

function newLevel(tiles: number): Level {
  return { tiles, count: 0, hashes: Buffer.alloc(tileWidth * hashBytes), subtrees: [] }
}

/** The root of the tile, once it is full. */
function push(level: Level, value: Hash): Hash | undefined {
  level.hashes.write(value, level.count * hashBytes, hashBytes, 'latin1')
  let root = value
  let height = 0
  for (let rest = level.count; rest % 2 === 1; rest >>= 1) {
    root = nodeHash(level.subtrees[height] as Hash, root)
    height += 1
  }
  level.count += 1
  if (height === tileHeight) return root
  level.subtrees[height] = root
  return undefined
}

function treeOf(levels: Level[], onFullTile: OnFullTile | undefined): Tree {
  function add(index: number, value: Hash) {
    let level = levels[index]
    if (level === undefined) {
      level = newLevel(0)
      levels.push(level)
    }
    const full = push(level, value)
    if (full === undefined) return
    onFullTile?.({ level: index, index: level.tiles, hashes: Buffer.from(level.hashes) })
    level.tiles += 1
    level.count = 0
    add(index + 1, full)
  }
  return {
    size: () => (levels[0] === undefined ? 0 : levels[0].tiles * tileWidth + levels[0].count),
    append: (leaf) => add(0, leaf),
    root() {
      let root: Hash | undefined
      for (const level of levels)
        for (let height = 0; height < tileHeight; height += 1)
          if ((level.count >> height) % 2 === 1) {
            const left = level.subtrees[height] as Hash
            root = root === undefined ? left : nodeHash(left, root)
          }
      return root ?? emptyRoot
    },
    edge: () =>
      levels.flatMap(({ tiles, count, hashes }, level) =>
        count === 0 ? [] : [{ level, index: tiles, hashes: Buffer.from(hashes.subarray(0, count * hashBytes)) }],
      ),
    fork: (onFullTileOfFork) =>
      treeOf(
        levels.map((level) => ({
          ...level,
          hashes: Buffer.from(level.hashes),
          subtrees: [...level.subtrees],
        })),
        onFullTileOfFork,
      ),
  }
}

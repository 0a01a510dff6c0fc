/** Inclusion and consistency proofs: made as in RFC 6962, section 2.1; checked as in RFC 9162, sections 2.1.3.2 and 2.1.4.2. */
import { type Hash, nodeHash } from './tree.ts'

/** The root of a perfect subtree: of the leaves from `index * 2^height` to before `(index + 1) * 2^height`. */
export type ReadNode = (height: number, index: number) => Promise<Hash>

/** MTH(D[from:to]); `from` must be a multiple of the smallest power of two that is not below the number of leaves. */
export async function rangeRoot(readNode: ReadNode, from: number, to: number): Promise<Hash> {
  const leaves = to - from
  const height = perfectHeight(leaves)
  if (height !== undefined) return readNode(height, from / leaves)
  const middle = from + powerBelow(leaves)
  return nodeHash(await rangeRoot(readNode, from, middle), await rangeRoot(readNode, middle, to))
}

/** PATH(index, D[size]), from the leaf's sibling up. */
export async function inclusionPath(readNode: ReadNode, index: number, size: number): Promise<Hash[]> {
  return path(readNode, index, 0, size)
}

async function path(readNode: ReadNode, index: number, from: number, to: number): Promise<Hash[]> {
  if (to - from === 1) return []
  const middle = from + powerBelow(to - from)
  return index < middle
    ? [...(await path(readNode, index, from, middle)), await rangeRoot(readNode, middle, to)]
    : [...(await path(readNode, index, middle, to)), await rangeRoot(readNode, from, middle)]
}

/** PROOF(older, D[size]), for 0 < older <= size; empty where they are the same. */
export async function consistencyPath(readNode: ReadNode, older: number, size: number): Promise<Hash[]> {
  return subproof(readNode, older, 0, size, true)
}

async function subproof(
  readNode: ReadNode,
  older: number,
  from: number,
  to: number,
  complete: boolean,
): Promise<Hash[]> {
  if (older === to) return complete ? [] : [await rangeRoot(readNode, from, to)]
  const middle = from + powerBelow(to - from)
  return older <= middle
    ? [...(await subproof(readNode, older, from, middle, complete)), await rangeRoot(readNode, middle, to)]
    : [...(await subproof(readNode, older, middle, to, false)), await rangeRoot(readNode, from, middle)]
}

/** The greatest power of two below a number of at least 2. */
function powerBelow(count: number): number {
  let power = 1
  while (power * 2 < count) power *= 2
  return power
}

/** The height of a perfect tree of so many leaves; undefined where there is none. */
function perfectHeight(leaves: number): number | undefined {
  const height = Math.round(Math.log2(leaves))
  return 2 ** height === leaves ? height : undefined
}

/** The root that the path leads to; undefined where a path of this length cannot belong to this leaf and size. */
export function rootFromInclusion(
  leaf: Hash,
  index: number,
  size: number,
  inclusion: readonly Hash[],
): Hash | undefined {
  if (index < 0 || index >= size) return undefined
  let position = index
  let last = size - 1
  let root = leaf
  for (const sibling of inclusion) {
    if (last === 0) return undefined
    if (position % 2 === 1 || position === last) {
      root = nodeHash(sibling, root)
      while (position % 2 === 0 && position !== 0) {
        position = half(position)
        last = half(last)
      }
    } else root = nodeHash(root, sibling)
    position = half(position)
    last = half(last)
  }
  return last === 0 ? root : undefined
}

/** Whether the tree of the newer root begins with all leaves of the older one, in order. */
export function isConsistent(
  older: { readonly size: number; readonly root: Hash },
  newer: { readonly size: number; readonly root: Hash },
  consistency: readonly Hash[],
): boolean {
  if (older.size > newer.size) return false
  if (older.size === newer.size) return consistency.length === 0 && older.root === newer.root
  if (older.size === 0) return consistency.length === 0
  // An older tree that is perfect is itself the first node of the proof, and is left out of it.
  const [first, ...rest] = perfectHeight(older.size) !== undefined ? [older.root, ...consistency] : consistency
  if (first === undefined) return false
  let position = older.size - 1
  let last = newer.size - 1
  while (position % 2 === 1) {
    position = half(position)
    last = half(last)
  }
  let olderRoot = first
  let newerRoot = first
  for (const sibling of rest) {
    if (last === 0) return false
    if (position % 2 === 1 || position === last) {
      olderRoot = nodeHash(sibling, olderRoot)
      newerRoot = nodeHash(sibling, newerRoot)
      while (position % 2 === 0 && position !== 0) {
        position = half(position)
        last = half(last)
      }
    } else newerRoot = nodeHash(newerRoot, sibling)
    position = half(position)
    last = half(last)
  }
  return last === 0 && olderRoot === older.root && newerRoot === newer.root
}

/** Not `>> 1`: a log may outgrow 32 bits. */
function half(count: number): number {
  return Math.floor(count / 2)
}

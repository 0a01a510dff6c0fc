import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { consistencyPath, inclusionPath, isConsistent, type ReadNode, rangeRoot, rootFromInclusion } from './proofs.ts'
import { emptyTree, type Hash, leafHash, leafHashOfText, nodeHash } from './tree.ts'

const leaf = (index: number) => leafHashOfText(`${index}`)

/** Perfect subtrees by plain recursion. */
const readNode: ReadNode = async (height, index) => {
  if (height === 0) return leaf(index)
  return nodeHash(await readNode(height - 1, index * 2), await readNode(height - 1, index * 2 + 1))
}

function rootOf(size: number): Hash {
  const tree = emptyTree()
  for (let index = 0; index < size; index += 1) tree.append(leaf(index))
  return tree.root()
}

const sizeAndPart = fc
  .integer({ min: 1, max: 700 })
  .chain((size) => fc.tuple(fc.constant(size), fc.integer({ min: 0, max: size - 1 })))

test('every leaf of small trees is proven, and by nothing else', async () => {
  for (let size = 1; size <= 20; size += 1)
    for (let index = 0; index < size; index += 1) {
      const path = await inclusionPath(readNode, index, size)
      assert.equal(rootFromInclusion(leaf(index), index, size, path), rootOf(size))
      for (let other = 0; other < size; other += 1)
        if (other !== index) assert.notEqual(rootFromInclusion(leaf(index), other, size, path), rootOf(size))
      assert.notEqual(rootFromInclusion(leaf(index + 1), index, size, path), rootOf(size))
    }
})

test('the inclusion proofs are those of the example in RFC 6962', async () => {
  // RFC 6962, section 2.1.3: a tree of 7 leaves, d0 to d6.
  const [a, b, c, d, e, f] = [0, 1, 2, 3, 4, 5].map(leaf) as [Hash, Hash, Hash, Hash, Hash, Hash]
  const [g, h, i, j] = [nodeHash(a, b), nodeHash(c, d), nodeHash(e, f), leaf(6)]
  const [k, l] = [nodeHash(g, h), nodeHash(i, j)]
  assert.deepEqual(await inclusionPath(readNode, 0, 7), [b, h, l])
  assert.deepEqual(await inclusionPath(readNode, 3, 7), [c, g, l])
  assert.deepEqual(await inclusionPath(readNode, 4, 7), [f, j, k])
  assert.deepEqual(await inclusionPath(readNode, 6, 7), [i, k])
  assert.deepEqual(await consistencyPath(readNode, 3, 7), [c, d, g, l])
  assert.deepEqual(await consistencyPath(readNode, 4, 7), [l])
  assert.deepEqual(await consistencyPath(readNode, 6, 7), [i, j, k])
})

test('a leaf in a large tree is proven', async () => {
  await fc.assert(
    fc.asyncProperty(sizeAndPart, async ([size, index]) => {
      const path = await inclusionPath(readNode, index, size)
      assert.equal(rootFromInclusion(leaf(index), index, size, path), rootOf(size))
    }),
    { numRuns: 40 },
  )
})

test('a proof with a changed, missing or added hash proves nothing', async () => {
  await fc.assert(
    fc.asyncProperty(sizeAndPart, fc.nat(), async ([size, index], which) => {
      const path = await inclusionPath(readNode, index, size)
      const root = rootOf(size)
      assert.notEqual(rootFromInclusion(leaf(index), index, size, [...path, leafHash(Buffer.of(1))]), root)
      if (path.length === 0) return
      const at = which % path.length
      assert.notEqual(rootFromInclusion(leaf(index), index, size, path.toSpliced(at, 1)), root)
      assert.notEqual(rootFromInclusion(leaf(index), index, size, path.with(at, leafHash(Buffer.of(1)))), root)
    }),
    { numRuns: 40 },
  )
})

test('an index outside the tree is proven by nothing', async () => {
  assert.equal(rootFromInclusion(leaf(3), 3, 3, []), undefined)
  assert.equal(rootFromInclusion(leaf(0), -1, 3, []), undefined)
})

test('every older tree is the beginning of every newer one, and of no other', async () => {
  for (let size = 1; size <= 17; size += 1)
    for (let older = 1; older <= size; older += 1) {
      const path = await consistencyPath(readNode, older, size)
      const before = { size: older, root: rootOf(older) }
      const after = { size, root: rootOf(size) }
      assert.ok(isConsistent(before, after, path))
      assert.ok(!isConsistent({ ...before, root: leafHashOfText('forged') }, after, path))
      assert.ok(!isConsistent(before, { ...after, root: leafHashOfText('forged') }, path))
      if (older !== size) assert.ok(!isConsistent(before, after, path.slice(1)))
      assert.ok(!isConsistent(before, after, [...path, leafHashOfText('more')]))
    }
})

test('a log that became shorter is consistent with nothing', () => {
  assert.ok(!isConsistent({ size: 5, root: rootOf(5) }, { size: 4, root: rootOf(4) }, []))
})

test('the empty log is the beginning of every log', () => {
  assert.ok(isConsistent({ size: 0, root: rootOf(0) }, { size: 4, root: rootOf(4) }, []))
})

test('sizes beyond 32 bits are computed exactly', async () => {
  // A tree of equal leaves: a perfect subtree of it needs no more than its height.
  const equal: Hash[] = [leafHashOfText('x')]
  const ofEqual: ReadNode = async (height) => {
    while (equal.length <= height) equal.push(nodeHash(equal.at(-1) as Hash, equal.at(-1) as Hash))
    return equal[height] as Hash
  }
  const size = 2 ** 50 + 1
  const root = await rangeRoot(ofEqual, 0, size)
  const path = await inclusionPath(ofEqual, 2 ** 41 + 3, size)
  assert.equal(path.length, 51)
  assert.equal(rootFromInclusion(equal[0] as Hash, 2 ** 41 + 3, size, path), root)
  const consistency = await consistencyPath(ofEqual, 2 ** 33 + 1, size)
  assert.ok(
    isConsistent({ size: 2 ** 33 + 1, root: await rangeRoot(ofEqual, 0, 2 ** 33 + 1) }, { size, root }, consistency),
  )
})

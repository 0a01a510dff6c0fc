import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { emptyRoot, emptyTree, type Hash, hashAt, leafHash, leafHashOfText, type Tile, treeFromEdge } from './tree.ts'

/** The reference tree of Certificate Transparency: these leaves, and the root after each of them. */
const leaves = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'].map(
  (hex) => Buffer.from(hex, 'hex'),
)
const roots = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
]

const hex = (value: Hash) => Buffer.from(value, 'latin1').toString('hex')

/** MTH as RFC 6962 defines it, word for word. */
function treeHash(entries: readonly Buffer[]): Buffer {
  const [first] = entries
  if (first === undefined) return sha256()
  if (entries.length === 1) return sha256(Buffer.of(0), first)
  let split = 1
  while (split * 2 < entries.length) split *= 2
  return sha256(Buffer.of(1), treeHash(entries.slice(0, split)), treeHash(entries.slice(split)))
}

function sha256(...parts: readonly Uint8Array[]): Buffer {
  const digest = createHash('sha256')
  for (const part of parts) digest.update(part)
  return digest.digest()
}

const numbered = (count: number) => Array.from({ length: count }, (_, index) => Buffer.from(`entry ${index}`))

test('the empty tree has the hash of nothing', () => {
  assert.equal(hex(emptyTree().root()), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
  assert.equal(emptyTree().root(), emptyRoot)
})

test('the roots are those of the reference tree of Certificate Transparency', () => {
  const tree = emptyTree()
  for (const [index, leaf] of leaves.entries()) {
    tree.append(leafHash(leaf))
    assert.equal(hex(tree.root()), roots[index])
  }
})

test('the root is the Merkle tree hash of RFC 6962 at every size over several tiles', () => {
  const tree = emptyTree()
  const entries = numbered(600)
  for (const [index, entry] of entries.entries()) {
    tree.append(leafHash(entry))
    if (index % 7 === 0 || index % 256 > 253 || index % 256 < 2)
      assert.equal(hex(tree.root()), treeHash(entries.slice(0, index + 1)).toString('hex'))
  }
})

test('a text hashes like its UTF-8', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 20 }), (text) => {
      assert.equal(leafHashOfText(text), leafHash(Buffer.from(text)))
    }),
  )
})

test('full tiles come out as they fill, and the hash of each goes up one level', () => {
  const tiles: Tile[] = []
  const tree = emptyTree((tile) => tiles.push(tile))
  const count = 256 * 256 + 300
  for (let index = 0; index < count; index += 1) tree.append(leafHashOfText(`${index}`))
  assert.equal(tiles.length, 257 + 1)
  assert.deepEqual(
    tiles.filter(({ level }) => level === 1).map(({ index, hashes }) => ({ index, bytes: hashes.length })),
    [{ index: 0, bytes: 8192 }],
  )
  const [lowest] = tiles as [Tile]
  assert.equal(hashAt(lowest.hashes, 17), leafHashOfText('17'))
  const lowestTree = emptyTree()
  for (let index = 0; index < 256; index += 1) lowestTree.append(hashAt(lowest.hashes, index))
  const first = tiles.find(({ level }) => level === 1) as Tile
  assert.equal(hashAt(first.hashes, 0), lowestTree.root())
  assert.deepEqual(
    tree.edge().map(({ level, index, hashes }) => [level, index, hashes.length / 32]),
    [
      [0, 257, 44],
      [1, 1, 1],
      [2, 0, 1],
    ],
  )
})

test('a tree goes on from its edge as if it had never been put down', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_500 }), fc.integer({ min: 0, max: 600 }), (before, after) => {
      const whole = emptyTree()
      for (let index = 0; index < before; index += 1) whole.append(leafHashOfText(`${index}`))
      const again = treeFromEdge(before, whole.edge())
      const forked = whole.fork()
      for (let index = 0; index < after; index += 1)
        for (const tree of [whole, again, forked]) tree.append(leafHashOfText(`more ${index}`))
      assert.equal(again.size(), before + after)
      assert.equal(again.root(), whole.root())
      assert.equal(forked.root(), whole.root())
    }),
    { numRuns: 30 },
  )
})

test('a fork does not change the tree it comes from', () => {
  const tree = emptyTree()
  for (let index = 0; index < 300; index += 1) tree.append(leafHashOfText(`${index}`))
  const root = tree.root()
  const fork = tree.fork()
  for (let index = 0; index < 300; index += 1) fork.append(leafHashOfText('other'))
  assert.equal(tree.root(), root)
  assert.equal(tree.size(), 300)
})

test('an edge of another size is refused', () => {
  const tree = emptyTree()
  for (let index = 0; index < 300; index += 1) tree.append(leafHashOfText(`${index}`))
  assert.throws(() => treeFromEdge(301, tree.edge()), /does not fit/)
  assert.throws(() => treeFromEdge(300, []), /does not fit/)
})

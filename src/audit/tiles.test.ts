import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeEntries, encodeEntries, tilePath, widthOf } from './tiles.ts'

test('paths are those of the specification', () => {
  assert.equal(tilePath(0, 1_234_067, 256), 'tile/0/x001/x234/067')
  assert.equal(tilePath(0, 1_234_067, 8), 'tile/0/x001/x234/067.p/8')
  assert.equal(tilePath('entries', 0, 256), 'tile/entries/000')
  assert.equal(tilePath(2, 999, 255), 'tile/2/999.p/255')
  assert.equal(tilePath(1, 1_000, 256), 'tile/1/x001/000')
})

test('a tree of 70,000 has the tiles that the specification counts', () => {
  const size = 70_000
  assert.equal(widthOf(0, 272, size), 256)
  assert.equal(widthOf(0, 273, size), 112)
  assert.equal(widthOf(0, 274, size), 0)
  assert.equal(widthOf(1, 0, size), 256)
  assert.equal(widthOf(1, 1, size), 17)
  assert.equal(widthOf(2, 0, size), 1)
  assert.equal(widthOf(1, 0, 256), 1)
})

test('entries come out of a bundle as they went in', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 70 })), (entries) => {
      const { entries: decoded, rest } = decodeEntries(encodeEntries(entries))
      assert.deepEqual(
        decoded.map((entry) => [...entry]),
        entries.map((entry) => [...entry]),
      )
      assert.equal(rest, 0)
    }),
  )
})

test('a bundle that was cut tells how much of it is no entry', () => {
  const bundle = encodeEntries([Buffer.from('one'), Buffer.from('two')])
  for (let cut = 1; cut < 5; cut += 1) {
    const { entries, rest } = decodeEntries(bundle.subarray(0, bundle.length - cut))
    assert.equal(entries.length, 1)
    assert.equal(rest, 5 - cut)
  }
})

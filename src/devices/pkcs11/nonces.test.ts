import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nonces } from './nonces.ts'

function counting() {
  let drawn = 0
  const nextByte = () => {
    drawn += 1
    return drawn
  }
  const bytes = (count: number) => new Uint8Array(count).fill(nextByte())
  return { random: { bytes, uuid: () => '' }, drawn: () => drawn }
}

test('a nonce is the prefix of this start and a counter that never repeats', () => {
  const { random, drawn } = counting()
  const next = nonces(random)
  assert.equal(next().toString('hex'), '010101010101010100000000')
  assert.equal(next().toString('hex'), '010101010101010100000001')
  const seen = new Set(Array.from({ length: 10_000 }, () => next().toString('hex')))
  assert.equal(seen.size, 10_000)
  assert.equal(drawn(), 1)
})

test('two starts count under two prefixes', () => {
  const { random } = counting()
  assert.notDeepEqual(nonces(random)(), nonces(random)())
})

test('after 2^32 nonces the prefix is drawn anew', () => {
  const { random } = counting()
  const next = nonces(random, 0xffff_ffff)
  assert.equal(next().toString('hex'), '0101010101010101ffffffff')
  assert.equal(next().toString('hex'), '020202020202020200000000')
})

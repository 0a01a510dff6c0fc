import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { openXaes } from './aes.ts'
import { nonceBytes, tagBytes } from './gcm.ts'

const nonce = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWX', 'ascii')
const nothing = new Uint8Array(0)

test('XAES-256-GCM gives the two vectors of C2SP', () => {
  const plaintext = Buffer.from('XAES-256-GCM', 'ascii')
  const first = openXaes(Buffer.alloc(32, 0x01)).seal(nonce, plaintext, nothing)
  const second = openXaes(Buffer.alloc(32, 0x03)).seal(nonce, plaintext, Buffer.from('c2sp.org/XAES-256-GCM', 'ascii'))
  const afterNonce = (body: Uint8Array) => Buffer.from(body).subarray(nonceBytes).toString('hex')
  assert.equal(afterNonce(first), 'ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271')
  assert.equal(afterNonce(second), '986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d')
})

test('XAES-256-GCM gives the accumulated randomized test of C2SP, 10 000 iterations', () => {
  // One SHAKE-128 stream of key, nonce, plaintext<0..255>, aad<0..255>; no iteration takes more than 568 bytes.
  const stream = createHash('shake128', { outputLength: 10_000 * 400 }).digest()
  const ciphertexts = createHash('shake128', { outputLength: 32 })
  let at = 0
  const take = (count: number) => {
    at += count
    assert.ok(at <= stream.length)
    return stream.subarray(at - count, at)
  }
  for (let iteration = 0; iteration < 10_000; iteration += 1) {
    const aead = openXaes(take(32))
    const drawn = take(24)
    const plaintext = take(take(1)[0]!)
    const associatedData = take(take(1)[0]!)
    const body = aead.seal(drawn, plaintext, associatedData)
    const opened = aead.open(body, associatedData)
    assert.ok(opened !== undefined && Buffer.compare(opened, plaintext) === 0)
    ciphertexts.update(body.subarray(nonceBytes))
  }
  assert.equal(ciphertexts.digest('hex'), 'e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939')
})

test('one opened key serves many messages, whatever came between', () => {
  const aead = openXaes(Buffer.alloc(32, 7))
  const other = Buffer.alloc(nonceBytes, 0xff)
  const before = aead.seal(nonce, Buffer.from('one'), nothing)
  aead.seal(other, Buffer.alloc(1_000), nothing)
  aead.open(Buffer.alloc(100), nothing)
  assert.deepEqual(aead.seal(nonce, Buffer.from('one'), nothing), before)
})

test('a nonce or key of another length is refused before anything is computed', () => {
  assert.throws(() => openXaes(Buffer.alloc(31)), /32 bytes/)
  const aead = openXaes(Buffer.alloc(32, 7))
  for (const bytes of [0, 12, 23, 25])
    assert.throws(() => aead.seal(new Uint8Array(bytes), nothing, nothing), /24 bytes/)
})

test('an altered or shortened body does not open, bit by bit', () => {
  const aead = openXaes(Buffer.alloc(32, 7))
  const associatedData = Buffer.from('context')
  const body = aead.seal(nonce, Buffer.from('plaintext'), associatedData)
  assert.ok(aead.open(body, associatedData))
  for (let bit = 0; bit < body.length * 8; bit += 1) {
    const altered = Uint8Array.from(body)
    altered[bit >>> 3]! ^= 1 << (bit & 7)
    assert.equal(aead.open(altered, associatedData), undefined)
  }
  for (let length = 0; length < body.length; length += 1)
    assert.equal(aead.open(body.subarray(0, length), associatedData), undefined)
  assert.equal(aead.open(Buffer.concat([body, Buffer.alloc(1)]), associatedData), undefined)
  assert.equal(aead.open(body, Buffer.from('contexu')), undefined)
  assert.equal(aead.open(body, nothing), undefined)
  assert.equal(aead.open(new Uint8Array(nonceBytes + tagBytes), nothing), undefined)
})

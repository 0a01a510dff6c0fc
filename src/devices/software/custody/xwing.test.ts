import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import { seededRandom } from '../../../../test/seeded-random.ts'
import { encapsulateXwing, openXwing, xwingCiphertextBytes, xwingPublicKeyBytes, xwingSeedBytes } from './xwing.ts'
// The test vectors of draft-connolly-cfrg-xwing-kem; of the public keys their SHA-256.
import vectors from './xwing.vectors.json' with { type: 'json' }

const hex = (text: string) => Buffer.from(text, 'hex')

test("X-Wing opens the draft's test vectors", () => {
  assert.equal(vectors.length, 3)
  for (const { seed, publicKeySha256, ciphertext, sharedSecret } of vectors) {
    const key = openXwing(hex(seed))
    assert.equal(key.publicKey.length, xwingPublicKeyBytes)
    assert.equal(hash('sha256', key.publicKey), publicKeySha256)
    assert.equal(Buffer.from(key.decapsulate(hex(ciphertext))!).toString('hex'), sharedSecret)
  }
})

test('what X-Wing encapsulates only its own private key gets out', () => {
  const random = seededRandom('xwing')
  const key = openXwing(random.bytes(xwingSeedBytes))
  const other = openXwing(random.bytes(xwingSeedBytes))
  const { ciphertext, sharedSecret } = encapsulateXwing(key.publicKey, random)
  assert.equal(ciphertext.length, xwingCiphertextBytes)
  assert.deepEqual(key.decapsulate(ciphertext), sharedSecret)
  assert.notDeepEqual(other.decapsulate(ciphertext), sharedSecret)
  // Both halves count.
  for (const at of [0, 1_000, 1_088, 1_119]) {
    const altered = Uint8Array.from(ciphertext)
    altered[at]! ^= 1
    assert.notDeepEqual(key.decapsulate(altered), sharedSecret)
  }
})

test('a ciphertext of another length, or with a point of small order, opens to nothing', () => {
  const random = seededRandom('xwing')
  const key = openXwing(random.bytes(xwingSeedBytes))
  const { ciphertext } = encapsulateXwing(key.publicKey, random)
  assert.equal(key.decapsulate(ciphertext.subarray(1)), undefined)
  assert.equal(key.decapsulate(new Uint8Array(0)), undefined)
  const smallOrder = Uint8Array.from(ciphertext)
  smallOrder.fill(0, 1_088)
  assert.equal(key.decapsulate(smallOrder), undefined)
})

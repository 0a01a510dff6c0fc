import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { hmac } from '@noble/hashes/hmac.js'
import { sha224, sha256, sha384, sha512 } from '@noble/hashes/sha2.js'
import { seededRandom } from '../../../test/seeded-random.ts'
import { type MacAlgorithm, specs } from '../../domain/specs.ts'
import { aesAlgorithms } from './aes.ts'
import type { Algorithms } from './algorithms.ts'
import { checkKnownAnswers, counting } from './known-answers.ts'
import { macAlgorithms, openHmac } from './mac.ts'
import { sm4Algorithms } from './sm4.ts'

const random = seededRandom('known answers')
const table = { AES_256: aesAlgorithms(random), SM4: sm4Algorithms(random), ...macAlgorithms(random) }

test('every symmetric algorithm gives its known answer', () => {
  checkKnownAnswers(table)
})

const elsewhere: Readonly<Record<MacAlgorithm, (key: Uint8Array, message: Uint8Array) => Uint8Array>> = {
  HMAC_SHA_224: (key, message) => hmac(sha224, key, message),
  HMAC_SHA_256: (key, message) => hmac(sha256, key, message),
  HMAC_SHA_384: (key, message) => hmac(sha384, key, message),
  HMAC_SHA_512: (key, message) => hmac(sha512, key, message),
  HMAC_SM3(key, message) {
    const { sm3 } = createRequire(import.meta.url)('sm-crypto')
    return Buffer.from(sm3(message, { key: Buffer.from(key).toString('hex') }), 'hex')
  },
}

test('the known MACs are what other code makes of the same key and message', () => {
  const message = Buffer.from('Keyward', 'ascii')
  for (const algorithm of Object.keys(elsewhere) as MacAlgorithm[]) {
    const key = counting(specs[algorithm].materialBytes!)
    const expected = elsewhere[algorithm](key, message)
    assert.equal(expected.length, key.length)
    assert.deepEqual(Uint8Array.from(openHmac(algorithm, key)(message)), Uint8Array.from(expected))
  }
})

/** A row that computes something else. */
const wrong: Readonly<Record<keyof typeof table, Algorithms>> = {
  AES_256: { ...table.AES_256, open: () => ({ encrypt: (plaintext) => plaintext, decrypt: (body) => body }) },
  SM4: {
    ...table.SM4,
    open(material) {
      const right = table.SM4.open(material)
      // Takes a message whose tag is wrong.
      return { encrypt: right.encrypt!, decrypt: () => Buffer.from('SM4-GCM') }
    },
  },
  HMAC_SHA_224: { ...table.HMAC_SHA_224, open: () => ({}) },
  HMAC_SHA_256: { ...table.HMAC_SHA_256, open: () => ({ mac: () => new Uint8Array(32) }) },
  HMAC_SHA_384: { ...table.HMAC_SHA_384, open: () => ({ mac: () => new Uint8Array(48) }) },
  HMAC_SHA_512: { ...table.HMAC_SHA_512, open: () => ({ mac: () => new Uint8Array(64) }) },
  HMAC_SM3: { ...table.HMAC_SM3, open: (material) => ({ mac: material.use((key) => openHmac('HMAC_SHA_256', key)) }) },
}

test('an algorithm that computes something else is named, and nothing is served', () => {
  for (const spec of Object.keys(wrong) as (keyof typeof wrong)[])
    assert.throws(() => checkKnownAnswers({ ...table, [spec]: wrong[spec] }), new RegExp(`Self-test failed: ${spec} `))
})

import assert from 'node:assert/strict'
import { createCipheriv, hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { messageKeyGcm, nonceBytes, tagBytes } from './gcm.ts'
import { counting } from './known-answers.ts'
import { openSm4 } from './sm4.ts'

const hex = (text: string) => Buffer.from(text, 'hex')

test('SM4 gives the first example of GB/T 32907', () => {
  const key = hex('0123456789abcdeffedcba9876543210')
  const cipher = createCipheriv('sm4-ecb', key, null).setAutoPadding(false)
  assert.equal(cipher.update(key).toString('hex'), '681edf34d206965e86b3e94f536e4246')
})

test('SM3 gives the two examples of GB/T 32905', () => {
  assert.equal(hash('sm3', 'abc'), '66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0')
  assert.equal(hash('sm3', 'abcd'.repeat(16)), 'debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732')
})

test('SM4-GCM gives the example of RFC 8998, appendix A.1', () => {
  const plaintext = hex(['a', 'b', 'c', 'd', 'e', 'f', 'e', 'a'].map((digit) => digit.repeat(16)).join(''))
  const associatedData = hex('feedfacedeadbeeffeedfacedeadbeefabaddad2')
  const gcm = messageKeyGcm('SM4-GCM', () => ({
    key: hex('0123456789abcdeffedcba9876543210'),
    iv: hex('00001234567800000000abcd'),
  }))
  const body = gcm.seal(new Uint8Array(nonceBytes), plaintext, associatedData)
  assert.equal(
    Buffer.from(body).subarray(nonceBytes).toString('hex'),
    '17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735' +
      'd82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d' +
      '83de3541e4c2b58177e065a9bf7b62ec',
  )
  assert.deepEqual(gcm.open(body, associatedData), plaintext)
})

/**
 * The whole construction once more, out of another SM3 and SM4 (sm-crypto) and a GCM of bits and shifts, from what
 * docs/decisions/sm4-message-keys.md says.
 */
const { sm3, sm4 } = createRequire(import.meta.url)('sm-crypto') as {
  sm3(message: Uint8Array, options: { key: string }): string
  sm4: { encrypt(block: readonly number[], key: string, options: { padding: string }): string }
}

function sealElsewhere(
  material: Uint8Array,
  nonce: Uint8Array,
  plaintext: Uint8Array,
  associatedData: Uint8Array,
): Buffer {
  const label = Buffer.from('\0\0\0\x01Keyward SM4-GCM v1\0', 'latin1')
  const derived = sm3(Buffer.concat([label, nonce, hex('000000e0')]), { key: Buffer.from(material).toString('hex') })
  const [key, iv] = [derived.slice(0, 32), derived.slice(32, 56)]
  const block = (input: string) => hex(sm4.encrypt([...hex(input)], key, { padding: 'none' }))
  const counter = (value: number) => iv + value.toString(16).padStart(8, '0')

  const ciphertext = Buffer.from(plaintext)
  for (let at = 0; at < ciphertext.length; at += 1) ciphertext[at]! ^= block(counter(2 + (at >>> 4)))[at & 15]!
  const padded = (bytes: Uint8Array) => Buffer.concat([bytes, Buffer.alloc((16 - (bytes.length % 16)) % 16)])
  const lengths = Buffer.alloc(16)
  lengths.writeUInt32BE(associatedData.length * 8, 4)
  lengths.writeUInt32BE(ciphertext.length * 8, 12)
  const blocks = Buffer.concat([padded(associatedData), padded(ciphertext), lengths])

  const subkey = number(block('0'.repeat(32)))
  let sum = 0n
  for (let at = 0; at < blocks.length; at += 16) sum = times(sum ^ number(blocks.subarray(at, at + 16)), subkey)
  const tag = hex((sum ^ number(block(counter(1)))).toString(16).padStart(32, '0'))
  return Buffer.concat([nonce, ciphertext, tag])
}

function number(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
}

/** SP 800-38D, 6.3: the leftmost bit is the coefficient of x^0. */
function times(left: bigint, right: bigint): bigint {
  let product = 0n
  let shifted = right
  for (let bit = 127n; bit >= 0n; bit -= 1n) {
    if ((left >> bit) & 1n) product ^= shifted
    shifted = shifted & 1n ? (shifted >> 1n) ^ (0xe1n << 120n) : shifted >> 1n
  }
  return product
}

test('an SM4 message is what another SM3, SM4 and GCM make of the same words', () => {
  for (const [length, associated] of [
    [0, 0],
    [7, 7],
    [16, 41],
    [33, 16],
    [64, 0],
  ] as const) {
    const material = counting(16)
    const nonce = Buffer.alloc(nonceBytes, 0x40 + length)
    const plaintext = Buffer.alloc(length, 0x5a)
    const associatedData = Buffer.alloc(associated, 0xa5)
    assert.deepEqual(
      Buffer.from(openSm4(material).seal(nonce, plaintext, associatedData)),
      sealElsewhere(material, nonce, plaintext, associatedData),
    )
  }
})

test('the example of docs/ciphertext.md is what is computed', () => {
  const page = readFileSync(new URL('../../../docs/ciphertext.md', import.meta.url), 'utf8')
  const value = (name: string) => hex(new RegExp(`^ {4}${name} +([0-9a-f]+)`, 'm').exec(page)?.[1] ?? '')
  const nonce = value('nonce')
  const body = openSm4(value('material')).seal(nonce, value('plaintext'), value('associated data'))
  assert.deepEqual(Buffer.from(body), Buffer.concat([nonce, value('ciphertext, tag')]))
})

test('every byte of the nonce counts, for the key and for the IV', () => {
  const aead = openSm4(counting(16))
  const plaintext = Buffer.alloc(16)
  const seen = new Set<string>()
  for (let at = -1; at < nonceBytes; at += 1) {
    const nonce = new Uint8Array(nonceBytes)
    if (at >= 0) nonce[at] = 1
    seen.add(
      Buffer.from(aead.seal(nonce, plaintext, plaintext))
        .subarray(nonceBytes)
        .toString('hex'),
    )
  }
  assert.equal(seen.size, nonceBytes + 1)
})

test('an altered or shortened SM4 message does not open, bit by bit', () => {
  const aead = openSm4(counting(16))
  const associatedData = Buffer.from('context')
  const body = aead.seal(Buffer.alloc(nonceBytes, 9), Buffer.from('plaintext'), associatedData)
  assert.ok(aead.open(body, associatedData))
  for (let bit = 0; bit < body.length * 8; bit += 1) {
    const altered = Uint8Array.from(body)
    altered[bit >>> 3]! ^= 1 << (bit & 7)
    assert.equal(aead.open(altered, associatedData), undefined)
  }
  assert.equal(aead.open(body.subarray(0, nonceBytes + tagBytes - 1), associatedData), undefined)
  assert.equal(aead.open(body, Buffer.from('Context')), undefined)
})

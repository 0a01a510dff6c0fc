/** SM2 by the vectors of GM/T 0003.5 (GB/T 32918.5), by sm-crypto as an oracle, and by what must be refused. */
import assert from 'node:assert/strict'
import { createPublicKey, hash, verify as nodeVerify } from 'node:crypto'
import { after, test } from 'node:test'
import { p256 } from '@noble/curves/nist.js'
import smCrypto from 'sm-crypto'
import { Problem } from '../../domain/errors.ts'
import type { Signable } from '../../domain/ports.ts'
import { derTag } from './asn1.ts'
import { generatePair, type KeyPair, openPair } from './key-pair.ts'
import { Unsealed } from './material.ts'
import { createPool } from './pool.ts'
import { agreeSm2, decryptSm2, encryptSm2, signSm2, verifySm2 } from './sm2.ts'

const pool = createPool({ threads: 2 })
after(() => pool.close())

const bytes = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex')
const raw = (text: string): Signable => ({ type: 'RAW', message: Buffer.from(text) })

/** The key of the standard's examples. */
const standard = {
  d: '3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8',
  x: '09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020',
  y: 'ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13',
}
const order = 0xfffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123n
const prime = 0xfffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffffn

const pkcs8 = (d: string) => bytes(`3041020100301306072a8648ce3d020106082a811ccf5501822d042730250201010420${d}`)
const spki = (x: string, y: string) => bytes(`3059301306072a8648ce3d020106082a811ccf5501822d03420004${x}${y}`)

function standardPair(): KeyPair {
  return openPair('SM2', new Unsealed(pkcs8(standard.d)))
}

function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents)
  const head = content.length < 128 ? [tag, content.length] : [tag, 0x81, content.length]
  return Buffer.concat([Buffer.from(head), content])
}

function integer(value: bigint): Buffer {
  const digits = value.toString(16)
  const magnitude = bytes(digits.length % 2 === 0 ? digits : `0${digits}`)
  return der(derTag.integer, magnitude[0]! >= 0x80 ? Buffer.of(0) : Buffer.of(), magnitude)
}

const signatureOf = (r: bigint, s: bigint) => der(derTag.sequence, integer(r), integer(s))
const number = (hex: string) => BigInt(`0x${hex.replaceAll(' ', '')}`)

const example = {
  message: 'message digest',
  r: number('f5a03b06 48d2c463 0eeac513 e1bb81a1 5944da38 27d5b741 43ac7eac eee720b3'),
  s: number('b1b6aa29 df212fd8 763182bc 0d421ca1 bb9038fd 1f7f42d4 840b69c4 85bbc1aa'),
}

function cipherOf(x: bigint, y: bigint, c3: Uint8Array, c2: Uint8Array): Buffer {
  return der(derTag.sequence, integer(x), integer(y), der(derTag.octetString, c3), der(derTag.octetString, c2))
}

const encryption = {
  x: number('04ebfc71 8e8d1798 62043226 8e77feb6 415e2ede 0e073c0f 4f640ecd 2e149a73'),
  y: number('e858f9d8 1e5430a5 7b36daab 8f950a3c 64e6ee6a 63094d99 283aff76 7e124df0'),
  c3: bytes('59983c18 f809e262 923c53ae c295d303 83b54e39 d609d160 afcb1908 d0bd8766'),
  c2: bytes('21886ca9 89ca9c7d 58087307 ca93092d 651efa'),
}

function opens(ciphertext: Uint8Array): Promise<string> {
  return decryptSm2(pool, standardPair(), 'SM2PKE', ciphertext).then((plaintext) => Buffer.from(plaintext).toString())
}

async function refused(attempt: Promise<unknown>, code: Problem['code']): Promise<void> {
  await assert.rejects(attempt, (error) => error instanceof Problem && error.code === code)
}

test('R25: the signature of GM/T 0003.5 is valid for its message under the default signer id, and for nothing else', async () => {
  const pair = standardPair()
  assert.deepEqual(Buffer.from(pair.exportPublicKey()), spki(standard.x, standard.y))
  const signature = signatureOf(example.r, example.s)
  assert.equal(await verifySm2(pool, pair, 'SM2DSA', raw(example.message), signature), true)
  const named = { signerId: Buffer.from('1234567812345678') }
  assert.equal(await verifySm2(pool, pair, 'SM2DSA', raw(example.message), signature, named), true)
  const other = { signerId: Buffer.from('ALICE123@YAHOO.COM') }
  assert.equal(await verifySm2(pool, pair, 'SM2DSA', raw(example.message), signature, other), false)
  assert.equal(await verifySm2(pool, pair, 'SM2DSA', raw(example.message), signature, { signerId: Buffer.of() }), false)
  assert.equal(await verifySm2(pool, pair, 'SM2DSA', raw('message Digest'), signature), false)
})

test('an SM2 digest is e itself, Z_A included, as the standard prints it', async () => {
  const digest = bytes('f0b43e94 ba45acca ace692ed 534382eb 17e6ab5a 19ce7b31 f4486fdf c0d28640')
  const signature = signatureOf(example.r, example.s)
  assert.equal(await verifySm2(pool, standardPair(), 'SM2DSA', { type: 'DIGEST', digest }, signature), true)
})

test('an ECDSA signature of the same key over the same hash is no SM2 signature, nor the other way round', async () => {
  const pair = standardPair()
  const ecdsa = createPublicKey({ key: spki(standard.x, standard.y), format: 'der', type: 'spki' })
  const signature = await signSm2(pool, pair, 'SM2DSA', raw('one'))
  assert.equal(nodeVerify('sm3', Buffer.from('one'), ecdsa, signature), false)
  assert.equal(await verifySm2(pool, pair, 'SM2DSA', raw('one'), signature), true)
})

test('SM2 signatures with r or s out of range, or in another encoding, are not valid', async () => {
  const { r, s } = example
  const good = signatureOf(r, s)
  const bad: Record<string, Uint8Array> = {
    'r is 0': signatureOf(0n, s),
    's is 0': signatureOf(r, 0n),
    'r is n': signatureOf(order, s),
    's is n': signatureOf(r, order),
    'r plus n': signatureOf(r + order, s),
    's plus n': signatureOf(r, s + order),
    'r + s is n': signatureOf(r, order - r),
    'r and s changed places': signatureOf(s, r),
    'n minus s': signatureOf(r, order - s),
    'a byte after the end': Buffer.concat([good, Buffer.of(0)]),
    'a byte after s inside': der(derTag.sequence, integer(r), integer(s), Buffer.of(5, 0)),
    'a long length (BER)': Buffer.concat([Buffer.of(0x30, 0x81, good.length - 2), good.subarray(2)]),
    'indefinite length (BER)': Buffer.concat([Buffer.of(0x30, 0x80), good.subarray(2), Buffer.of(0, 0)]),
    'a padded r': der(derTag.sequence, der(derTag.integer, Buffer.of(0, 0), integer(r).subarray(3)), integer(s)),
    'r | s without DER': bytes(r.toString(16) + s.toString(16)),
    'cut short': good.subarray(0, -1),
    nothing: Buffer.of(),
  }
  for (const [name, signature] of Object.entries(bad)) {
    assert.equal(await verifySm2(pool, standardPair(), 'SM2DSA', raw(example.message), signature), false, name)
  }
})

test('R25: the ciphertext of GM/T 0003.5 opens to its plaintext', async () => {
  const { x, y, c3, c2 } = encryption
  assert.equal(await opens(cipherOf(x, y, c3, c2)), 'encryption standard')
})

test('an SM2 ciphertext that is altered, off the curve, or in another encoding does not open', async () => {
  const { x, y, c3, c2 } = encryption
  const good = cipherOf(x, y, c3, c2)
  const flipped = (of: Uint8Array, at: number) => of.with(at, of[at]! ^ 1)
  const bad: Record<string, Uint8Array> = {
    'C2 altered': cipherOf(x, y, c3, flipped(c2, 3)),
    'C3 altered': cipherOf(x, y, flipped(c3, 31), c2),
    'C1 off the curve': cipherOf(x, y + 1n, c3, c2),
    'C1 is 0, 0': cipherOf(0n, 0n, c3, c2),
    'the other point of x': cipherOf(x, prime - y, c3, c2),
    'x beyond the field': cipherOf(x + prime, y, c3, c2),
    'y is p': cipherOf(x, prime, c3, c2),
    'C2 empty': cipherOf(x, y, c3, Buffer.of()),
    'C3 short': cipherOf(x, y, c3.subarray(1), c2),
    'C2 longer': cipherOf(x, y, c3, Buffer.concat([c2, Buffer.of(0)])),
    'a byte after the end': Buffer.concat([good, Buffer.of(0)]),
    'cut short': good.subarray(0, -1),
    'a long length (BER)': Buffer.concat([Buffer.of(0x30, 0x82, 0, good[2]!), good.subarray(3)]),
    'x negative': der(derTag.sequence, der(derTag.integer, bytes(x.toString(16))), good.subarray(3 + 35)),
    'C1C3C2 without DER': Buffer.concat([Buffer.of(4), bytes(x.toString(16) + y.toString(16)), c3, c2]),
    nothing: Buffer.of(),
  }
  for (const [name, ciphertext] of Object.entries(bad)) {
    await assert.rejects(
      opens(ciphertext),
      (error) => error instanceof Problem && error.code === 'InvalidCiphertext',
      name,
    )
  }
})

test('SM2 and sm-crypto open and verify what the other one made', async () => {
  const generated = await generatePair(pool, 'SM2')
  const d = generated.material.use((der) => Buffer.from(der).subarray(36, 68).toString('hex'))
  const point = Buffer.from(generated.publicKey).subarray(-65).toString('hex')
  const pair = openPair('SM2', generated.material)
  const { sm2 } = smCrypto
  for (const length of [1, 2, 31, 32, 33, 190, 1_024]) {
    const message = hash('sha512', Buffer.of(length), 'buffer').toString('base64').repeat(12).slice(0, length)
    const signerId = `signer-${length}`
    const options = { hash: true, der: true, userId: signerId, publicKey: point }
    const ours = await signSm2(pool, pair, 'SM2DSA', raw(message), { signerId: Buffer.from(signerId) })
    assert.equal(sm2.doVerifySignature(message, Buffer.from(ours).toString('hex'), point, options), true)
    const theirs = bytes(sm2.doSignature(message, d, options))
    assert.equal(await verifySm2(pool, pair, 'SM2DSA', raw(message), theirs, { signerId: Buffer.from(signerId) }), true)
    const encrypted = bytes(sm2.doEncrypt(message, point, 1))
    const [x, y] = [encrypted.subarray(0, 32), encrypted.subarray(32, 64)].map((part) => number(part.toString('hex')))
    const ciphertext = cipherOf(x!, y!, encrypted.subarray(64, 96), encrypted.subarray(96))
    if (length < 128) {
      assert.equal(Buffer.from(await decryptSm2(pool, pair, 'SM2PKE', ciphertext)).toString(), message)
    }
    const ourCiphertext = await encryptSm2(pool, pair, 'SM2PKE', Buffer.from(message))
    assert.equal(sm2.doDecrypt(rawOrder(ourCiphertext), d, 1), message)
  }
})

/** x, y, C3, C2 one after the other, from DER. */
function rawOrder(ciphertext: Uint8Array): string {
  const parts: Buffer[] = []
  let at = ciphertext[1]! < 0x80 ? 2 : 2 + (ciphertext[1]! & 0x7f)
  while (at < ciphertext.length) {
    const lengthBytes = ciphertext[at + 1]! < 0x80 ? 0 : ciphertext[at + 1]! & 0x7f
    const length = lengthBytes === 0 ? ciphertext[at + 1]! : Buffer.from(ciphertext).readUIntBE(at + 2, lengthBytes)
    const start = at + 2 + lengthBytes
    const content = Buffer.from(ciphertext.subarray(start, start + length))
    parts.push(ciphertext[at] === derTag.integer ? Buffer.concat([Buffer.alloc(32), content]).subarray(-32) : content)
    at = start + length
  }
  return Buffer.concat(parts).toString('hex')
}

test('an SM2 ciphertext never shows a short plaintext, even where the key stream would be all zeros', async () => {
  const pair = standardPair()
  const one = Buffer.of(0x5a)
  const ciphertexts = await Promise.all(Array.from({ length: 400 }, () => encryptSm2(pool, pair, 'SM2PKE', one)))
  assert.equal(ciphertexts.filter((ciphertext) => ciphertext.at(-1) === 0x5a).length, 0)
})

test('SM2 key agreement gives both sides the x-coordinate of the shared point', async () => {
  const [a, b] = await Promise.all([generatePair(pool, 'SM2'), generatePair(pool, 'SM2')])
  const ours = await agreeSm2(pool, openPair('SM2', a.material), b.publicKey)
  assert.deepEqual(await agreeSm2(pool, openPair('SM2', b.material), a.publicKey), ours)
  assert.equal(ours.length, 32)
  const one = openPair('SM2', new Unsealed(pkcs8('1'.padStart(64, '0'))))
  assert.deepEqual(Buffer.from(await agreeSm2(pool, one, spki(standard.x, standard.y))), bytes(standard.x))
})

test('SM2 key agreement refuses points off the curve, other curves and other encodings', async () => {
  const pair = standardPair()
  const good = spki(standard.x, standard.y)
  const offCurve = Buffer.from(good)
  offCurve[90]! ^= 1
  const p256Point = Buffer.from(p256.Point.BASE.toBytes(false)).subarray(1).toString('hex')
  const bad = [
    offCurve,
    spki(p256Point.slice(0, 64), p256Point.slice(64)),
    Buffer.concat([good, Buffer.of(0)]),
    good.subarray(0, -1),
    spki('00'.repeat(32), '00'.repeat(32)),
    spki('ff'.repeat(32), standard.y),
    Buffer.concat([good.subarray(0, 26), Buffer.of(6), good.subarray(27)]),
    Buffer.of(),
  ]
  for (const peer of bad) await refused(agreeSm2(pool, pair, peer), 'InvalidPublicKey')
})

test('SM2 says which inputs it does not take', async () => {
  const pair = standardPair()
  await refused(encryptSm2(pool, pair, 'SM2PKE', Buffer.of()), 'InvalidRequest')
  await refused(encryptSm2(pool, pair, 'RSAES_OAEP_SHA_256', Buffer.of(1)), 'AlgorithmMismatch')
  await refused(signSm2(pool, pair, 'SM2DSA', { type: 'DIGEST', digest: new Uint8Array(31) }), 'InvalidRequest')
  await refused(signSm2(pool, pair, 'SM2DSA', { type: 'EXTERNAL_MU', mu: new Uint8Array(64) }), 'InvalidRequest')
  await refused(signSm2(pool, pair, 'SM2DSA', raw('x'), { signerId: new Uint8Array(8_192) }), 'InvalidRequest')
  await signSm2(pool, pair, 'SM2DSA', raw('x'), { signerId: new Uint8Array(8_191) })
})

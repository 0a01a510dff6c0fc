/** The known answers of key pairs, by code that shares nothing with OpenSSL; and that a wrong answer stops the start. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, test } from 'node:test'
import { ed25519, ed25519ph } from '@noble/curves/ed25519.js'
import { p256, p384, p521 } from '@noble/curves/nist.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { ml_dsa44, ml_dsa65, ml_dsa87 } from '@noble/post-quantum/ml-dsa.js'
import { ml_kem512, ml_kem768, ml_kem1024 } from '@noble/post-quantum/ml-kem.js'
import smCrypto from 'sm-crypto'
import { algorithmsOf, keySpecs } from '../../domain/specs.ts'
import type { Algorithms } from './algorithms.ts'
import { derTag, readElement, readSequence } from './asn1.ts'
import { isPairSpec, type PairSpec } from './key-pair.ts'
import { checkPairAnswers, pairAnswers } from './known-answers-pairs.ts'
import { pairAlgorithms } from './pairs.ts'
import { createPool } from './pool.ts'

const pool = createPool({ threads: 2 })
after(() => pool.close())

const bytes = (base64: string | undefined) =>
  Uint8Array.from(Buffer.from(base64 ?? assert.fail('no such answer'), 'base64'))
const text = Buffer.from('Keyward')
const sha512 = (message: Uint8Array) => Uint8Array.from(createHash('sha512').update(message).digest())

test('the software device computes the known answers of all key pairs', () => checkPairAnswers(pairAlgorithms(pool)))

test('there is a known answer for every algorithm of every spec of key pairs', () => {
  for (const spec of keySpecs.filter(isPairSpec)) {
    const { signatures = {}, ciphertexts = {}, agreement, encapsulation } = pairAnswers[spec]
    assert.deepEqual(Object.keys(signatures).sort(), algorithmsOf(spec, 'SIGN_VERIFY').toSorted(), spec)
    assert.deepEqual(Object.keys(ciphertexts).sort(), algorithmsOf(spec, 'ENCRYPT_DECRYPT').toSorted(), spec)
    assert.equal(agreement !== undefined, algorithmsOf(spec, 'KEY_AGREEMENT').length > 0, spec)
    assert.equal(encapsulation !== undefined, algorithmsOf(spec, 'ENCAPSULATE_DECAPSULATE').length > 0, spec)
  }
})

test('a device that computes anything else does not start, and says which spec it was', async () => {
  const right = pairAlgorithms(pool)
  for (const [spec, breaks] of [
    ['RSA_2048', { sign: async () => new Uint8Array(256) }],
    ['RSA_3072', { verify: async () => true }],
    ['RSA_4096', { verify: async () => false }],
    ['EC_P256', { agree: async () => new Uint8Array(32) }],
    ['SM2', { asymmetricDecrypt: async () => text }],
    ['ED25519', { sign: undefined }],
    ['ML_KEM_768', { decapsulate: async () => Promise.reject(new Error('broken')) }],
  ] as const) {
    const broken = { ...right[spec], open: (material) => ({ ...right[spec].open(material), ...breaks }) } as Algorithms
    await assert.rejects(checkPairAnswers({ ...right, [spec]: broken }), new RegExp(`${spec} does not compute`))
  }
})

// ----------------------------------------------------------------------------------------------------- by other code

test('the known signatures and secrets on the NIST curves and secp256k1 are right by @noble/curves', () => {
  const curves = { EC_P256: p256, EC_P384: p384, EC_P521: p521, EC_SECP256K1: secp256k1 }
  for (const [spec, curve] of Object.entries(curves) as [keyof typeof curves, typeof p256][]) {
    const { publicKey, privateKey, signatures, agreement } = pairAnswers[spec]
    const length = curve.lengths.publicKeyUncompressed ?? 0
    const [signature] = Object.values(signatures ?? {})
    const options = { format: 'der', lowS: false } as const
    assert.ok(curve.verify(bytes(signature), text, bytes(publicKey).slice(-length), options), spec)
    if (agreement === undefined) continue
    const scalar = scalarOf(bytes(privateKey))
    const shared = curve.getSharedSecret(scalar, bytes(agreement.peer).slice(-length)).slice(1)
    assert.deepEqual(shared, bytes(agreement.shared), spec)
  }
})

function scalarOf(pkcs8: Uint8Array): Uint8Array {
  const { integer, sequence, octetString } = derTag
  const [, , inner] = readSequence(pkcs8, [integer, sequence, octetString]) ?? assert.fail()
  const afterVersion = readElement(readElement(inner!)!.content)!.rest
  return readElement(afterVersion)!.content
}

test('the known Ed25519 signatures are right by @noble/curves; the digest is the message of Ed25519ph', () => {
  const { publicKey, privateKey, signatures } = pairAnswers.ED25519
  const seed = bytes(privateKey).slice(-32)
  assert.deepEqual(ed25519.getPublicKey(seed), bytes(publicKey).slice(-32))
  assert.deepEqual(ed25519.sign(text, seed), bytes(signatures?.ED25519_SHA_512))
  assert.deepEqual(ed25519ph.sign(sha512(text), seed), bytes(signatures?.ED25519_PH_SHA_512))
})

test('the known SM2 signature and ciphertext are right by sm-crypto', () => {
  const { publicKey, privateKey, signatures, ciphertexts } = pairAnswers.SM2
  const point = Buffer.from(bytes(publicKey).slice(-65)).toString('hex')
  const options = { hash: true, der: true, userId: '1234567812345678', publicKey: point }
  const signature = Buffer.from(bytes(signatures?.SM2DSA)).toString('hex')
  assert.equal(smCrypto.sm2.doVerifySignature('message digest', signature, point, options), true)
  const { integer, octetString } = derTag
  const parts = readSequence(bytes(ciphertexts?.SM2PKE), [integer, integer, octetString, octetString]) ?? []
  const raw = Buffer.concat(parts.map((part, index) => (index < 2 ? part.slice(-32) : part))).toString('hex')
  const scalar = Buffer.from(scalarOf(bytes(privateKey))).toString('hex')
  assert.equal(smCrypto.sm2.doDecrypt(raw, scalar, 1), 'encryption standard')
})

test('the known ML-DSA signatures are right by @noble/post-quantum, for the message and for mu', () => {
  const schemes = { ML_DSA_44: ml_dsa44, ML_DSA_65: ml_dsa65, ML_DSA_87: ml_dsa87 }
  for (const [spec, scheme] of Object.entries(schemes) as [keyof typeof schemes, typeof ml_dsa44][]) {
    const { publicKey, privateKey, signatures, mu } = pairAnswers[spec]
    const keys = scheme.keygen(bytes(privateKey).slice(-32))
    assert.deepEqual(keys.publicKey, bytes(publicKey).slice(-keys.publicKey.length))
    const signature = bytes(signatures?.ML_DSA_SHAKE_256)
    assert.ok(scheme.verify(signature, text, keys.publicKey))
    assert.ok(scheme.internal.verify(signature, bytes(mu), keys.publicKey, { externalMu: true }))
  }
})

test('the known ML-KEM secrets are right by @noble/post-quantum', () => {
  const schemes = { ML_KEM_512: ml_kem512, ML_KEM_768: ml_kem768, ML_KEM_1024: ml_kem1024 }
  for (const [spec, scheme] of Object.entries(schemes) as [keyof typeof schemes, typeof ml_kem512][]) {
    const { publicKey, privateKey, encapsulation } = pairAnswers[spec]
    const keys = scheme.keygen(bytes(privateKey).slice(-64))
    assert.deepEqual(keys.publicKey, bytes(publicKey).slice(-keys.publicKey.length))
    assert.deepEqual(
      scheme.decapsulate(bytes(encapsulation?.ciphertext), keys.secretKey),
      bytes(encapsulation?.sharedSecret),
    )
  }
})

test('the known RSA signatures and ciphertexts are right by plain arithmetic', () => {
  for (const spec of ['RSA_2048', 'RSA_3072', 'RSA_4096'] as const) {
    const key = rsaNumbers(spec)
    const { signatures = {}, ciphertexts = {} } = pairAnswers[spec]
    for (const [algorithm, signature] of Object.entries(signatures)) {
      const name = `sha${algorithm.slice(-3)}`
      const block = power(bytes(signature), key.e, key.n)
      if (algorithm.startsWith('RSASSA_PKCS1')) assert.deepEqual(block, pkcs1Block(name, block.length), algorithm)
      else assertPss(name, block)
    }
    for (const [algorithm, ciphertext] of Object.entries(ciphertexts)) {
      const name = algorithm === 'RSAES_OAEP_SHA_1' ? 'sha1' : 'sha256'
      assert.deepEqual(openOaep(name, power(bytes(ciphertext), key.d, key.n)), text, algorithm)
    }
  }
})

function rsaNumbers(spec: PairSpec): { n: bigint; e: bigint; d: bigint } {
  const { integer, sequence, octetString } = derTag
  const [, , inner] = readSequence(bytes(pairAnswers[spec].privateKey), [integer, sequence, octetString]) ?? []
  const numbers = readSequence(inner ?? assert.fail(), new Array(9).fill(integer)) ?? assert.fail()
  const [, n, e, d] = numbers.map((number) => BigInt(`0x${Buffer.from(number).toString('hex')}`))
  return { n: n!, e: e!, d: d! }
}

function power(base: Uint8Array, exponent: bigint, modulus: bigint): Buffer {
  let square = BigInt(`0x${Buffer.from(base).toString('hex')}`)
  let product = 1n
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) product = (product * square) % modulus
    square = (square * square) % modulus
  }
  return Buffer.from(product.toString(16).padStart(2 * base.length, '0'), 'hex')
}

const digest = (name: string, ...parts: readonly Uint8Array[]) => createHash(name).update(Buffer.concat(parts)).digest()

/** RFC 8017, 9.2, note 1: DigestInfo up to the digest. */
const digestInfo: Readonly<Record<string, string>> = {
  sha256: '3031300d060960864801650304020105000420',
  sha384: '3041300d060960864801650304020205000430',
  sha512: '3051300d060960864801650304020305000440',
}

function pkcs1Block(name: string, length: number): Buffer {
  const info = Buffer.concat([Buffer.from(digestInfo[name] ?? assert.fail(), 'hex'), digest(name, text)])
  return Buffer.concat([Buffer.of(0, 1), Buffer.alloc(length - info.length - 3, 0xff), Buffer.of(0), info])
}

/** RFC 8017, appendix B.2.1. */
function mgf1(name: string, seed: Uint8Array, length: number): Buffer {
  const blocks: Buffer[] = []
  for (let counter = 0; 20 * blocks.length < length; counter++)
    blocks.push(digest(name, seed, Buffer.of(0, 0, 0, counter)))
  return Buffer.concat(blocks).subarray(0, length)
}

const xor = (a: Uint8Array, b: Uint8Array) => Buffer.from(a.map((byte, index) => byte ^ b[index]!))

/** RFC 8017, 9.1.2, with a salt as long as the digest. */
function assertPss(name: string, block: Buffer): void {
  const hashed = digest(name, text)
  const hBytes = hashed.length
  assert.equal(block.at(-1), 0xbc)
  const [masked, h] = [block.subarray(0, -hBytes - 1), block.subarray(-hBytes - 1, -1)]
  const db = xor(masked, mgf1(name, h, masked.length))
  db[0]! &= 0x7f
  const padding = Buffer.concat([Buffer.alloc(db.length - hBytes - 1), Buffer.of(1)])
  assert.deepEqual(db.subarray(0, -hBytes), padding)
  assert.deepEqual(digest(name, Buffer.alloc(8), hashed, db.subarray(-hBytes)), h)
}

/** RFC 8017, 7.1.2. */
function openOaep(name: string, block: Buffer): Buffer {
  const label = digest(name)
  assert.equal(block[0], 0)
  const [maskedSeed, maskedDb] = [block.subarray(1, 1 + label.length), block.subarray(1 + label.length)]
  const seed = xor(maskedSeed, mgf1(name, maskedDb, label.length))
  const db = xor(maskedDb, mgf1(name, seed, maskedDb.length))
  assert.deepEqual(db.subarray(0, label.length), label)
  return db.subarray(db.indexOf(1, label.length) + 1)
}

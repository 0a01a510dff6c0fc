/** Importing material: each way of wrapping, and what is said to who did it wrongly. */
import assert from 'node:assert/strict'
import {
  constants,
  createCipheriv,
  createPublicKey,
  generateKeyPairSync,
  hash,
  type KeyObject,
  publicEncrypt,
} from 'node:crypto'
import { after, test } from 'node:test'
import { Problem } from '../../domain/errors.ts'
import type { WrappingAlgorithm, WrappingKeySpec } from '../../domain/ports.ts'
import { type KeySpec, keySpecs, specs } from '../../domain/specs.ts'
import { generatePair, isPairSpec, openPublicHalf, type PairSpec } from './key-pair.ts'
import { pairAnswers } from './known-answers-pairs.ts'
import { Unsealed } from './material.ts'
import { pairAlgorithms } from './pairs.ts'
import { createPool } from './pool.ts'
import { encryptSm2 } from './sm2.ts'
import { canWrap, unwrapMaterial } from './wrapping.ts'

const pool = createPool({ threads: 2 })
after(() => pool.close())

const { RSA_PKCS1_OAEP_PADDING, RSA_PKCS1_PADDING } = constants
const material = hash('sha256', 'the material', 'buffer')
const ephemeral = hash('sha256', 'the ephemeral key', 'buffer')

type Pair = { readonly pkcs8: Uint8Array; readonly publicKey: KeyObject; readonly spki: Uint8Array }

/** The keys of the self-test: always the same, so that a ciphertext that opens to chance opens to the same chance. */
function wrappingPair(spec: WrappingKeySpec): Pair {
  const pkcs8 = Buffer.from(pairAnswers[spec].privateKey, 'base64')
  const spki = Buffer.from(pairAnswers[spec].publicKey, 'base64')
  return { pkcs8, publicKey: createPublicKey({ key: spki, format: 'der', type: 'spki' }), spki }
}

async function unwrap(
  encryptedKeyMaterial: Uint8Array,
  algorithm: WrappingAlgorithm,
  { spec = 'AES_256', under = 'RSA_2048' }: { spec?: KeySpec; under?: WrappingKeySpec } = {},
): Promise<Buffer> {
  const { pkcs8 } = wrappingPair(under)
  const unwrapped = await unwrapMaterial(pool, {
    spec,
    wrappingKeySpec: under,
    wrappingAlgorithm: algorithm,
    wrappingKey: new Unsealed(Uint8Array.from(pkcs8)),
    encryptedKeyMaterial,
  })
  return unwrapped.use((bytes) => Buffer.from(bytes))
}

function oaep(publicKey: KeyObject, plaintext: Uint8Array, oaepHash: string, mgf1Hash = oaepHash): Buffer {
  // The types do not know mgf1Hash yet.
  const options = { key: publicKey, padding: RSA_PKCS1_OAEP_PADDING, oaepHash, mgf1Hash }
  return publicEncrypt(options, plaintext)
}

function kwp(kek: Buffer, plaintext: Uint8Array): Buffer {
  const cipher = createCipheriv('id-aes256-wrap-pad', kek, Buffer.from('a65959a6', 'hex'))
  return Buffer.concat([cipher.update(plaintext), cipher.final()])
}

function kw(kek: Buffer, plaintext: Uint8Array): Buffer {
  const cipher = createCipheriv('id-aes256-wrap', kek, Buffer.from('a6a6a6a6a6a6a6a6', 'hex'))
  return Buffer.concat([cipher.update(plaintext), cipher.final()])
}

async function refusal(attempt: () => Promise<unknown>): Promise<{ message: string; mend: string }> {
  try {
    await attempt()
  } catch (error) {
    assert.ok(error instanceof Problem, String(error))
    assert.equal(error.code, 'InvalidKeyMaterial')
    return { message: error.message, mend: error.mend ?? '' }
  }
  assert.fail('it opened')
}

const hashes = { RSAES_OAEP_SHA_256: 'sha256', RSAES_OAEP_SHA_1: 'sha1' } as const
const keyWraps = { RSA_AES_KEY_WRAP_SHA_256: 'sha256', RSA_AES_KEY_WRAP_SHA_1: 'sha1' } as const
const rsaSpecs = ['RSA_2048', 'RSA_3072', 'RSA_4096'] as const

test('key material opens under each RSA wrapping key with each algorithm', async () => {
  for (const under of rsaSpecs) {
    const { publicKey } = wrappingPair(under)
    for (const [algorithm, name] of Object.entries(hashes)) {
      const wrapped = oaep(publicKey, material, name)
      assert.deepEqual(await unwrap(wrapped, algorithm as WrappingAlgorithm, { under }), material)
    }
    for (const [algorithm, name] of Object.entries(keyWraps)) {
      const wrapped = Buffer.concat([oaep(publicKey, ephemeral, name), kwp(ephemeral, material)])
      assert.deepEqual(await unwrap(wrapped, algorithm as WrappingAlgorithm, { under }), material)
    }
    const wrapped = publicEncrypt({ key: publicKey, padding: RSA_PKCS1_PADDING }, material)
    assert.deepEqual(await unwrap(wrapped, 'RSAES_PKCS1_V1_5', { under }), material)
  }
})

test('key material opens under an SM2 wrapping key', async () => {
  const { spki } = wrappingPair('SM2')
  const wrapped = await encryptSm2(pool, openPublicHalf('SM2', spki), 'SM2PKE', material)
  assert.deepEqual(await unwrap(wrapped, 'SM2PKE', { under: 'SM2' }), material)
})

test('every kind of key pair can be imported, and comes out as it went in', async () => {
  const { publicKey } = wrappingPair('RSA_2048')
  const algorithms = pairAlgorithms(pool)
  for (const spec of keySpecs.filter(isPairSpec)) {
    const own = await generatePair(pool, spec)
    const pkcs8 = own.material.use((bytes) => Buffer.from(bytes))
    const wrapped = Buffer.concat([oaep(publicKey, ephemeral, 'sha256'), kwp(ephemeral, pkcs8)])
    const unwrapped = await unwrap(wrapped, 'RSA_AES_KEY_WRAP_SHA_256', { spec })
    const admitted = await algorithms[spec].admit(new Unsealed(unwrapped))
    assert.deepEqual(
      admitted.material.use((bytes) => Buffer.from(bytes)),
      pkcs8,
      spec,
    )
    assert.deepEqual(Buffer.from(admitted.publicKey ?? []), Buffer.from(own.publicKey), spec)
  }
})

test('who wrapped with the other hash is told which one was expected', async () => {
  const { publicKey } = wrappingPair('RSA_2048')
  const cases = [
    ['RSAES_OAEP_SHA_256', 'sha1', 'sha1', 'Wrapped with OAEP-SHA-1; expected SHA-256 for both.'],
    ['RSAES_OAEP_SHA_256', 'sha256', 'sha1', 'Wrapped with OAEP-SHA-256 and MGF1-SHA-1; expected SHA-256 for both.'],
    ['RSAES_OAEP_SHA_256', 'sha1', 'sha256', 'Wrapped with OAEP-SHA-1 and MGF1-SHA-256; expected SHA-256 for both.'],
    ['RSAES_OAEP_SHA_1', 'sha256', 'sha256', 'Wrapped with OAEP-SHA-256; expected SHA-1 for both.'],
  ] as const
  for (const [algorithm, digest, mgf1, message] of cases) {
    const told = await refusal(() => unwrap(oaep(publicKey, material, digest, mgf1), algorithm))
    assert.equal(told.message, message)
    const option = hashes[algorithm]
    assert.match(told.mend, new RegExp(`-pkeyopt rsa_oaep_md:${option} -pkeyopt rsa_mgf1_md:${option}`))
  }
  const wrapped = Buffer.concat([oaep(publicKey, ephemeral, 'sha1'), kwp(ephemeral, material)])
  const told = await refusal(() => unwrap(wrapped, 'RSA_AES_KEY_WRAP_SHA_256'))
  assert.equal(told.message, 'Wrapped with OAEP-SHA-1; expected SHA-256 for both.')
})

test('who wrapped text, the wrong length, or without padding is told so', async () => {
  const { publicKey } = wrappingPair('RSA_2048')
  const { spki } = wrappingPair('SM2')
  const good = oaep(publicKey, material, 'sha256')
  const rsaPart = oaep(publicKey, ephemeral, 'sha256')
  const text = (value: string) => Buffer.from(value)
  const wrapText = (value: string) => oaep(publicKey, text(value), 'sha256')
  const cases: readonly (readonly [() => Promise<unknown>, RegExp])[] = [
    [() => unwrap(wrapText(material.toString('hex')), 'RSAES_OAEP_SHA_256'), /is hex text of 32 bytes/],
    [() => unwrap(wrapText(`${material.toString('hex')}\n`), 'RSAES_OAEP_SHA_256'), /is hex text of 32 bytes/],
    [() => unwrap(wrapText(material.toString('base64')), 'RSAES_OAEP_SHA_256'), /is base64 text of 32 bytes/],
    [
      () => unwrap(wrapText(`${material.toString('base64url')}\r\n`), 'RSAES_OAEP_SHA_256'),
      /is base64 text of 32 bytes/,
    ],
    [() => unwrap(oaep(publicKey, material.subarray(1), 'sha256'), 'RSAES_OAEP_SHA_256'), /has 31 bytes; .* has 32/],
    [() => unwrap(oaep(publicKey, Buffer.of(), 'sha256'), 'RSAES_OAEP_SHA_256'), /has 0 bytes; .* has 32/],
    [() => unwrap(text(good.toString('base64')), 'RSAES_OAEP_SHA_256'), /is base64 text, not the bytes/],
    [() => unwrap(text(good.toString('hex')), 'RSAES_OAEP_SHA_256'), /is hex text, not the bytes/],
    [() => unwrap(good.subarray(1), 'RSAES_OAEP_SHA_256'), /has 255 bytes\. Under this wrapping key it has 256/],
    [() => unwrap(Buffer.of(), 'RSAES_OAEP_SHA_256'), /has 0 bytes/],
    [
      () => unwrap(good, 'RSAES_OAEP_SHA_256', { under: 'RSA_4096' }),
      /has 256 bytes\. Under this wrapping key it has 512/,
    ],
    [() => unwrap(good.toReversed(), 'RSAES_OAEP_SHA_256'), /does not open with RSA-OAEP \(SHA-256\)/],
    [() => unwrap(good, 'RSA_AES_KEY_WRAP_SHA_256'), /has 256 bytes\. .* 256 of RSA-OAEP and at least 16/],
    [() => unwrap(Buffer.concat([rsaPart, kw(ephemeral, material)]), 'RSA_AES_KEY_WRAP_SHA_256'), /without padding/],
    [
      () => unwrap(Buffer.concat([rsaPart, kwp(material, material)]), 'RSA_AES_KEY_WRAP_SHA_256'),
      /does not open with AES key wrap/,
    ],
    [
      () => unwrap(Buffer.concat([rsaPart, Buffer.of(1)]), 'RSA_AES_KEY_WRAP_SHA_256'),
      /does not open with AES key wrap/,
    ],
    [
      () =>
        unwrap(
          Buffer.concat([oaep(publicKey, Buffer.alloc(16), 'sha256'), Buffer.alloc(24)]),
          'RSA_AES_KEY_WRAP_SHA_256',
        ),
      /ephemeral AES key has 16 bytes; expected 32/,
    ],
    [() => unwrap(good, 'SM2PKE', { under: 'SM2' }), /is not an SM2 ciphertext in DER/],
    [() => unwrap(text('3045aabb'), 'SM2PKE', { under: 'SM2' }), /is hex text, not the bytes/],
    [
      () =>
        encryptSm2(pool, openPublicHalf('SM2', spki), 'SM2PKE', material).then((wrapped) =>
          unwrap(wrapped.with(-1, wrapped.at(-1)! ^ 1), 'SM2PKE', { under: 'SM2' }),
        ),
      /does not open with SM2PKE/,
    ],
  ]
  for (const [attempt, message] of cases) assert.match((await refusal(attempt)).message, message)
})

test('whatever is wrong with RSAES_PKCS1_V1_5, the answer is the same', async () => {
  const { publicKey } = wrappingPair('RSA_2048')
  const pkcs1 = (plaintext: Uint8Array) => publicEncrypt({ key: publicKey, padding: RSA_PKCS1_PADDING }, plaintext)
  const raw = (block: Uint8Array) => publicEncrypt({ key: publicKey, padding: constants.RSA_NO_PADDING }, block)
  const block = (...head: readonly number[]) =>
    Buffer.concat([Buffer.from(head), Buffer.alloc(256 - head.length, 0x55)])
  const withZeroAt = (at: number) => block(0, 2).fill(0, at, at + 1)
  const wrong = [
    pkcs1(material.subarray(1)),
    pkcs1(Buffer.from(material.toString('hex'))),
    pkcs1(Buffer.of()),
    raw(block(0, 1)),
    raw(block(1, 2)),
    raw(block(0, 2)),
    raw(withZeroAt(5)),
    raw(withZeroAt(100)),
    raw(withZeroAt(255)),
    Buffer.alloc(256),
    Buffer.alloc(256, 0xff),
  ]
  const answers = await Promise.all(wrong.map((wrapped) => refusal(() => unwrap(wrapped, 'RSAES_PKCS1_V1_5'))))
  for (const answer of answers) assert.deepEqual(answer, answers[0])
  assert.match(answers[0]?.mend ?? '', /Wrap the 32 raw bytes/)
})

test('RSAES_PKCS1_V1_5 is for plain strings of bytes, SM2PKE for SM2 wrapping keys', () => {
  for (const spec of keySpecs) {
    const pair = specs[spec].materialBytes === undefined
    assert.equal(canWrap(spec, 'RSA_2048', 'RSAES_PKCS1_V1_5'), !pair)
    assert.equal(canWrap(spec, 'RSA_2048', 'SM2PKE'), false)
    assert.equal(canWrap(spec, 'SM2', 'RSAES_OAEP_SHA_256'), false)
    assert.equal(canWrap(spec, 'SM2', 'SM2PKE'), true)
  }
})

test('a wrapping that the spec does not have is refused before anything is opened', async () => {
  const told = await refusal(() => unwrap(Buffer.alloc(256), 'RSAES_PKCS1_V1_5', { spec: 'EC_P256' }))
  assert.match(told.message, /EC_P256 cannot be wrapped with RSAES_PKCS1_V1_5/)
})

// ------------------------------------------------------------------------------------------- key pairs from elsewhere

async function admit(spec: PairSpec, pkcs8: Uint8Array) {
  return pairAlgorithms(pool)[spec].admit(new Unsealed(Uint8Array.from(pkcs8)))
}

const der = { format: 'der', type: 'pkcs8' } as const

test('a private key of another spec, kind or encoding is refused, and what it is instead is said', async () => {
  const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  const small = generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 }).privateKey
  const pss = generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).privateKey
  const cases: readonly (readonly [PairSpec, Uint8Array, RegExp])[] = [
    ['EC_P384', p256.export(der), /not one of spec EC_P384/],
    ['SM2', p256.export(der), /not one of spec SM2/],
    ['ED25519', p256.export(der), /not one of spec ED25519/],
    ['RSA_3072', rsa.export(der), /not one of spec RSA_3072/],
    ['RSA_2048', pss.export(der), /not one of spec RSA_2048/],
    ['RSA_2048', small.export(der), /public exponent/],
    ['EC_P256', Buffer.from(p256.export({ format: 'pem', type: 'pkcs8' })), /but PEM text/],
    ['EC_P256', p256.export({ format: 'der', type: 'sec1' }), /but a SEC 1 EC key/],
    ['RSA_2048', rsa.export({ format: 'der', type: 'pkcs1' }), /but a PKCS#1 RSA key/],
    ['EC_P256', p256.export({ ...der, cipher: 'aes-256-cbc', passphrase: 'x' }), /encrypted with a passphrase/],
    ['EC_P256', Buffer.concat([p256.export(der), Buffer.of(0)]), /not a private key in PKCS#8 DER/],
    ['EC_P256', p256.export(der).subarray(0, -1), /not a private key in PKCS#8 DER/],
    ['EC_P256', Buffer.of(), /not a private key in PKCS#8 DER/],
    ['EC_P256', material, /not a private key in PKCS#8 DER/],
  ]
  for (const [spec, pkcs8, message] of cases) {
    const told = await refusal(() => admit(spec, pkcs8))
    assert.match(told.message, message)
    if (/PKCS#8 DER/.test(told.message)) assert.match(told.mend, /openssl pkcs8 -topk8/)
  }
})

test('a private key whose public half is not its own is refused', async () => {
  for (const namedCurve of ['P-256', 'P-384', 'P-521', 'secp256k1', 'SM2']) {
    const [a, b] = [0, 1].map(() => generateKeyPairSync('ec', { namedCurve }).privateKey.export(der))
    const spec = (
      { 'P-256': 'EC_P256', 'P-384': 'EC_P384', 'P-521': 'EC_P521', secp256k1: 'EC_SECP256K1', SM2: 'SM2' } as const
    )[namedCurve] as PairSpec
    const pointBytes = { 'P-256': 64, 'P-384': 96, 'P-521': 132, secp256k1: 64, SM2: 64 }[namedCurve] ?? 0
    const mixed = Buffer.concat([a!.subarray(0, -pointBytes), b!.subarray(-pointBytes)])
    await refusal(() => admit(spec, mixed))
  }
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export(der)
  // Any bit of the primes and exponents: the modulus begins after some 40 bytes and is 256 long.
  await refusal(() => admit('RSA_2048', rsa.with(600, rsa[600]! ^ 1)))
  await refusal(() => admit('RSA_2048', rsa.with(-20, rsa.at(-20)! ^ 1)))
})

test('the same key in three encodings becomes the same material', async () => {
  const full = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export(der)
  // Without the optional public point (RFC 5915): the lengths around it shrink with it.
  const bare = Buffer.concat([
    Buffer.from('3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420', 'hex'),
    full.subarray(36, 68),
  ])
  const compressed = Buffer.concat([
    Buffer.from('3067020100301306072a8648ce3d020106082a8648ce3d030107044d304b0201010420', 'hex'),
    full.subarray(36, 68),
    Buffer.from('a124032200', 'hex'),
    Buffer.of(2 + (full.at(-1)! & 1)),
    full.subarray(-64, -32),
  ])
  for (const encoding of [full, bare, compressed]) {
    const { material, publicKey } = await admit('EC_P256', encoding)
    assert.deepEqual(
      material.use((bytes) => Buffer.from(bytes)),
      full,
    )
    assert.deepEqual(Buffer.from(publicKey ?? []).subarray(-64), full.subarray(-64))
  }
})

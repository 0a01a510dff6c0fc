/** What each algorithm of key pairs takes and refuses, through the rows that the device computes with. */
import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync, hash, verify } from 'node:crypto'
import { after, test } from 'node:test'
import { Problem, type ProblemCode } from '../../domain/errors.ts'
import type { Signable } from '../../domain/ports.ts'
import { algorithmsOf, type EncryptionAlgorithm, type SigningAlgorithm } from '../../domain/specs.ts'
import type { OpenedKey } from './algorithms.ts'
import { openPair, type PairSpec, pairSpecs } from './key-pair.ts'
import { pairAnswers } from './known-answers-pairs.ts'
import { Unsealed } from './material.ts'
import { pairAlgorithms } from './pairs.ts'
import { createPool } from './pool.ts'

const pool = createPool({ threads: 2 })
after(() => pool.close())
const table = pairAlgorithms(pool)

function known(spec: PairSpec): OpenedKey {
  return table[spec].open(new Unsealed(Buffer.from(pairAnswers[spec].privateKey, 'base64')))
}

async function refused(attempt: Promise<unknown> | undefined, code: ProblemCode): Promise<Problem> {
  assert.ok(attempt, 'the key has no such operation')
  try {
    await attempt
  } catch (error) {
    assert.ok(error instanceof Problem, String(error))
    assert.equal(error.code, code, error.message)
    return error
  }
  return assert.fail('it was not refused')
}

const text = Buffer.from('a message')
const raw: Signable = { type: 'RAW', message: text }
const mu: Signable = { type: 'EXTERNAL_MU', mu: new Uint8Array(64) }
const digest = (bytes: number): Signable => ({ type: 'DIGEST', digest: new Uint8Array(bytes).fill(7) })

/** The digest an algorithm takes, in bytes; undefined where it takes none. */
const digestBytes: Readonly<Record<SigningAlgorithm, number | undefined>> = {
  RSASSA_PSS_SHA_256: 32,
  RSASSA_PSS_SHA_384: 48,
  RSASSA_PSS_SHA_512: 64,
  RSASSA_PKCS1_V1_5_SHA_256: 32,
  RSASSA_PKCS1_V1_5_SHA_384: 48,
  RSASSA_PKCS1_V1_5_SHA_512: 64,
  ECDSA_SHA_256: 32,
  ECDSA_SHA_384: 48,
  ECDSA_SHA_512: 64,
  ED25519_SHA_512: undefined,
  ED25519_PH_SHA_512: 64,
  SM2DSA: 32,
  ML_DSA_SHAKE_256: undefined,
}

const signers = pairSpecs.flatMap((spec) =>
  algorithmsOf(spec, 'SIGN_VERIFY').map((algorithm) => ({ spec, algorithm: algorithm as SigningAlgorithm })),
)

test('a digest of the wrong length is refused by sign and by verify, in the words AWS has for it', async () => {
  for (const { spec, algorithm } of signers) {
    const right = digestBytes[algorithm]
    const { sign, verify } = known(spec)
    if (right === undefined) {
      await refused(sign?.(algorithm, digest(32)), 'InvalidRequest')
      await refused(verify?.(algorithm, digest(32), new Uint8Array(64)), 'InvalidRequest')
      continue
    }
    for (const wrong of [0, 20, right - 1, right + 1]) {
      const told = await refused(sign?.(algorithm, digest(wrong)), 'InvalidRequest')
      assert.equal(told.message, `Digest is invalid length for algorithm ${algorithm}.`)
      await refused(verify?.(algorithm, digest(wrong), new Uint8Array(64)), 'InvalidRequest')
    }
  }
})

test('only ML-DSA takes an external mu, of 64 bytes; only Ed25519ph refuses a message', async () => {
  for (const { spec, algorithm } of signers) {
    const { sign } = known(spec)
    if (algorithm === 'ML_DSA_SHAKE_256') {
      assert.ok(await sign?.(algorithm, mu))
      await refused(sign?.(algorithm, { type: 'EXTERNAL_MU', mu: new Uint8Array(63) }), 'InvalidRequest')
    } else await refused(sign?.(algorithm, mu), 'InvalidRequest')
    if (algorithm === 'ED25519_PH_SHA_512') await refused(sign?.(algorithm, raw), 'InvalidRequest')
    else assert.ok(await sign?.(algorithm, raw))
  }
})

test('a digest is signed as it is: who hashes the message gets a signature of the message', async () => {
  const names: Record<number, string> = { 32: 'sha256', 48: 'sha384', 64: 'sha512' }
  for (const { spec, algorithm } of signers) {
    const bytes = digestBytes[algorithm]
    if (bytes === undefined || spec === 'SM2' || algorithm === 'ED25519_PH_SHA_512') continue
    const { sign, verify } = known(spec)
    const hashed: Signable = { type: 'DIGEST', digest: hash(names[bytes] ?? '', text, 'buffer') }
    const signature: Uint8Array = (await sign?.(algorithm, hashed)) ?? assert.fail()
    assert.equal(await verify?.(algorithm, raw, signature), true, `${spec} ${algorithm}`)
    assert.equal(await verify?.(algorithm, digest(bytes), signature), false)
  }
})

test('a key on P-256 signs again and again: each signature is new, and of the digest at hand, also after a refusal', async () => {
  const { publicKey: pem, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const key = table.EC_P256.open(new Unsealed(privateKey.export({ format: 'der', type: 'pkcs8' })))
  const seen = new Set<string>()
  for (let round = 0; round < 200; round += 1) {
    const message = Buffer.from(`message ${round}`)
    if (round % 50 === 0) await refused(key.sign?.('ECDSA_SHA_256', digest(31)), 'InvalidRequest')
    const signature = await key.sign?.('ECDSA_SHA_256', { type: 'RAW', message })
    assert.ok(signature !== undefined && verify('sha256', message, pem, signature))
    seen.add(Buffer.from(signature).toString('hex'))
    const again = await key.sign?.('ECDSA_SHA_256', { type: 'RAW', message })
    seen.add(Buffer.from(again as Uint8Array).toString('hex'))
  }
  assert.equal(seen.size, 400)
})

test('an empty message and a long one are signed and verified by every algorithm that takes messages', async () => {
  for (const { spec, algorithm } of signers) {
    if (algorithm === 'ED25519_PH_SHA_512') continue
    const { sign, verify } = known(spec)
    for (const message of [new Uint8Array(0), new Uint8Array(100_000).fill(1)]) {
      const signature: Uint8Array = (await sign?.(algorithm, { type: 'RAW', message })) ?? assert.fail()
      assert.equal(await verify?.(algorithm, { type: 'RAW', message }, signature), true, `${spec} ${algorithm}`)
      assert.equal(await verify?.(algorithm, raw, signature), false)
    }
  }
})

test('a signature of another length, empty, or all zeros is not valid, and no error', async () => {
  for (const { spec, algorithm } of signers) {
    const { sign, verify } = known(spec)
    const bytes = digestBytes[algorithm]
    const message: Signable = bytes === undefined ? raw : digest(bytes)
    const good: Uint8Array = (await sign?.(algorithm, message)) ?? assert.fail()
    const longer = Buffer.concat([good, Buffer.of(0)])
    for (const bad of [Buffer.of(), good.subarray(1), good.subarray(0, -1), longer, new Uint8Array(good.length)]) {
      assert.equal(await verify?.(algorithm, message, bad), false, `${spec} ${algorithm} ${bad.length}`)
    }
  }
})

test('a signature of one algorithm is not valid under another of the same key', async () => {
  const { sign, verify } = known('RSA_2048')
  const algorithms = algorithmsOf('RSA_2048', 'SIGN_VERIFY') as readonly SigningAlgorithm[]
  for (const made of algorithms) {
    const signature: Uint8Array = (await sign?.(made, raw)) ?? assert.fail()
    for (const other of algorithms) assert.equal(await verify?.(other, raw, signature), made === other)
  }
})

test('an algorithm of another kind of key is refused', async () => {
  for (const spec of pairSpecs) {
    const { sign, verify, asymmetricEncrypt, asymmetricDecrypt } = known(spec)
    const own = algorithmsOf(spec, 'SIGN_VERIFY')
    for (const algorithm of Object.keys(digestBytes) as SigningAlgorithm[]) {
      if (own.includes(algorithm) || sign === undefined) continue
      await refused(sign(algorithm, raw), 'AlgorithmMismatch')
      await refused(verify?.(algorithm, raw, new Uint8Array(64)), 'AlgorithmMismatch')
    }
    const encryptions = algorithmsOf(spec, 'ENCRYPT_DECRYPT')
    for (const algorithm of ['SYMMETRIC_DEFAULT', 'RSAES_OAEP_SHA_1', 'RSAES_OAEP_SHA_256', 'SM2PKE'] as const) {
      if (encryptions.includes(algorithm) || asymmetricEncrypt === undefined) continue
      await refused(asymmetricEncrypt(algorithm, text), 'AlgorithmMismatch')
      await refused(asymmetricDecrypt?.(algorithm, text), 'AlgorithmMismatch')
    }
  }
})

test('R27: RSA encrypts as much as the padding leaves room for, and not a byte more', async () => {
  const most: Readonly<Record<string, Readonly<Record<string, number>>>> = {
    RSA_2048: { RSAES_OAEP_SHA_1: 214, RSAES_OAEP_SHA_256: 190 },
    RSA_3072: { RSAES_OAEP_SHA_1: 342, RSAES_OAEP_SHA_256: 318 },
    RSA_4096: { RSAES_OAEP_SHA_1: 470, RSAES_OAEP_SHA_256: 446 },
  }
  for (const [spec, limits] of Object.entries(most)) {
    const { asymmetricEncrypt, asymmetricDecrypt } = known(spec as PairSpec)
    for (const [name, limit] of Object.entries(limits)) {
      const algorithm = name as EncryptionAlgorithm
      for (const length of [0, 1, limit]) {
        const plaintext = Buffer.alloc(length, 0x61)
        const ciphertext = (await asymmetricEncrypt?.(algorithm, plaintext)) ?? assert.fail()
        assert.deepEqual(Buffer.from((await asymmetricDecrypt?.(algorithm, ciphertext)) ?? []), plaintext)
      }
      const told = await refused(asymmetricEncrypt?.(algorithm, Buffer.alloc(limit + 1)), 'InvalidRequest')
      assert.match(told.message, new RegExp(`at most ${limit} bytes, but the plaintext has ${limit + 1}`))
    }
  }
})

test('R27: an RSA ciphertext that does not open is one answer, whatever is wrong with it', async () => {
  const { asymmetricEncrypt, asymmetricDecrypt } = known('RSA_2048')
  const good = (await asymmetricEncrypt?.('RSAES_OAEP_SHA_256', text)) ?? assert.fail()
  const other = (await known('RSA_3072').asymmetricEncrypt?.('RSAES_OAEP_SHA_256', text)) ?? assert.fail()
  const bad = [
    good.with(0, good[0]! ^ 1),
    good.with(255, good[255]! ^ 1),
    (await asymmetricEncrypt?.('RSAES_OAEP_SHA_1', text)) ?? assert.fail(),
    other,
    other.subarray(0, 256),
    good.subarray(1),
    Buffer.concat([Buffer.of(0), good]),
    Buffer.alloc(256),
    Buffer.alloc(256, 0xff),
    Buffer.of(),
  ]
  for (const ciphertext of bad) {
    const told = await refused(asymmetricDecrypt?.('RSAES_OAEP_SHA_256', ciphertext), 'InvalidCiphertext')
    assert.equal(told.message, new Problem('InvalidCiphertext').message)
  }
})

test('key agreement on each NIST curve gives both sides the same x-coordinate, as long as the field', async () => {
  for (const [spec, bytes] of [
    ['EC_P256', 32],
    ['EC_P384', 48],
    ['EC_P521', 66],
  ] as const) {
    // Often enough that a coordinate with a leading zero would come out short, were it not padded.
    for (let round = 0; round < (spec === 'EC_P256' ? 300 : 4); round++) {
      const [a, b] = await Promise.all([table[spec].generate(), table[spec].generate()])
      const shared = (await table[spec].open(a.material).agree?.(b.publicKey ?? assert.fail())) ?? assert.fail()
      assert.deepEqual(await table[spec].open(b.material).agree?.(a.publicKey ?? assert.fail()), shared)
      assert.equal(shared.length, bytes)
    }
  }
})

test('key agreement refuses points off the curve, of other curves, and any other encoding of a point', async () => {
  const spki = { format: 'der', type: 'spki' } as const
  const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey
  const good = p256.export(spki)
  const offCurve = Buffer.from(good)
  offCurve[90]! ^= 1
  const compressed = Buffer.concat([
    Buffer.from('3039301306072a8648ce3d020106082a8648ce3d030107032200', 'hex'),
    Buffer.of(2 + (good[90]! & 1)),
    good.subarray(27, 59),
  ])
  assert.ok(createPublicKey({ key: compressed, ...spki }).equals(p256), 'it is a point, only compressed')
  const hybrid = Buffer.concat([good.subarray(0, 26), Buffer.of(6 + (good[90]! & 1)), good.subarray(27)])
  const explicit = generateKeyPairSync('ec', { namedCurve: 'P-256', paramEncoding: 'explicit' }).publicKey
  const bad = [
    offCurve,
    compressed,
    hybrid,
    explicit.export(spki),
    Buffer.concat([good, Buffer.of(0)]),
    good.subarray(0, -1),
    Buffer.concat([good.subarray(0, 27), Buffer.alloc(64)]),
    generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey.export(spki),
    generateKeyPairSync('ec', { namedCurve: 'SM2' }).publicKey.export(spki),
    generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export(spki),
    generateKeyPairSync('x25519').publicKey.export(spki),
    Buffer.from(p256.export({ format: 'pem', type: 'spki' })),
    Buffer.of(),
  ]
  for (const peer of bad) await refused(known('EC_P256').agree?.(peer), 'InvalidPublicKey')
  assert.equal((await known('EC_P256').agree?.(good))?.length, 32)
})

test('ML-KEM refuses a ciphertext of another length, and opens a tampered one to another secret', async () => {
  for (const spec of ['ML_KEM_512', 'ML_KEM_768', 'ML_KEM_1024'] as const) {
    const { encapsulate, decapsulate } = known(spec)
    const { ciphertext, sharedSecret } = (await encapsulate?.()) ?? assert.fail()
    assert.equal(sharedSecret.length, 32)
    assert.deepEqual(await decapsulate?.(ciphertext), sharedSecret)
    const tampered = (await decapsulate?.(ciphertext.with(9, ciphertext[9]! ^ 1))) ?? assert.fail()
    assert.notDeepEqual(tampered, sharedSecret)
    assert.equal(tampered.length, 32)
    for (const bad of [ciphertext.subarray(1), Buffer.concat([ciphertext, Buffer.of(0)]), Buffer.of()]) {
      await refused(decapsulate?.(bad), 'InvalidCiphertext')
    }
  }
})

test('a generated pair is of its spec, and its halves belong together', async () => {
  for (const spec of pairSpecs.filter((one) => one !== 'RSA_4096')) {
    const { material, publicKey } = await table[spec].generate()
    const opened = openPair(spec, material)
    assert.deepEqual(Buffer.from(opened.exportPublicKey()), Buffer.from(publicKey ?? []))
    const admitted = await table[spec].admit(opened.exportPrivateKey())
    assert.deepEqual(Buffer.from(admitted.publicKey ?? []), Buffer.from(publicKey ?? []))
  }
})

test('sealed material of another spec does not open: it is our own mistake, not the caller’s', () => {
  for (const spec of pairSpecs) {
    for (const other of pairSpecs) {
      if (other === spec) continue
      const material = new Unsealed(Buffer.from(pairAnswers[other].privateKey, 'base64'))
      assert.throws(
        () => table[spec].open(material),
        (error) => error instanceof Problem && error.code === 'Internal',
      )
    }
    assert.throws(() => table[spec].open(new Unsealed(new Uint8Array(0))))
  }
})

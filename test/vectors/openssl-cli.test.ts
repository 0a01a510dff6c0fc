/**
 * Signatures and ciphertexts both ways against the `openssl` of the machine: another program, another build, its own
 * reading of every encoding. It knows neither ML-DSA nor ML-KEM before 3.5, so those are not asked.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { hash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type PairSpec, pairSpecs } from '../../src/devices/software/key-pair.ts'
import { pairAnswers } from '../../src/devices/software/known-answers-pairs.ts'
import { Unsealed } from '../../src/devices/software/material.ts'
import { pairAlgorithms } from '../../src/devices/software/pairs.ts'
import { createPool } from '../../src/devices/software/pool.ts'
import { unwrapMaterial } from '../../src/devices/software/wrapping.ts'
import type { WrappingAlgorithm } from '../../src/domain/ports.ts'
import type { EncryptionAlgorithm, SigningAlgorithm } from '../../src/domain/specs.ts'

const pool = createPool({ threads: 2 })
const folder = mkdtempSync(join(tmpdir(), 'keyward-openssl-'))
after(async () => {
  rmSync(folder, { recursive: true })
  await pool.close()
})

const found = spawnSync('openssl', ['version'], { encoding: 'utf8' }).stdout ?? ''
const skip = /^OpenSSL 3\./.test(found) ? false : 'there is no openssl 3 on this machine'

const table = pairAlgorithms(pool)

function open(spec: PairSpec) {
  return table[spec].open(new Unsealed(Buffer.from(pairAnswers[spec].privateKey, 'base64')))
}

function file(name: string, bytes: Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, bytes)
  return path
}

for (const spec of pairSpecs) {
  file(`${spec}.key`, Buffer.from(pairAnswers[spec].privateKey, 'base64'))
  file(`${spec}.pub`, Buffer.from(pairAnswers[spec].publicKey, 'base64'))
}
const privateKey = (spec: PairSpec) => ['-keyform', 'DER', '-inkey', join(folder, `${spec}.key`)]
const publicKey = (spec: PairSpec) => ['-keyform', 'DER', '-pubin', '-inkey', join(folder, `${spec}.pub`)]
const pkeyutl = (...options: readonly string[]) => execFileSync('openssl', ['pkeyutl', ...options])

const message = Buffer.from('signed by one, verified by the other')

/** How `openssl pkeyutl` is told the algorithm, and over what it signs: the message, or its digest. */
type Asked = {
  readonly spec: PairSpec
  readonly algorithm: SigningAlgorithm
  readonly options: readonly string[]
  readonly digest?: string
}

const rsaSpecs = ['RSA_2048', 'RSA_3072', 'RSA_4096'] as const
const rsaSignatures = rsaSpecs.flatMap((spec) =>
  ['256', '384', '512'].flatMap((bits): Asked[] => {
    const digest = `sha${bits}`
    const pss = ['rsa_padding_mode:pss', 'rsa_pss_saltlen:digest', `digest:${digest}`]
    return [
      { spec, algorithm: `RSASSA_PSS_SHA_${bits}` as SigningAlgorithm, options: options(pss), digest },
      {
        spec,
        algorithm: `RSASSA_PKCS1_V1_5_SHA_${bits}` as SigningAlgorithm,
        options: options([`digest:${digest}`]),
        digest,
      },
    ]
  }),
)

function options(pkeyopts: readonly string[]): readonly string[] {
  return pkeyopts.flatMap((option) => ['-pkeyopt', option])
}

const asked: readonly Asked[] = [
  ...rsaSignatures,
  { spec: 'EC_P256', algorithm: 'ECDSA_SHA_256', options: [], digest: 'sha256' },
  { spec: 'EC_P384', algorithm: 'ECDSA_SHA_384', options: [], digest: 'sha384' },
  { spec: 'EC_P521', algorithm: 'ECDSA_SHA_512', options: [], digest: 'sha512' },
  { spec: 'EC_SECP256K1', algorithm: 'ECDSA_SHA_256', options: [], digest: 'sha256' },
  { spec: 'ED25519', algorithm: 'ED25519_SHA_512', options: ['-rawin'] },
  { spec: 'SM2', algorithm: 'SM2DSA', options: ['-rawin', '-digest', 'sm3', ...options(['distid:1234567812345678'])] },
]

test('signatures are verified by openssl, and those of openssl are valid', { skip }, async () => {
  for (const { spec, algorithm, options, digest } of asked) {
    const { sign, verify } = open(spec)
    const input = file('input', digest === undefined ? message : hash(digest, message, 'buffer'))
    const ours = (await sign?.(algorithm, { type: 'RAW', message })) ?? assert.fail()
    pkeyutl('-verify', ...publicKey(spec), '-in', input, '-sigfile', file('signature', ours), ...options)
    const theirs = pkeyutl('-sign', ...privateKey(spec), '-in', input, ...options)
    assert.equal(await verify?.(algorithm, { type: 'RAW', message }, theirs), true, `${spec} ${algorithm}`)
    if (digest === undefined) continue
    const given = { type: 'DIGEST', digest: hash(digest, message, 'buffer') } as const
    const ofDigest = (await sign?.(algorithm, given)) ?? assert.fail()
    pkeyutl('-verify', ...publicKey(spec), '-in', input, '-sigfile', file('signature', ofDigest), ...options)
    assert.equal(await verify?.(algorithm, given, theirs), true, `${spec} ${algorithm} of a digest`)
  }
})

test('R25: an SM2 signature under a signer id of its own is verified by openssl, and the other way round', {
  skip,
}, async () => {
  const { sign, verify } = open('SM2')
  const signerId = Buffer.from('ALICE123@YAHOO.COM')
  const input = file('input', message)
  const told = ['-rawin', '-digest', 'sm3', ...options([`distid:${signerId}`])]
  const ours = (await sign?.('SM2DSA', { type: 'RAW', message }, { signerId })) ?? assert.fail()
  pkeyutl('-verify', ...publicKey('SM2'), '-in', input, '-sigfile', file('signature', ours), ...told)
  const theirs = pkeyutl('-sign', ...privateKey('SM2'), '-in', input, ...told)
  assert.equal(await verify?.('SM2DSA', { type: 'RAW', message }, theirs, { signerId }), true)
  assert.equal(await verify?.('SM2DSA', { type: 'RAW', message }, theirs), false)
})

const oaep = (digest: string) => options(['rsa_padding_mode:oaep', `rsa_oaep_md:${digest}`, `rsa_mgf1_md:${digest}`])

const encryptions: readonly (readonly [PairSpec, EncryptionAlgorithm, readonly string[]])[] = [
  ...rsaSpecs.flatMap((spec) => [
    [spec, 'RSAES_OAEP_SHA_1', oaep('sha1')] as const,
    [spec, 'RSAES_OAEP_SHA_256', oaep('sha256')] as const,
  ]),
  ['SM2', 'SM2PKE', []],
]

test('ciphertexts are opened by openssl, and those of openssl open', { skip }, async () => {
  for (const [spec, algorithm, told] of encryptions) {
    const { asymmetricEncrypt, asymmetricDecrypt } = open(spec)
    const ours = (await asymmetricEncrypt?.(algorithm, message)) ?? assert.fail()
    assert.deepEqual(pkeyutl('-decrypt', ...privateKey(spec), '-in', file('input', ours), ...told), message)
    const theirs = pkeyutl('-encrypt', ...publicKey(spec), '-in', file('input', message), ...told)
    assert.deepEqual(Buffer.from((await asymmetricDecrypt?.(algorithm, theirs)) ?? []), message, `${spec} ${algorithm}`)
  }
})

test('key agreement gives what openssl derives', { skip }, async () => {
  for (const spec of ['EC_P256', 'EC_P384', 'EC_P521'] as const) {
    const { publicKey: peerKey } = await table[spec].generate()
    assert.ok(peerKey)
    const peerFile = file('peer', peerKey)
    const theirs = pkeyutl('-derive', ...privateKey(spec), '-peerform', 'DER', '-peerkey', peerFile)
    assert.deepEqual(Buffer.from((await open(spec).agree?.(peerKey)) ?? []), theirs, spec)
  }
})

test('key material that was wrapped with the openssl commands of the documentation opens', { skip }, async () => {
  const material = hash('sha256', 'material', 'buffer')
  const ephemeral = hash('sha256', 'ephemeral', 'buffer')
  const wrapped = (plaintext: Uint8Array, told: readonly string[], spec: PairSpec = 'RSA_2048') =>
    pkeyutl('-encrypt', ...publicKey(spec), '-in', file('input', plaintext), ...told)
  const cases: readonly (readonly [WrappingAlgorithm, 'RSA_2048' | 'SM2', Buffer])[] = [
    ['RSAES_OAEP_SHA_256', 'RSA_2048', wrapped(material, oaep('sha256'))],
    ['RSAES_OAEP_SHA_1', 'RSA_2048', wrapped(material, oaep('sha1'))],
    ['RSAES_OAEP_SHA_1', 'RSA_2048', wrapped(material, options(['rsa_padding_mode:oaep']))],
    ['RSAES_PKCS1_V1_5', 'RSA_2048', wrapped(material, [])],
    ['SM2PKE', 'SM2', wrapped(material, [], 'SM2')],
    [
      'RSA_AES_KEY_WRAP_SHA_256',
      'RSA_2048',
      Buffer.concat([wrapped(ephemeral, oaep('sha256')), kwp(ephemeral, material)]),
    ],
  ]
  for (const [wrappingAlgorithm, wrappingKeySpec, encryptedKeyMaterial] of cases) {
    const wrappingKey = new Unsealed(Buffer.from(pairAnswers[wrappingKeySpec].privateKey, 'base64'))
    const unwrapped = await unwrapMaterial(pool, {
      spec: 'AES_256',
      wrappingKeySpec,
      wrappingAlgorithm,
      wrappingKey,
      encryptedKeyMaterial,
    })
    assert.deepEqual(
      unwrapped.use((bytes) => Buffer.from(bytes)),
      material,
      wrappingAlgorithm,
    )
  }
})

function kwp(kek: Uint8Array, plaintext: Uint8Array): Buffer {
  const told = ['-id-aes256-wrap-pad', '-K', Buffer.from(kek).toString('hex'), '-iv', 'a65959a6']
  return execFileSync('openssl', ['enc', ...told], { input: plaintext })
}

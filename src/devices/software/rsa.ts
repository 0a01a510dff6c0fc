/** RSA: RSASSA-PSS, RSASSA-PKCS1-v1_5 and RSAES-OAEP (RFC 8017). */
import { constants, publicEncrypt } from 'node:crypto'
import { problem } from '../../domain/errors.ts'
import type { Signable } from '../../domain/ports.ts'
import type { EncryptionAlgorithm, SigningAlgorithm } from '../../domain/specs.ts'
import type { KeyPair, PublicHalf } from './key-pair.ts'
import type { Pool } from './pool.ts'
import { algorithmMismatch, digestOf } from './signable.ts'

type Hash = 'sha256' | 'sha384' | 'sha512'

/** The salt of PSS is as long as the digest, and MGF1 runs over the same hash: as both clouds have it. */
const signatures: Readonly<Partial<Record<SigningAlgorithm, { readonly rsa: 'PSS' | 'PKCS1'; readonly hash: Hash }>>> =
  {
    RSASSA_PSS_SHA_256: { rsa: 'PSS', hash: 'sha256' },
    RSASSA_PSS_SHA_384: { rsa: 'PSS', hash: 'sha384' },
    RSASSA_PSS_SHA_512: { rsa: 'PSS', hash: 'sha512' },
    RSASSA_PKCS1_V1_5_SHA_256: { rsa: 'PKCS1', hash: 'sha256' },
    RSASSA_PKCS1_V1_5_SHA_384: { rsa: 'PKCS1', hash: 'sha384' },
    RSASSA_PKCS1_V1_5_SHA_512: { rsa: 'PKCS1', hash: 'sha512' },
  }

function signatureOf(algorithm: SigningAlgorithm, key: PublicHalf) {
  const found = signatures[algorithm]
  if (found === undefined) throw algorithmMismatch(algorithm, key.spec)
  return found
}

/** As long as the modulus. */
export async function signRsa(
  pool: Pool,
  pair: KeyPair,
  algorithm: SigningAlgorithm,
  message: Signable,
): Promise<Uint8Array> {
  const scheme = signatureOf(algorithm, pair)
  return pool.run(pair.native, { call: 'sign', scheme, input: digestOf(message, algorithm, scheme.hash) })
}

/** A quick call: 20 to 90 microseconds. */
export async function verifyRsa(
  pool: Pool,
  key: PublicHalf,
  algorithm: SigningAlgorithm,
  message: Signable,
  signature: Uint8Array,
): Promise<boolean> {
  const scheme = signatureOf(algorithm, key)
  const input = digestOf(message, algorithm, scheme.hash)
  // RFC 8017, 8.1.2 and 8.2.2: one octet string stands for a signature. OpenSSL takes PSS without its leading zeros too.
  if (signature.length !== modulusBytes(key)) return false
  return pool.runQuick(key.native, { call: 'verify', scheme, input, signature })
}

/** MGF1 runs over the same hash as the label: what both clouds mean, and what Java does not do unless told. */
const oaepHashes: Readonly<
  Partial<Record<EncryptionAlgorithm, { readonly hash: 'sha1' | 'sha256'; readonly bytes: number }>>
> = {
  RSAES_OAEP_SHA_1: { hash: 'sha1', bytes: 20 },
  RSAES_OAEP_SHA_256: { hash: 'sha256', bytes: 32 },
}

function oaepOf(algorithm: EncryptionAlgorithm, key: PublicHalf) {
  const found = oaepHashes[algorithm]
  if (found === undefined) throw algorithmMismatch(algorithm, key.spec)
  return found
}

export function modulusBytes(key: PublicHalf): number {
  return (key.publicKey.asymmetricKeyDetails?.modulusLength ?? 0) / 8
}

/** RFC 8017, 7.1.1: the longest message is shorter than the modulus by two hashes and two bytes. */
export async function encryptRsa(
  key: PublicHalf,
  algorithm: EncryptionAlgorithm,
  plaintext: Uint8Array,
): Promise<Uint8Array> {
  const oaep = oaepOf(algorithm, key)
  const most = modulusBytes(key) - 2 * oaep.bytes - 2
  if (plaintext.length > most) {
    throw problem('InvalidRequest', {
      message: `${algorithm} with ${key.spec} takes at most ${most} bytes, but the plaintext has ${plaintext.length}.`,
      mend: 'Encrypt the data under a data key, and the data key under this key.',
      member: 'plaintext',
    })
  }
  return publicEncrypt(
    { key: key.publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: oaep.hash },
    plaintext,
  )
}

/** Throws `InvalidCiphertext` alike for each way in which it does not open (Manger 2001). */
export async function decryptRsa(
  pool: Pool,
  pair: KeyPair,
  algorithm: EncryptionAlgorithm,
  ciphertext: Uint8Array,
): Promise<Uint8Array> {
  const { hash: oaep } = oaepOf(algorithm, pair)
  if (ciphertext.length !== modulusBytes(pair)) throw problem('InvalidCiphertext')
  const plaintext = await pool.run(pair.native, { call: 'decrypt', scheme: { oaep, mgf1: oaep }, input: ciphertext })
  if (plaintext === undefined) throw problem('InvalidCiphertext')
  return plaintext
}

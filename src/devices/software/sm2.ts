/**
 * SM2 (GB/T 32918; encodings as in GM/T 0009). node:crypto cannot be asked: a key it generates signs ECDSA, one it
 * imports leaves the signer's id out, and it has no encryption. So Z_A and e are made here, and all else is OpenSSL's
 * own SM2 (docs/decisions/sm2-and-digest-signing.md). Every call goes to the pool: 300 to 700 microseconds each.
 */
import { hash } from 'node:crypto'
import { problem } from '../../domain/errors.ts'
import type { Signable, SignOptions } from '../../domain/ports.ts'
import type { EncryptionAlgorithm, SigningAlgorithm } from '../../domain/specs.ts'
import { derTag, readSequence, readUnsigned } from './asn1.ts'
import { curvePoint, invalidPeer } from './curve-point.ts'
import type { KeyPair, PublicHalf } from './key-pair.ts'
import type { Pool } from './pool.ts'
import { algorithmMismatch, givenDigest, messageTypeMismatch } from './signable.ts'

/** GM/T 0009, section 10: the id of a signer that named none. */
const defaultSignerId = Buffer.from('1234567812345678')
/** ENTL_A holds the id's length in bits, in two bytes. */
const longestSignerId = 8_191

/** GB/T 32918.5: a, b and the base point G of the recommended curve, as they enter Z_A. */
const curveParameters = Buffer.from(
  'fffffffeffffffffffffffffffffffffffffffff00000000fffffffffffffffc' +
    '28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93' +
    '32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7' +
    'bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0',
  'hex',
)

/** OpenSSL would take x + p for x, a second ciphertext of the same plaintext. */
const fieldPrime = Buffer.from('fffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffff', 'hex')

const sm3Bytes = 32
const coordinateBytes = 32

const defaultZ = new WeakMap<PublicHalf, Uint8Array>()

/** GB/T 32918.2, 5.5: Z_A = SM3(ENTL_A || ID_A || a || b || G || the public key). */
function signerHash(key: PublicHalf, signerId: Uint8Array | undefined): Uint8Array {
  if (signerId !== undefined) return hashSigner(key, signerId)
  const known = defaultZ.get(key) ?? hashSigner(key, defaultSignerId)
  defaultZ.set(key, known)
  return known
}

function hashSigner(key: PublicHalf, signerId: Uint8Array): Uint8Array {
  if (signerId.length > longestSignerId) {
    throw problem('InvalidRequest', {
      message: `A signer id has at most ${longestSignerId} bytes.`,
      member: 'signerId',
    })
  }
  const bits = Buffer.alloc(2)
  bits.writeUInt16BE(8 * signerId.length)
  const point = curvePoint('SM2', key.exportPublicKey())
  if (point === undefined) throw problem('Internal', { message: 'An SM2 key pair has no point on the SM2 curve.' })
  return hash('sm3', Buffer.concat([bits, signerId, curveParameters, point.subarray(1)]), 'buffer')
}

/** What is signed: e = SM3(Z_A || M) over a message; a digest is e itself, the caller has seen to Z_A. */
function signed(key: PublicHalf, algorithm: SigningAlgorithm, message: Signable, options: SignOptions): Uint8Array {
  if (algorithm !== 'SM2DSA') throw algorithmMismatch(algorithm, key.spec)
  switch (message.type) {
    case 'RAW':
      return hash('sm3', Buffer.concat([signerHash(key, options.signerId), message.message]), 'buffer')
    case 'DIGEST':
      return givenDigest(message, algorithm, 'sm3')
    case 'EXTERNAL_MU':
      throw messageTypeMismatch(algorithm, message.type, 'RAW or DIGEST')
  }
}

/** DER: SEQUENCE { r INTEGER, s INTEGER }. */
export async function signSm2(
  pool: Pool,
  pair: KeyPair,
  algorithm: SigningAlgorithm,
  message: Signable,
  options: SignOptions = {},
): Promise<Uint8Array> {
  return pool.run(pair.native, { call: 'sign', scheme: 'DIGEST', input: signed(pair, algorithm, message, options) })
}

export async function verifySm2(
  pool: Pool,
  key: PublicHalf,
  algorithm: SigningAlgorithm,
  message: Signable,
  signature: Uint8Array,
  options: SignOptions = {},
): Promise<boolean> {
  const input = signed(key, algorithm, message, options)
  return pool.run(key.native, { call: 'verify', scheme: 'DIGEST', input, signature })
}

/** The ciphertext in DER, C1 C3 C2 in the words of the standard; up to 110 bytes longer than the plaintext. */
export async function encryptSm2(
  pool: Pool,
  key: PublicHalf,
  algorithm: EncryptionAlgorithm,
  plaintext: Uint8Array,
): Promise<Uint8Array> {
  if (algorithm !== 'SM2PKE') throw algorithmMismatch(algorithm, key.spec)
  if (plaintext.length === 0) {
    throw problem('InvalidRequest', { message: 'SM2 encrypts one byte at least.', member: 'plaintext' })
  }
  return pool.run(key.native, { call: 'encrypt', scheme: 'SM2', input: plaintext })
}

/** Throws `InvalidCiphertext` alike for each way in which it does not open. */
export async function decryptSm2(
  pool: Pool,
  pair: KeyPair,
  algorithm: EncryptionAlgorithm,
  ciphertext: Uint8Array,
): Promise<Uint8Array> {
  if (algorithm !== 'SM2PKE') throw algorithmMismatch(algorithm, pair.spec)
  if (!isSm2Ciphertext(ciphertext)) throw problem('InvalidCiphertext')
  const plaintext = await pool.run(pair.native, { call: 'decrypt', scheme: 'SM2', input: ciphertext })
  if (plaintext === undefined) throw problem('InvalidCiphertext')
  return plaintext
}

/** Is it GM/T 0009's SM2Cipher, in DER to the last byte? OpenSSL looks at the point and at C3, not at what follows. */
export function isSm2Ciphertext(ciphertext: Uint8Array): boolean {
  const { integer, octetString } = derTag
  const [x, y, c3, c2] = readSequence(ciphertext, [integer, integer, octetString, octetString]) ?? []
  if (x === undefined || y === undefined || c3 === undefined || c2 === undefined) return false
  const inField = (content: Uint8Array) => {
    const coordinate = readUnsigned(content, coordinateBytes)
    return coordinate !== undefined && Buffer.compare(coordinate, fieldPrime) < 0
  }
  return inField(x) && inField(y) && c3.length === sm3Bytes && c2.length > 0
}

/** The x-coordinate of the shared point, 32 bytes: plain ECDH on the curve of SM2, as AWS KMS has it, and no GB/T 32918.3. */
export async function agreeSm2(pool: Pool, pair: KeyPair, peerPublicKey: Uint8Array): Promise<Uint8Array> {
  const peerPoint = curvePoint('SM2', peerPublicKey)
  if (peerPoint === undefined) throw invalidPeer('SM2')
  const shared = await pool.run(pair.native, { call: 'sm2Agree', input: peerPoint })
  if (shared === undefined) throw invalidPeer('SM2')
  return shared
}

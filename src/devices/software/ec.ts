/** ECDSA (FIPS 186-5, signatures in DER as in RFC 3279) and ECDH (SP 800-56A, SEC 1) on the named prime curves. */
import { createPublicKey, diffieHellman, type KeyObject } from 'node:crypto'
import type { Signable } from '../../domain/ports.ts'
import type { SigningAlgorithm } from '../../domain/specs.ts'
import { curvePoint, invalidPeer } from './curve-point.ts'
import type { EcSpec, KeyPair, PublicHalf } from './key-pair.ts'
import type { Pool } from './pool.ts'
import { algorithmMismatch, digestOf } from './signable.ts'

type CurveFacts = {
  readonly algorithm: SigningAlgorithm
  readonly hash: 'sha256' | 'sha384' | 'sha512'
  /** P-256 has code of its own in OpenSSL and takes 25 to 70 microseconds; the others take 400 to 2,000. */
  readonly quick: boolean
}

const curves: Readonly<Record<EcSpec, CurveFacts>> = {
  EC_P256: { algorithm: 'ECDSA_SHA_256', hash: 'sha256', quick: true },
  EC_P384: { algorithm: 'ECDSA_SHA_384', hash: 'sha384', quick: false },
  EC_P521: { algorithm: 'ECDSA_SHA_512', hash: 'sha512', quick: false },
  EC_SECP256K1: { algorithm: 'ECDSA_SHA_256', hash: 'sha256', quick: false },
}

function curveOf(key: PublicHalf, algorithm: SigningAlgorithm): CurveFacts {
  const facts = curves[key.spec as EcSpec]
  if (facts.algorithm !== algorithm) throw algorithmMismatch(algorithm, key.spec)
  return facts
}

/** DER: SEQUENCE { r INTEGER, s INTEGER }. The nonce is drawn by OpenSSL, mixed with key and digest. */
export async function signEc(
  pool: Pool,
  pair: KeyPair,
  algorithm: SigningAlgorithm,
  message: Signable,
): Promise<Uint8Array> {
  const { hash, quick } = curveOf(pair, algorithm)
  const digest = digestOf(message, algorithm, hash)
  const job = { call: 'sign', scheme: 'DIGEST', input: digest } as const
  return quick ? pool.runQuick(pair.native, job) : pool.run(pair.native, job)
}

/** OpenSSL writes the signature anew from what it read and compares: another encoding of r and s is not valid. */
export async function verifyEc(
  pool: Pool,
  key: PublicHalf,
  algorithm: SigningAlgorithm,
  message: Signable,
  signature: Uint8Array,
): Promise<boolean> {
  const { hash, quick } = curveOf(key, algorithm)
  const job = { call: 'verify', scheme: 'DIGEST', input: digestOf(message, algorithm, hash), signature } as const
  return quick ? pool.runQuick(key.native, job) : pool.run(key.native, job)
}

/** The x-coordinate of the shared point, as long as the field. Throws `InvalidPublicKey`. */
export async function agreeEc(pool: Pool, pair: KeyPair, peerPublicKey: Uint8Array): Promise<Uint8Array> {
  const spec = pair.spec as EcSpec
  const peer = peerKey(spec, peerPublicKey)
  if (curves[spec].quick) return diffieHellman({ privateKey: pair.privateKey, publicKey: peer })
  return pool.native<Uint8Array>((done) => diffieHellman({ privateKey: pair.privateKey, publicKey: peer }, done))
}

function peerKey(spec: EcSpec, publicKey: Uint8Array): KeyObject {
  if (curvePoint(spec, publicKey) === undefined) throw invalidPeer(spec)
  try {
    // OpenSSL refuses a point that is not on the curve when it reads it.
    return createPublicKey({ key: Buffer.from(publicKey), format: 'der', type: 'spki' })
  } catch {
    throw invalidPeer(spec)
  }
}

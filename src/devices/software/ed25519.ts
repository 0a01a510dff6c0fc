/** Ed25519 and Ed25519ph (RFC 8032). A signature is 64 bytes: R, S. S is below the group's order, or it is refused. */
import { hash } from 'node:crypto'
import type { Signable } from '../../domain/ports.ts'
import type { SigningAlgorithm } from '../../domain/specs.ts'
import type { KeyPair, PublicHalf } from './key-pair.ts'
import type { Pool } from './pool.ts'
import { algorithmMismatch, givenDigest, messageTypeMismatch } from './signable.ts'

export async function signEd25519(
  pool: Pool,
  pair: KeyPair,
  algorithm: SigningAlgorithm,
  message: Signable,
): Promise<Uint8Array> {
  return pool.runQuick(pair.native, { call: 'sign', ...signed(pair, algorithm, message) })
}

export async function verifyEd25519(
  pool: Pool,
  key: PublicHalf,
  algorithm: SigningAlgorithm,
  message: Signable,
  signature: Uint8Array,
): Promise<boolean> {
  return pool.runQuick(key.native, { call: 'verify', ...signed(key, algorithm, message), signature })
}

/**
 * For Ed25519ph, M is the 64-byte digest itself: AWS KMS takes the digest for the message and hashes it once more, to
 * PH(M). A verifier elsewhere calls its Ed25519ph with the digest as the message.
 */
function signed(key: PublicHalf, algorithm: SigningAlgorithm, message: Signable) {
  if (algorithm === 'ED25519_SHA_512') {
    if (message.type !== 'RAW') throw messageTypeMismatch(algorithm, message.type, 'RAW')
    return { scheme: 'ED25519', input: message.message } as const
  }
  if (algorithm !== 'ED25519_PH_SHA_512') throw algorithmMismatch(algorithm, key.spec)
  if (message.type !== 'DIGEST') throw messageTypeMismatch(algorithm, message.type, 'DIGEST')
  return { scheme: 'ED25519PH', input: hash('sha512', givenDigest(message, algorithm, 'sha512'), 'buffer') } as const
}

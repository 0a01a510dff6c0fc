/** Ed25519 and Ed25519ph (RFC 8032). A signature is 64 bytes: R, S. S is below the group's order, or it is refused. */
import { hash, sign as nodeSign, verify as nodeVerify } from 'node:crypto'
import type { Signable } from '../../domain/ports.ts'
import type { SigningAlgorithm } from '../../domain/specs.ts'
import type { KeyPair, PublicHalf } from './key-pair.ts'
import { runOpenssl } from './openssl.ts'
import { algorithmMismatch, givenDigest, messageTypeMismatch } from './signable.ts'

export async function signEd25519(pair: KeyPair, algorithm: SigningAlgorithm, message: Signable): Promise<Uint8Array> {
  if (algorithm === 'ED25519_SHA_512') return nodeSign(null, rawMessage(algorithm, message), pair.privateKey)
  const input = prehash(pair, algorithm, message)
  return runOpenssl({ call: 'sign', key: pair.native.address, scheme: 'ED25519PH', input })
}

export async function verifyEd25519(
  key: PublicHalf,
  algorithm: SigningAlgorithm,
  message: Signable,
  signature: Uint8Array,
): Promise<boolean> {
  if (algorithm === 'ED25519_SHA_512') {
    return nodeVerify(null, rawMessage(algorithm, message), key.publicKey, signature)
  }
  const input = prehash(key, algorithm, message)
  return runOpenssl({ call: 'verify', key: key.native.address, scheme: 'ED25519PH', input, signature })
}

function rawMessage(algorithm: SigningAlgorithm, message: Signable): Uint8Array {
  if (message.type !== 'RAW') throw messageTypeMismatch(algorithm, message.type, 'RAW')
  return message.message
}

/**
 * PH(M) of RFC 8032, where M is the 64-byte digest itself: AWS KMS takes the digest for the message of Ed25519ph and
 * hashes it once more. A verifier elsewhere calls its Ed25519ph with the digest as the message.
 */
function prehash(key: PublicHalf, algorithm: SigningAlgorithm, message: Signable): Uint8Array {
  if (algorithm !== 'ED25519_PH_SHA_512') throw algorithmMismatch(algorithm, key.spec)
  if (message.type !== 'DIGEST') throw messageTypeMismatch(algorithm, message.type, 'DIGEST')
  return hash('sha512', givenDigest(message, algorithm, 'sha512'), 'buffer')
}

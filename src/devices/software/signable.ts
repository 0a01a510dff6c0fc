/** What may be signed: which message types an algorithm takes, and how long what stands for a message must be. */
import { hash as computeHash } from 'node:crypto'
import { problem } from '../../domain/errors.ts'
import type { Signable } from '../../domain/ports.ts'
import type { SigningAlgorithm } from '../../domain/specs.ts'

const digestBytes = { sha256: 32, sha384: 48, sha512: 64, sm3: 32 } as const

/** The digest as it was given, of exactly the length that the algorithm's hash has. Throws `InvalidRequest`. */
export function givenDigest(
  message: Extract<Signable, { type: 'DIGEST' }>,
  algorithm: SigningAlgorithm,
  hash: keyof typeof digestBytes,
): Uint8Array {
  const bytes = digestBytes[hash]
  if (message.digest.length !== bytes) {
    throw problem('InvalidRequest', {
      message: `Digest is invalid length for algorithm ${algorithm}.`,
      mend: `Give the ${bytes} bytes of the digest, or the message itself with the message type RAW.`,
      member: 'message',
    })
  }
  return message.digest
}

/** The digest that is signed: of a message, or as it was given. */
export function digestOf(
  message: Signable,
  algorithm: SigningAlgorithm,
  hash: Exclude<keyof typeof digestBytes, 'sm3'>,
): Uint8Array {
  switch (message.type) {
    case 'RAW':
      return computeHash(hash, message.message, 'buffer')
    case 'DIGEST':
      return givenDigest(message, algorithm, hash)
    case 'EXTERNAL_MU':
      throw messageTypeMismatch(algorithm, message.type, 'RAW or DIGEST')
  }
}

export function messageTypeMismatch(algorithm: SigningAlgorithm, type: Signable['type'], takes: string): Error {
  return problem('InvalidRequest', {
    message: `Algorithm ${algorithm} does not take the message type ${type}.`,
    mend: `Use the message type ${takes}.`,
    member: 'messageType',
  })
}

export function algorithmMismatch(algorithm: string, spec: string): Error {
  return problem('AlgorithmMismatch', { message: `Algorithm ${algorithm} is incompatible with key spec ${spec}.` })
}

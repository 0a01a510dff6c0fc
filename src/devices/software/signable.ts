/** What may be signed: which message types an algorithm takes, and how long what stands for a message must be. */
import { problem } from '../../domain/errors.ts'
import type { Signable } from '../../domain/ports.ts'
import type { SigningAlgorithm } from '../../domain/specs.ts'

/** The digest, of exactly the length the algorithm's hash gives. Throws `InvalidRequest`. */
export function digestOf(
  message: Extract<Signable, { type: 'DIGEST' }>,
  algorithm: SigningAlgorithm,
  bytes: number,
): Uint8Array {
  if (message.digest.length !== bytes) {
    throw problem('InvalidRequest', {
      message: `Digest is invalid length for algorithm ${algorithm}.`,
      mend: `Give the ${bytes} bytes of the digest, or the message itself with the message type RAW.`,
      member: 'message',
    })
  }
  return message.digest
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

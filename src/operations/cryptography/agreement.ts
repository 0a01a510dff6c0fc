/** Shared secrets: ECDH and ML-KEM. */
import { z } from 'zod'
import { deviceOf, namedVersion } from '../material.ts'
import { operation, usable } from '../operation.ts'
import { bytes, keyRef, keyVersionId } from '../shapes.ts'

const version = { keyId: keyRef, keyVersionId: keyVersionId.optional() }
const sharedSecret = bytes({ min: 1, max: 256 })

export const deriveSharedSecret = operation({
  name: 'DeriveSharedSecret',
  summary: 'ECDH with the public key of another party: the raw x-coordinate.',
  group: 'cryptography',
  rest: 'POST /v1/keys/{keyId}/derive-shared-secret',
  cli: 'agree',
  key: usable('KEY_AGREEMENT'),
  crossAccount: true,
  input: z.strictObject({
    ...version,
    keyAgreementAlgorithm: z.literal('ECDH').default('ECDH'),
    publicKey: bytes({ min: 1, max: 8192 }).describe('DER SubjectPublicKeyInfo.'),
  }),
  output: z.object({
    keyId: z.string(),
    keyVersionId: z.string(),
    keyAgreementAlgorithm: z.string(),
    origin: z.string(),
    sharedSecret,
  }),
  audit: ['keyId', 'keyVersionId', 'keyAgreementAlgorithm'],
  async run({ world, key, input, note, differences }) {
    const own = await namedVersion(world, key, input.keyVersionId, differences)
    note({ keyVersionId: own.versionId })
    const secret = await deviceOf(world, key).agree(own, input.publicKey)
    return {
      keyId: key.keyId,
      keyVersionId: own.versionId,
      keyAgreementAlgorithm: input.keyAgreementAlgorithm,
      origin: key.origin,
      sharedSecret: secret,
    }
  },
})

const ciphertextBlob = bytes({ min: 1, max: 6144 })

export const encapsulate = operation({
  name: 'Encapsulate',
  summary: 'ML-KEM (FIPS 203): a fresh shared secret, and the ciphertext that carries it.',
  group: 'cryptography',
  rest: 'POST /v1/keys/{keyId}/encapsulate',
  cli: 'kem encapsulate',
  key: usable('ENCAPSULATE_DECAPSULATE'),
  crossAccount: true,
  input: z.strictObject({ ...version, encapsulationAlgorithm: z.literal('ML_KEM').default('ML_KEM') }),
  output: z.object({
    keyId: z.string(),
    keyVersionId: z.string(),
    encapsulationAlgorithm: z.string(),
    sharedSecret,
    ciphertextBlob,
  }),
  audit: ['keyId', 'keyVersionId'],
  async run({ world, key, input, note, differences }) {
    const own = await namedVersion(world, key, input.keyVersionId, differences)
    note({ keyVersionId: own.versionId })
    const made = await deviceOf(world, key).encapsulate(own)
    return {
      keyId: key.keyId,
      keyVersionId: own.versionId,
      encapsulationAlgorithm: input.encapsulationAlgorithm,
      sharedSecret: made.sharedSecret,
      ciphertextBlob: made.ciphertext,
    }
  },
})

export const decapsulate = operation({
  name: 'Decapsulate',
  summary: 'ML-KEM (FIPS 203): the shared secret that a ciphertext carries.',
  group: 'cryptography',
  rest: 'POST /v1/keys/{keyId}/decapsulate',
  cli: 'kem decapsulate',
  key: usable('ENCAPSULATE_DECAPSULATE'),
  crossAccount: true,
  input: z.strictObject({
    ...version,
    encapsulationAlgorithm: z.literal('ML_KEM').default('ML_KEM'),
    ciphertextBlob,
  }),
  output: z.object({ keyId: z.string(), keyVersionId: z.string(), encapsulationAlgorithm: z.string(), sharedSecret }),
  audit: ['keyId', 'keyVersionId'],
  async run({ world, key, input, note, differences }) {
    const own = await namedVersion(world, key, input.keyVersionId, differences)
    note({ keyVersionId: own.versionId })
    return {
      keyId: key.keyId,
      keyVersionId: own.versionId,
      encapsulationAlgorithm: input.encapsulationAlgorithm,
      sharedSecret: await deviceOf(world, key).decapsulate(own, input.ciphertextBlob),
    }
  },
})

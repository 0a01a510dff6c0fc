/** Key pairs: encryption and signatures. Every call names a version (R42, R76). */
import { z } from 'zod'
import { problem } from '../../domain/errors.ts'
import type { Key } from '../../domain/key.ts'
import type { Signable } from '../../domain/ports.ts'
import { type Algorithm, algorithmsOf, type EncryptionAlgorithm, type SigningAlgorithm } from '../../domain/specs.ts'
import { deviceOf, namedVersion } from '../material.ts'
import { type Context, operation, usable } from '../operation.ts'
import { algorithmNames, bytes, keyRef, keyVersionId } from '../shapes.ts'

export const encryptionAlgorithm = z.enum(algorithmNames('ENCRYPT_DECRYPT')).exclude(['SYMMETRIC_DEFAULT'])
const signingAlgorithm = z.enum(algorithmNames('SIGN_VERIFY'))

/** An algorithm that the key can compute; without a wish the first of its list where there is only one. */
export function algorithmFor<Chosen extends Algorithm>(key: Key, wish: string | undefined, member: string): Chosen {
  const possible = algorithmsOf(key.spec, key.usage)
  if (wish === undefined && possible.length === 1) return possible[0] as Chosen
  if (wish === undefined || !possible.includes(wish as Algorithm))
    throw problem(wish === undefined ? 'InvalidRequest' : 'AlgorithmMismatch', {
      member,
      message:
        wish === undefined
          ? `${member} is needed: a key of spec ${key.spec} has several.`
          : `A key of spec ${key.spec} cannot compute ${wish}.`,
      mend: `Use one of: ${possible.join(', ')}.`,
      facts: { algorithm: wish, spec: key.spec },
    })
  return wish as Chosen
}

function requirePair(key: Key): void {
  if (algorithmsOf(key.spec, key.usage).includes('SYMMETRIC_DEFAULT'))
    throw problem('KeySpecMismatch', {
      message: `A key of spec ${key.spec} is symmetric.`,
      mend: 'Use Encrypt and Decrypt.',
      facts: { keyId: key.keyId, spec: key.spec },
    })
}

export const asymmetricEncrypt = operation({
  name: 'AsymmetricEncrypt',
  summary: 'Encrypt a few bytes under the public key of a version.',
  group: 'cryptography',
  rest: 'POST /v1/keys/{keyId}/asymmetric-encrypt',
  cli: 'asymmetric encrypt',
  key: usable('ENCRYPT_DECRYPT', { action: 'Encrypt' }),
  crossAccount: true,
  input: z.strictObject({
    keyId: keyRef,
    keyVersionId: keyVersionId.optional(),
    encryptionAlgorithm: encryptionAlgorithm.optional(),
    plaintext: bytes({ min: 1, max: 6144 }),
  }),
  output: z.object({
    keyId: z.string(),
    keyVersionId: z.string(),
    encryptionAlgorithm: z.string(),
    ciphertextBlob: bytes({ min: 1, max: 8192 }),
  }),
  audit: ['keyId', 'keyVersionId', 'encryptionAlgorithm'],
  async run({ key, input, ...context }) {
    return { keyId: key.keyId, ...(await encryptWithPair(context, key, input)) }
  },
})

type OfPair = { readonly keyVersionId?: string | undefined; readonly encryptionAlgorithm?: string | undefined }

export async function encryptWithPair(
  { world, note, differences }: Context,
  key: Key,
  wish: OfPair & { readonly plaintext: Uint8Array },
) {
  requirePair(key)
  const version = await namedVersion(world, key, wish.keyVersionId, differences)
  note({ keyVersionId: version.versionId })
  const algorithm = algorithmFor<EncryptionAlgorithm>(key, wish.encryptionAlgorithm, 'encryptionAlgorithm')
  const ciphertextBlob = await deviceOf(world, key).asymmetricEncrypt(version, algorithm, wish.plaintext)
  return { keyVersionId: version.versionId, encryptionAlgorithm: algorithm, ciphertextBlob }
}

export const asymmetricDecrypt = operation({
  name: 'AsymmetricDecrypt',
  summary: 'Decrypt what was encrypted under the public key of a version.',
  group: 'cryptography',
  rest: 'POST /v1/keys/{keyId}/asymmetric-decrypt',
  cli: 'asymmetric decrypt',
  key: usable('ENCRYPT_DECRYPT', { action: 'Decrypt' }),
  crossAccount: true,
  input: z.strictObject({
    keyId: keyRef,
    keyVersionId: keyVersionId.optional(),
    encryptionAlgorithm: encryptionAlgorithm.optional(),
    ciphertextBlob: bytes({ min: 1, max: 8192 }),
  }),
  output: z.object({
    keyId: z.string(),
    keyVersionId: z.string(),
    encryptionAlgorithm: z.string(),
    plaintext: bytes({ min: 0, max: 8192 }),
  }),
  audit: ['keyId', 'keyVersionId', 'encryptionAlgorithm'],
  async run({ key, input, ...context }) {
    return { keyId: key.keyId, ...(await decryptWithPair(context, key, input)) }
  },
})

export async function decryptWithPair(
  { world, note, differences }: Context,
  key: Key,
  wish: OfPair & { readonly ciphertextBlob: Uint8Array },
) {
  requirePair(key)
  const version = await namedVersion(world, key, wish.keyVersionId, differences)
  note({ keyVersionId: version.versionId })
  const algorithm = algorithmFor<EncryptionAlgorithm>(key, wish.encryptionAlgorithm, 'encryptionAlgorithm')
  const plaintext = await deviceOf(world, key).asymmetricDecrypt(version, algorithm, wish.ciphertextBlob)
  return { keyVersionId: version.versionId, encryptionAlgorithm: algorithm, plaintext }
}

const signed = {
  keyId: keyRef,
  keyVersionId: keyVersionId.optional(),
  signingAlgorithm: signingAlgorithm.optional(),
  messageType: z
    .enum(['RAW', 'DIGEST', 'EXTERNAL_MU'])
    .default('RAW')
    .describe('DIGEST: the message is its digest already. EXTERNAL_MU: ML-DSA only, 64 bytes (FIPS 204).'),
  message: bytes({ min: 0, max: 4096 }),
  signerId: bytes({ min: 1, max: 8191 }).optional().describe('SM2 only: the id in Z_A; 1234567812345678 without it.'),
}

function signable(type: 'RAW' | 'DIGEST' | 'EXTERNAL_MU', message: Uint8Array): Signable {
  switch (type) {
    case 'RAW':
      return { type, message }
    case 'DIGEST':
      return { type, digest: message }
    case 'EXTERNAL_MU':
      return { type, mu: message }
  }
}

export const sign = operation({
  name: 'Sign',
  summary: 'Sign a message or its digest with the private key of a version.',
  group: 'cryptography',
  rest: 'POST /v1/keys/{keyId}/sign',
  cli: 'sign',
  key: usable('SIGN_VERIFY'),
  crossAccount: true,
  input: z.strictObject(signed),
  output: z.object({
    keyId: z.string(),
    keyVersionId: z.string(),
    signingAlgorithm: z.string(),
    signature: bytes({ min: 1, max: 8192 }),
  }),
  audit: ['keyId', 'keyVersionId', 'signingAlgorithm', 'messageType'],
  async run({ world, key, input, note, differences }) {
    const version = await namedVersion(world, key, input.keyVersionId, differences)
    note({ keyVersionId: version.versionId })
    const algorithm = algorithmFor<SigningAlgorithm>(key, input.signingAlgorithm, 'signingAlgorithm')
    const signature = await deviceOf(world, key).sign(
      version,
      algorithm,
      signable(input.messageType, input.message),
      input.signerId === undefined ? {} : { signerId: input.signerId },
    )
    return { keyId: key.keyId, keyVersionId: version.versionId, signingAlgorithm: algorithm, signature }
  },
})

export const verify = operation({
  name: 'Verify',
  summary: 'Check a signature with the public key of a version.',
  group: 'cryptography',
  rest: 'POST /v1/keys/{keyId}/verify',
  cli: 'verify',
  key: usable('SIGN_VERIFY'),
  crossAccount: true,
  input: z.strictObject({ ...signed, signature: bytes({ min: 1, max: 8192 }) }),
  output: z.object({
    keyId: z.string(),
    keyVersionId: z.string(),
    signingAlgorithm: z.string(),
    signatureValid: z.boolean(),
  }),
  audit: ['keyId', 'keyVersionId', 'signingAlgorithm', 'messageType'],
  async run({ world, key, input, note, differences }) {
    const version = await namedVersion(world, key, input.keyVersionId, differences)
    note({ keyVersionId: version.versionId })
    const algorithm = algorithmFor<SigningAlgorithm>(key, input.signingAlgorithm, 'signingAlgorithm')
    const signatureValid = await deviceOf(world, key).verify(
      version,
      algorithm,
      signable(input.messageType, input.message),
      input.signature,
      input.signerId === undefined ? {} : { signerId: input.signerId },
    )
    return { keyId: key.keyId, keyVersionId: version.versionId, signingAlgorithm: algorithm, signatureValid }
  },
})

import { z } from 'zod'
import { decodeEnvelope } from '../../domain/envelope.ts'
import { decryptUnder, encryptUnder, keyOfCiphertext, requireSymmetric } from '../material.ts'
import { operation, usable } from '../operation.ts'
import { bytes, encryptionContext, keyRef } from '../shapes.ts'
import { ciphertextBytes } from './encrypt.ts'

export const reEncrypt = operation({
  name: 'ReEncrypt',
  summary: 'Turn a ciphertext into one of another key, or of the newest version, or with another context.',
  group: 'cryptography',
  rest: 'POST /v1/re-encrypt',
  cli: 're-encrypt',
  key: usable('ENCRYPT_DECRYPT', {
    action: 'ReEncryptFrom',
    ref: (input: { readonly ciphertextBlob: Uint8Array; readonly sourceKeyId?: string | undefined }) =>
      keyOfCiphertext({ ciphertextBlob: input.ciphertextBlob, keyId: input.sourceKeyId }),
  }),
  otherKey: usable('ENCRYPT_DECRYPT', {
    action: 'ReEncryptTo',
    ref: (input: { readonly destinationKeyId: string }) => input.destinationKeyId,
  }),
  crossAccount: true,
  input: z.strictObject({
    ciphertextBlob: bytes(ciphertextBytes),
    sourceKeyId: keyRef.optional(),
    sourceEncryptionContext: encryptionContext.optional(),
    destinationKeyId: keyRef,
    destinationEncryptionContext: encryptionContext.optional(),
  }),
  output: z.object({
    ciphertextBlob: bytes(ciphertextBytes),
    sourceKeyId: z.string(),
    sourceKeyVersionId: z.string(),
    keyId: z.string(),
    keyVersionId: z.string(),
  }),
  audit: ['sourceKeyId', 'sourceEncryptionContext', 'destinationKeyId', 'destinationEncryptionContext'],
  async run({ world, key, otherKey, input, note }) {
    requireSymmetric(otherKey)
    const envelope = decodeEnvelope(input.ciphertextBlob)
    const opened = await decryptUnder(world, key, envelope, input.sourceEncryptionContext)
    note({ keyVersionId: opened.keyVersionId, input: { destinationKeyId: otherKey.keyId } })
    try {
      const sealed = await encryptUnder(world, otherKey, opened.plaintext, input.destinationEncryptionContext)
      return { ...sealed, sourceKeyId: key.keyId, sourceKeyVersionId: opened.keyVersionId, keyId: otherKey.keyId }
    } finally {
      opened.plaintext.fill(0)
    }
  },
})

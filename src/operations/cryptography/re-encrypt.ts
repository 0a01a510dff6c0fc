import { z } from 'zod'
import { decodeEnvelope } from '../../domain/envelope.ts'
import { problem } from '../../domain/errors.ts'
import type { Key } from '../../domain/key.ts'
import { keyArn } from '../../domain/key-reference.ts'
import type { Scope } from '../../domain/scope.ts'
import { decryptUnder, encryptUnder, keyOfCiphertext, requireSymmetric } from '../material.ts'
import { type Context, operation, usable } from '../operation.ts'
import { bytes, encryptionContext, keyRef, keyVersionId } from '../shapes.ts'
import { decryptWithPair, encryptionAlgorithm, encryptWithPair } from './asymmetric.ts'
import { ciphertextBytes } from './encrypt.ts'

const input = z.strictObject({
  ciphertextBlob: bytes(ciphertextBytes),
  sourceKeyId: keyRef.optional().describe('Needed where the source is a key pair: its ciphertexts do not tell.'),
  sourceKeyVersionId: keyVersionId.optional().describe('Of a key pair.'),
  sourceEncryptionAlgorithm: encryptionAlgorithm.optional().describe('Says that the source is a key pair.'),
  sourceEncryptionContext: encryptionContext.optional(),
  destinationKeyId: keyRef,
  destinationKeyVersionId: keyVersionId.optional().describe('Of a key pair.'),
  destinationEncryptionAlgorithm: encryptionAlgorithm.optional().describe('Says that the destination is a key pair.'),
  destinationEncryptionContext: encryptionContext.optional(),
})

type Input = z.output<typeof input>

/** Where the source is said to be a key pair, only its name tells which. */
function sourceOf(wish: Input): string {
  if (wish.sourceEncryptionAlgorithm === undefined)
    return keyOfCiphertext({ ciphertextBlob: wish.ciphertextBlob, keyId: wish.sourceKeyId })
  if (wish.sourceKeyId === undefined)
    throw problem('InvalidRequest', { member: 'sourceKeyId', message: 'sourceKeyId is needed for a key pair.' })
  return wish.sourceKeyId
}

export const reEncrypt = operation({
  name: 'ReEncrypt',
  summary: 'Turn a ciphertext into one of another key, or of the newest version, or with another context.',
  group: 'cryptography',
  rest: 'POST /v1/re-encrypt',
  cli: 're-encrypt',
  key: usable('ENCRYPT_DECRYPT', { action: 'ReEncryptFrom', ref: sourceOf }),
  otherKey: usable('ENCRYPT_DECRYPT', {
    action: 'ReEncryptTo',
    ref: (wish: Input) => wish.destinationKeyId,
  }),
  crossAccount: true,
  input,
  output: z.object({
    ciphertextBlob: bytes(ciphertextBytes),
    sourceKeyId: z.string(),
    sourceKeyVersionId: z.string(),
    keyId: z.string(),
    keyVersionId: z.string(),
  }),
  audit: [
    'sourceKeyId',
    'sourceKeyVersionId',
    'sourceEncryptionAlgorithm',
    'sourceEncryptionContext',
    'destinationKeyId',
    'destinationKeyVersionId',
    'destinationEncryptionAlgorithm',
    'destinationEncryptionContext',
  ],
  async run({ key, otherKey, input: wish, ...context }) {
    const opened = await open(context, key, wish)
    try {
      const sealed = await seal(context, otherKey, wish, opened.plaintext)
      // The record is about the source; the destination stands beside it.
      context.note({ keyVersionId: opened.keyVersionId, input: { destinationKeyId: nameOf(otherKey, context.scope) } })
      return { ...sealed, sourceKeyId: key.keyId, sourceKeyVersionId: opened.keyVersionId, keyId: otherKey.keyId }
    } finally {
      opened.plaintext.fill(0)
    }
  },
})

/** Another account's key by its ARN: so that the record tells whose it is. */
function nameOf(key: Key, scope: Scope): string {
  return key.account === scope.account ? key.keyId : keyArn(key)
}

async function open(
  context: Context,
  key: Key,
  wish: Input,
): Promise<{ readonly plaintext: Uint8Array; readonly keyVersionId: string }> {
  if (wish.sourceEncryptionAlgorithm !== undefined)
    return decryptWithPair(context, key, {
      keyVersionId: wish.sourceKeyVersionId,
      encryptionAlgorithm: wish.sourceEncryptionAlgorithm,
      ciphertextBlob: wish.ciphertextBlob,
    })
  requireSymmetric(key)
  return decryptUnder(context, key, decodeEnvelope(wish.ciphertextBlob), wish.sourceEncryptionContext)
}

async function seal(
  context: Context,
  key: Key,
  wish: Input,
  plaintext: Uint8Array,
): Promise<{ readonly ciphertextBlob: Uint8Array; readonly keyVersionId: string }> {
  if (wish.destinationEncryptionAlgorithm !== undefined)
    return encryptWithPair(context, key, {
      keyVersionId: wish.destinationKeyVersionId,
      encryptionAlgorithm: wish.destinationEncryptionAlgorithm,
      plaintext,
    })
  requireSymmetric(key)
  return encryptUnder(context, key, plaintext, wish.destinationEncryptionContext)
}

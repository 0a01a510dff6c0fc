/** Many at once: each item is a call of its own, with its own checks, its own audit record, and its own error. */
import { z } from 'zod'
import { Problem } from '../../domain/errors.ts'
import { type AnyOperation, type Context, operation } from '../operation.ts'
import { bytes, encryptionContext, keyRef } from '../shapes.ts'
import { decrypt } from './decrypt.ts'
import { ciphertextBytes, encrypt, plaintextBytes } from './encrypt.ts'

const itemError = z.object({ code: z.string(), detail: z.string(), mend: z.string().optional() })
const most = 100

async function each<Item>(
  context: Context,
  single: AnyOperation,
  items: readonly Item[],
  toInput: (item: Item) => unknown,
): Promise<unknown[]> {
  return Promise.all(
    items.map(async (item) => {
      try {
        return await context.call(single, toInput(item))
      } catch (error) {
        // What concerns the service, and not this item, fails the batch.
        if (!(error instanceof Problem) || error.code === 'AuditUnavailable' || error.code === 'Internal') throw error
        return { error: { code: error.code, detail: error.message, mend: error.mend } }
      }
    }),
  )
}

export const batchEncrypt = operation({
  name: 'BatchEncrypt',
  summary: 'Encrypt up to 100 pieces of data under a key; an item that fails does not fail the others.',
  group: 'cryptography',
  rest: 'POST /v1/keys/{keyId}/batch-encrypt',
  cli: 'batch encrypt',
  key: undefined,
  rightsByItem: true,
  input: z.strictObject({
    keyId: keyRef,
    items: z
      .array(z.strictObject({ plaintext: bytes(plaintextBytes), encryptionContext: encryptionContext.optional() }))
      .min(1)
      .max(most),
  }),
  output: z.object({
    items: z.array(
      z.object({
        keyId: z.string().optional(),
        keyVersionId: z.string().optional(),
        ciphertextBlob: bytes(ciphertextBytes).optional(),
        error: itemError.optional(),
      }),
    ),
  }),
  audit: ['keyId'],
  async run({ input, ...context }) {
    const items = await each(context, encrypt, input.items, (item) => ({ keyId: input.keyId, ...item }))
    return { items: items as never }
  },
})

export const batchDecrypt = operation({
  name: 'BatchDecrypt',
  summary: 'Decrypt up to 100 ciphertexts, of whatever keys; an item that fails does not fail the others.',
  group: 'cryptography',
  rest: 'POST /v1/batch-decrypt',
  cli: 'batch decrypt',
  key: undefined,
  rightsByItem: true,
  input: z.strictObject({
    items: z
      .array(
        z.strictObject({
          ciphertextBlob: bytes(ciphertextBytes),
          encryptionContext: encryptionContext.optional(),
          keyId: keyRef.optional(),
        }),
      )
      .min(1)
      .max(most),
  }),
  output: z.object({
    items: z.array(
      z.object({
        keyId: z.string().optional(),
        keyVersionId: z.string().optional(),
        plaintext: bytes(plaintextBytes).optional(),
        error: itemError.optional(),
      }),
    ),
  }),
  audit: [],
  async run({ input, ...context }) {
    const items = await each(context, decrypt, input.items, (item) => item)
    return { items: items as never }
  },
})

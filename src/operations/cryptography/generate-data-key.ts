import { z } from 'zod'
import { encryptUnder, requireSymmetric } from '../material.ts'
import { operation, usable } from '../operation.ts'
import { bytes, encryptionContext, keyRef } from '../shapes.ts'
import { ciphertextBytes } from './encrypt.ts'

const lengths = { AES_256: 32, AES_128: 16, SM4: 16 } as const
const dataKeyBytes = { min: 1, max: 1024 }

/** What is asked of a data key, by all operations that make one. */
export const dataKeyWish = {
  keyId: keyRef,
  dataKeySpec: z
    .enum(['AES_256', 'AES_128', 'SM4'])
    .optional()
    .describe('AES_256 without it and without numberOfBytes.'),
  numberOfBytes: z
    .number()
    .int()
    .min(dataKeyBytes.min)
    .max(dataKeyBytes.max)
    .optional()
    .describe('Goes before dataKeySpec.'),
  encryptionContext: encryptionContext.optional(),
}

const input = z.strictObject(dataKeyWish)

export function dataKeyLength(wish: Pick<z.output<typeof input>, 'numberOfBytes' | 'dataKeySpec'>): number {
  return wish.numberOfBytes ?? lengths[wish.dataKeySpec ?? 'AES_256']
}

export const generateDataKey = operation({
  name: 'GenerateDataKey',
  summary: 'A fresh data key, in plaintext and encrypted under a key.',
  group: 'cryptography',
  rest: 'POST /v1/keys/{keyId}/generate-data-key',
  cli: 'datakey create',
  key: usable('ENCRYPT_DECRYPT'),
  crossAccount: true,
  input,
  output: z.object({
    keyId: z.string(),
    keyVersionId: z.string(),
    plaintext: bytes(dataKeyBytes),
    ciphertextBlob: bytes(ciphertextBytes),
  }),
  audit: ['keyId', 'dataKeySpec', 'numberOfBytes', 'encryptionContext'],
  async run({ world, onBehalf, key, input: wish, note }) {
    requireSymmetric(key)
    const plaintext = world.random.bytes(dataKeyLength(wish))
    const sealed = await encryptUnder({ world, onBehalf }, key, plaintext, wish.encryptionContext)
    note(sealed)
    return { keyId: key.keyId, plaintext, ...sealed }
  },
})

export const generateDataKeyWithoutPlaintext = operation({
  name: 'GenerateDataKeyWithoutPlaintext',
  summary: 'A fresh data key, encrypted under a key, for whoever may decrypt it later.',
  group: 'cryptography',
  rest: 'POST /v1/keys/{keyId}/generate-data-key-without-plaintext',
  cli: 'datakey create-sealed',
  key: usable('ENCRYPT_DECRYPT'),
  crossAccount: true,
  input,
  output: z.object({ keyId: z.string(), keyVersionId: z.string(), ciphertextBlob: bytes(ciphertextBytes) }),
  audit: ['keyId', 'dataKeySpec', 'numberOfBytes', 'encryptionContext'],
  async run({ world, onBehalf, key, input: wish, note }) {
    requireSymmetric(key)
    const plaintext = world.random.bytes(dataKeyLength(wish))
    try {
      const sealed = await encryptUnder({ world, onBehalf }, key, plaintext, wish.encryptionContext)
      note(sealed)
      return { keyId: key.keyId, ...sealed }
    } finally {
      plaintext.fill(0)
    }
  },
})

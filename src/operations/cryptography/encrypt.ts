import { z } from 'zod'
import { encryptUnder, requireSymmetric } from '../material.ts'
import { operation, usable } from '../operation.ts'
import { bytes, encryptionContext, keyRef } from '../shapes.ts'

/** What Encrypt takes; more goes through a data key (`keyward file encrypt`). */
export const plaintextBytes = { min: 1, max: 6144 }
/** Header, nonce and tag stand around the plaintext; the rest is room for formats to come. */
export const ciphertextBytes = { min: 1, max: 8192 }

export const encrypt = operation({
  name: 'Encrypt',
  summary: 'Encrypt a small piece of data, up to 6,144 bytes, under a symmetric key.',
  group: 'cryptography',
  rest: 'POST /v1/keys/{keyId}/encrypt',
  cli: 'encrypt',
  key: usable('ENCRYPT_DECRYPT'),
  crossAccount: true,
  input: z.strictObject({
    keyId: keyRef,
    plaintext: bytes(plaintextBytes),
    encryptionContext: encryptionContext.optional(),
  }),
  output: z.object({ keyId: z.string(), keyVersionId: z.string(), ciphertextBlob: bytes(ciphertextBytes) }),
  audit: ['keyId', 'encryptionContext'],
  async run({ world, onBehalf, key, input, note }) {
    requireSymmetric(key)
    const sealed = await encryptUnder({ world, onBehalf }, key, input.plaintext, input.encryptionContext)
    note(sealed)
    return { keyId: key.keyId, ...sealed }
  },
})

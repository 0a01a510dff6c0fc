import { z } from 'zod'
import { decodeEnvelope } from '../../domain/envelope.ts'
import { decryptUnder, keyOfCiphertext } from '../material.ts'
import { operation, usable } from '../operation.ts'
import { bytes, encryptionContext, keyRef } from '../shapes.ts'
import { ciphertextBytes, plaintextBytes } from './encrypt.ts'

export const decrypt = operation({
  name: 'Decrypt',
  summary: 'Decrypt what Encrypt or GenerateDataKey made. The ciphertext says which key and version.',
  group: 'cryptography',
  rest: 'POST /v1/decrypt',
  cli: 'decrypt',
  key: usable('ENCRYPT_DECRYPT', { ref: keyOfCiphertext }),
  crossAccount: true,
  input: z.strictObject({
    ciphertextBlob: bytes(ciphertextBytes),
    encryptionContext: encryptionContext.optional(),
    keyId: keyRef.optional().describe('If given, only a ciphertext of this key is decrypted.'),
  }),
  output: z.object({ keyId: z.string(), keyVersionId: z.string(), plaintext: bytes(plaintextBytes) }),
  audit: ['keyId', 'encryptionContext'],
  async run({ world, onBehalf, key, input, note }) {
    const opened = await decryptUnder(
      { world, onBehalf },
      key,
      decodeEnvelope(input.ciphertextBlob),
      input.encryptionContext,
    )
    note(opened)
    return { keyId: key.keyId, ...opened }
  },
})

/** Data keys handed over to somebody else: opened here, and encrypted at once under the public key of whoever is to use them. */
import { z } from 'zod'
import { decodeEnvelope } from '../../domain/envelope.ts'
import { problem } from '../../domain/errors.ts'
import { keyArn } from '../../domain/key-reference.ts'
import type { World } from '../../domain/ports.ts'
import { decryptUnder, encryptUnder, keyOfCiphertext, requireSymmetric } from '../material.ts'
import { operation, usable } from '../operation.ts'
import { bytes, encryptionContext } from '../shapes.ts'
import { ciphertextBytes } from './encrypt.ts'
import { dataKeyLength, dataKeyWish } from './generate-data-key.ts'

const recipient = {
  publicKey: bytes({ min: 1, max: 2048 }).describe('Of the recipient: SubjectPublicKeyInfo, DER (RFC 5280).'),
  wrappingKeySpec: z.enum(['RSA_2048', 'RSA_3072', 'RSA_4096', 'SM2']),
  wrappingAlgorithm: z.enum(['RSAES_OAEP_SHA_256', 'RSAES_OAEP_SHA_1', 'SM2PKE']),
}
type Recipient = z.output<z.ZodObject<typeof recipient>>

/** As long as the modulus of RSA_4096; SM2 adds some 110 bytes to the data key. */
const exportedDataKey = bytes({ min: 1, max: 8192 })

/** No key of the service takes part, so the protection level of the data key's own key does not matter. */
async function wrapFor(
  world: World,
  { wrappingKeySpec, wrappingAlgorithm, publicKey }: Recipient,
  dataKey: Uint8Array,
): Promise<Uint8Array> {
  if ((wrappingAlgorithm === 'SM2PKE') !== (wrappingKeySpec === 'SM2'))
    throw problem('InvalidRequest', {
      member: 'wrappingAlgorithm',
      message: `${wrappingAlgorithm} does not go with a public key of spec ${wrappingKeySpec}.`,
      mend: 'SM2PKE goes with SM2, all others with RSA.',
    })
  const wrap = world.devices.get('SOFTWARE')?.encryptFor
  if (wrap === undefined)
    throw problem('UnsupportedOperation', { message: 'No device here encrypts under public keys of others.' })
  return wrap(wrappingKeySpec, publicKey, wrappingAlgorithm, dataKey)
}

export const exportDataKey = operation({
  name: 'ExportDataKey',
  summary: 'Encrypt a data key anew, under the public key of a recipient. Whoever may do this may decrypt.',
  group: 'cryptography',
  rest: 'POST /v1/export-data-key',
  cli: 'datakey export',
  // The recipient's key can be the caller's own: this tells as much as Decrypt, and asks for the same right.
  stepUp: true,
  key: usable('ENCRYPT_DECRYPT', { action: 'Decrypt', ref: keyOfCiphertext }),
  input: z.strictObject({
    ciphertextBlob: bytes(ciphertextBytes),
    encryptionContext: encryptionContext.optional(),
    ...recipient,
  }),
  output: z.object({ keyId: z.string(), keyVersionId: z.string(), exportedDataKey }),
  audit: ['encryptionContext', 'wrappingKeySpec', 'wrappingAlgorithm'],
  async run({ world, onBehalf, key, input, note, permit }) {
    await permit('ExportDataKey', keyArn(key))
    const opened = await decryptUnder(
      { world, onBehalf },
      key,
      decodeEnvelope(input.ciphertextBlob),
      input.encryptionContext,
    )
    note({ keyVersionId: opened.keyVersionId })
    try {
      const exported = await wrapFor(world, input, opened.plaintext)
      return { keyId: key.keyId, keyVersionId: opened.keyVersionId, exportedDataKey: exported }
    } finally {
      opened.plaintext.fill(0)
    }
  },
})

export const generateAndExportDataKey = operation({
  name: 'GenerateAndExportDataKey',
  summary:
    'A fresh data key, encrypted under a key and under the public key of a recipient; its plaintext is not told.',
  group: 'cryptography',
  rest: 'POST /v1/keys/{keyId}/generate-and-export-data-key',
  cli: 'datakey create-exported',
  stepUp: true,
  key: usable('ENCRYPT_DECRYPT', { action: 'GenerateDataKey' }),
  input: z.strictObject({ ...dataKeyWish, ...recipient }),
  output: z.object({
    keyId: z.string(),
    keyVersionId: z.string(),
    ciphertextBlob: bytes(ciphertextBytes),
    exportedDataKey,
  }),
  audit: ['keyId', 'dataKeySpec', 'numberOfBytes', 'encryptionContext', 'wrappingKeySpec', 'wrappingAlgorithm'],
  async run({ world, onBehalf, key, input, note, permit }) {
    await permit('GenerateAndExportDataKey', keyArn(key))
    requireSymmetric(key)
    const dataKey = world.random.bytes(dataKeyLength(input))
    try {
      const exported = await wrapFor(world, input, dataKey)
      const { ciphertextBlob, keyVersionId } = await encryptUnder(
        { world, onBehalf },
        key,
        dataKey,
        input.encryptionContext,
      )
      note({ keyVersionId })
      return { keyId: key.keyId, keyVersionId, ciphertextBlob, exportedDataKey: exported }
    } finally {
      dataKey.fill(0)
    }
  },
})

import { z } from 'zod'
import { problem } from '../../domain/errors.ts'
import type { MaterialBinding, WrappingKey } from '../../domain/key.ts'
import { pem } from '../cryptography/get-public-key.ts'
import { deviceOf } from '../material.ts'
import { operation } from '../operation.ts'
import { bytes, instant, keyRef } from '../shapes.ts'
import { external } from './external.ts'
import { hashOf, importTokenMs, sealImportToken } from './import-token.ts'

export const wrappingKeySpec = z.enum(['RSA_2048', 'RSA_3072', 'RSA_4096', 'SM2'])
export const wrappingAlgorithm = z.enum([
  'RSAES_OAEP_SHA_256',
  'RSAES_OAEP_SHA_1',
  'RSA_AES_KEY_WRAP_SHA_256',
  'RSA_AES_KEY_WRAP_SHA_1',
  'RSAES_PKCS1_V1_5',
  'SM2PKE',
])

export const getParametersForImport = operation({
  name: 'GetParametersForImport',
  summary:
    'A public key to wrap key material with, and the token to import it. Both are new each time, and valid for 24 hours.',
  group: 'material',
  rest: 'POST /v1/keys/{keyId}/import-parameters',
  cli: 'import params',
  key: external(),
  input: z.strictObject({
    keyId: keyRef,
    wrappingKeySpec: wrappingKeySpec.default('RSA_3072'),
    wrappingAlgorithm: wrappingAlgorithm.optional().describe('RSAES_OAEP_SHA_256 without it; SM2PKE for SM2.'),
  }),
  output: z.object({
    keyId: z.string(),
    wrappingKeySpec,
    wrappingAlgorithm,
    publicKey: bytes({ min: 1, max: 2048 }),
    pem: z.string(),
    importToken: bytes({ min: 1, max: 6144 }),
    expiresAt: instant(),
  }),
  audit: ['keyId', 'wrappingKeySpec', 'wrappingAlgorithm'],
  async run({ world, key, now, input, commit, differences }) {
    const algorithm = input.wrappingAlgorithm ?? (input.wrappingKeySpec === 'SM2' ? 'SM2PKE' : 'RSAES_OAEP_SHA_256')
    if ((algorithm === 'SM2PKE') !== (input.wrappingKeySpec === 'SM2'))
      throw problem('InvalidRequest', {
        member: 'wrappingAlgorithm',
        message: `${algorithm} does not go with a wrapping key of spec ${input.wrappingKeySpec}.`,
        mend: 'SM2PKE goes with SM2, all others with RSA.',
      })
    if (algorithm === 'RSAES_PKCS1_V1_5' && !differences.importsUnderPkcs1)
      throw problem('InvalidRequest', {
        member: 'wrappingAlgorithm',
        message: 'RSAES_PKCS1_V1_5 is not offered: it invites padding oracles.',
        mend: 'Use RSAES_OAEP_SHA_256.',
      })
    const device = deviceOf(world, key)
    if (!device.unwraps(key.spec, input.wrappingKeySpec, algorithm)) {
      const possible = wrappingAlgorithm.options.filter(
        (each) =>
          device.unwraps(key.spec, input.wrappingKeySpec, each) &&
          (each !== 'RSAES_PKCS1_V1_5' || differences.importsUnderPkcs1),
      )
      throw problem('UnsupportedOperation', {
        member: 'wrappingAlgorithm',
        message: `The ${key.protection} device does not import ${key.spec} keys wrapped with ${algorithm} under ${input.wrappingKeySpec}.`,
        mend:
          possible.length > 0
            ? `Use one of: ${possible.join(', ')}.`
            : 'Use another wrappingKeySpec, or import into a key of protection level SOFTWARE.',
      })
    }
    const wrappingKeyId = world.random.uuid()
    const binding: MaterialBinding = {
      account: key.account,
      region: key.region,
      keyId: key.keyId,
      versionId: wrappingKeyId,
      spec: key.spec,
    }
    const { sealed, publicKey } = await device.generateWrappingKey(input.wrappingKeySpec, binding)
    const expiresAt = now + importTokenMs
    const record: WrappingKey = {
      ...binding,
      revision: 1,
      wrappingKeyId,
      wrappingKeySpec: input.wrappingKeySpec,
      sealed,
      createdAt: now,
      expiresAt,
    }
    await commit([{ put: 'wrappingKey', record }])
    return {
      keyId: key.keyId,
      wrappingKeySpec: input.wrappingKeySpec,
      wrappingAlgorithm: algorithm,
      publicKey,
      pem: pem('PUBLIC KEY', Buffer.from(publicKey).toString('base64')),
      importToken: sealImportToken(world.sealer, {
        account: key.account,
        region: key.region,
        keyId: key.keyId,
        wrappingKeyId,
        wrappingAlgorithm: algorithm,
        publicKeyHash: hashOf(publicKey),
        expiresAt,
      }),
      expiresAt,
    }
  },
})

import { z } from 'zod'
import type { Key } from '../../domain/key.ts'
import { type KeySpec, keySpecs, specs } from '../../domain/specs.ts'
import { encryptUnder, requireSymmetric } from '../material.ts'
import { type Context, operation, usable } from '../operation.ts'
import { bytes, encryptionContext, keyRef } from '../shapes.ts'

const pairSpecs = keySpecs.filter((spec) => specs[spec].family === 'asymmetric') as [KeySpec, ...KeySpec[]]

const input = z.strictObject({
  keyId: keyRef,
  keyPairSpec: z.enum(pairSpecs),
  encryptionContext: encryptionContext.optional(),
})
const sealedPair = {
  keyId: z.string(),
  keyVersionId: z.string(),
  keyPairSpec: z.enum(pairSpecs),
  publicKey: bytes({ min: 1, max: 8192 }),
  privateKeyCiphertextBlob: bytes({ min: 1, max: 8192 }),
}

async function makePair(
  { world, onBehalf }: Pick<Context, 'world' | 'onBehalf'>,
  key: Key,
  wish: z.output<typeof input>,
) {
  requireSymmetric(key)
  // The pair is the caller's own: the software device makes it, whatever protects the key that encrypts it.
  const device = world.devices.get('SOFTWARE') ?? world.devices.get('HSM')
  if (device === undefined) throw new Error('there is always a device')
  const pair = await device.generateKeyPair(wish.keyPairSpec)
  const sealed = await encryptUnder({ world, onBehalf }, key, pair.privateKey, wish.encryptionContext)
  return {
    privateKey: pair.privateKey,
    rest: {
      keyId: key.keyId,
      keyVersionId: sealed.keyVersionId,
      keyPairSpec: wish.keyPairSpec,
      publicKey: pair.publicKey,
      privateKeyCiphertextBlob: sealed.ciphertextBlob,
    },
  }
}

export const generateDataKeyPair = operation({
  name: 'GenerateDataKeyPair',
  summary: 'A fresh key pair: PKCS#8 and public key, the private key also encrypted under a key.',
  group: 'cryptography',
  rest: 'POST /v1/keys/{keyId}/generate-data-key-pair',
  cli: 'datakey pair',
  key: usable('ENCRYPT_DECRYPT'),
  crossAccount: true,
  input,
  output: z.object({ ...sealedPair, privateKeyPlaintext: bytes({ min: 1, max: 8192 }) }),
  audit: ['keyId', 'keyPairSpec', 'encryptionContext'],
  async run({ world, onBehalf, key, input: wish, note }) {
    const { privateKey, rest } = await makePair({ world, onBehalf }, key, wish)
    note({ keyVersionId: rest.keyVersionId })
    return { ...rest, privateKeyPlaintext: privateKey }
  },
})

export const generateDataKeyPairWithoutPlaintext = operation({
  name: 'GenerateDataKeyPairWithoutPlaintext',
  summary: 'A fresh key pair, the private key only encrypted under a key.',
  group: 'cryptography',
  rest: 'POST /v1/keys/{keyId}/generate-data-key-pair-without-plaintext',
  cli: 'datakey pair-sealed',
  key: usable('ENCRYPT_DECRYPT'),
  crossAccount: true,
  input,
  output: z.object(sealedPair),
  audit: ['keyId', 'keyPairSpec', 'encryptionContext'],
  async run({ world, onBehalf, key, input: wish, note }) {
    const { privateKey, rest } = await makePair({ world, onBehalf }, key, wish)
    privateKey.fill(0)
    note({ keyVersionId: rest.keyVersionId })
    return rest
  },
})

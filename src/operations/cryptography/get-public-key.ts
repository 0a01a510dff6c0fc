import { z } from 'zod'
import { problem } from '../../domain/errors.ts'
import { algorithmsOf, keyUsages } from '../../domain/specs.ts'
import { namedVersion } from '../material.ts'
import { operation, usable } from '../operation.ts'
import { bytes, keyRef, keySpec, keyUsage, keyVersionId } from '../shapes.ts'

export const getPublicKey = operation({
  name: 'GetPublicKey',
  summary: 'The public key of a version, DER and PEM (SubjectPublicKeyInfo, RFC 5280).',
  group: 'cryptography',
  rest: 'GET /v1/keys/{keyId}/public-key',
  cli: 'key public',
  key: usable(keyUsages),
  crossAccount: true,
  input: z.strictObject({ keyId: keyRef, keyVersionId: keyVersionId.optional() }),
  output: z.object({
    keyId: z.string(),
    keyVersionId: z.string(),
    keySpec,
    keyUsage,
    algorithms: z.array(z.string()),
    publicKey: bytes({ min: 1, max: 8192 }),
    pem: z.string(),
  }),
  audit: ['keyId', 'keyVersionId'],
  async run({ world, key, input, note, differences }) {
    const version = await namedVersion(world, key, input.keyVersionId, differences)
    if (version.publicKey === undefined)
      throw problem('KeySpecMismatch', {
        message: `A key of spec ${key.spec} has no public key.`,
        facts: { keyId: key.keyId, spec: key.spec },
      })
    note({ keyVersionId: version.versionId })
    return {
      keyId: key.keyId,
      keyVersionId: version.versionId,
      keySpec: key.spec,
      keyUsage: key.usage,
      algorithms: [...algorithmsOf(key.spec, key.usage)],
      publicKey: Buffer.from(version.publicKey, 'base64'),
      pem: pem('PUBLIC KEY', version.publicKey),
    }
  },
})

/** RFC 7468. */
export function pem(label: string, base64: string): string {
  return `-----BEGIN ${label}-----\n${base64.replace(/.{64}(?=.)/g, '$&\n')}\n-----END ${label}-----\n`
}

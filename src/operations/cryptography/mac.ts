import { z } from 'zod'
import type { MacAlgorithm } from '../../domain/specs.ts'
import { currentVersion, deviceOf } from '../material.ts'
import { operation, usable } from '../operation.ts'
import { algorithmNames, bytes, keyRef } from '../shapes.ts'
import { algorithmFor } from './asymmetric.ts'

const macAlgorithm = z.enum(algorithmNames('GENERATE_VERIFY_MAC')).optional()
const message = bytes({ min: 1, max: 4096 })

export const generateMac = operation({
  name: 'GenerateMac',
  summary: 'A message authentication code (HMAC) over a message.',
  group: 'cryptography',
  rest: 'POST /v1/keys/{keyId}/generate-mac',
  cli: 'mac create',
  key: usable('GENERATE_VERIFY_MAC'),
  crossAccount: true,
  input: z.strictObject({ keyId: keyRef, macAlgorithm, message }),
  output: z.object({
    keyId: z.string(),
    keyVersionId: z.string(),
    macAlgorithm: z.string(),
    mac: bytes({ min: 1, max: 64 }),
  }),
  audit: ['keyId', 'macAlgorithm'],
  async run({ world, key, input, note }) {
    const version = await currentVersion(world, key)
    note({ keyVersionId: version.versionId })
    const algorithm = algorithmFor<MacAlgorithm>(key, input.macAlgorithm, 'macAlgorithm')
    const mac = await deviceOf(world, key).mac(version, algorithm, input.message)
    return { keyId: key.keyId, keyVersionId: version.versionId, macAlgorithm: algorithm, mac }
  },
})

export const verifyMac = operation({
  name: 'VerifyMac',
  summary: 'Check a message authentication code.',
  group: 'cryptography',
  rest: 'POST /v1/keys/{keyId}/verify-mac',
  cli: 'mac verify',
  key: usable('GENERATE_VERIFY_MAC'),
  crossAccount: true,
  input: z.strictObject({ keyId: keyRef, macAlgorithm, message, mac: bytes({ min: 1, max: 6144 }) }),
  output: z.object({ keyId: z.string(), keyVersionId: z.string(), macAlgorithm: z.string(), macValid: z.boolean() }),
  audit: ['keyId', 'macAlgorithm'],
  async run({ world, key, input, note }) {
    const version = await currentVersion(world, key)
    note({ keyVersionId: version.versionId })
    const algorithm = algorithmFor<MacAlgorithm>(key, input.macAlgorithm, 'macAlgorithm')
    const macValid = await deviceOf(world, key).verifyMac(version, algorithm, input.message, input.mac)
    return { keyId: key.keyId, keyVersionId: version.versionId, macAlgorithm: algorithm, macValid }
  },
})

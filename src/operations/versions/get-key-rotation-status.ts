import { z } from 'zod'
import { operation, present } from '../operation.ts'
import { instant, keyRef } from '../shapes.ts'

export const getKeyRotationStatus = operation({
  name: 'GetKeyRotationStatus',
  summary: 'Is a key rotated automatically, how often, and when next?',
  group: 'versions',
  rest: 'GET /v1/keys/{keyId}/rotation-policy',
  cli: 'key rotation-status',
  key: { ...present(), rotates: 'ifPossible' },
  crossAccount: true,
  input: z.strictObject({ keyId: keyRef }),
  output: z.object({
    keyId: z.string(),
    enabled: z.boolean(),
    periodDays: z.number().int().optional(),
    nextRotationAt: instant().optional(),
  }),
  audit: ['keyId'],
  async run({ key }) {
    const { enabled = false, periodDays, nextAt } = key.rotation ?? {}
    return { keyId: key.keyId, enabled, periodDays, nextRotationAt: enabled ? nextAt : undefined }
  },
})

import { z } from 'zod'
import { operation, present } from '../operation.ts'
import { instant, keyRef } from '../shapes.ts'

export const getKeyLastUsage = operation({
  name: 'GetKeyLastUsage',
  summary: 'When a key was last used for cryptography, for what, and by whom.',
  group: 'usage',
  rest: 'GET /v1/keys/{keyId}/last-usage',
  cli: 'key last-usage',
  key: present(),
  input: z.strictObject({ keyId: keyRef }),
  output: z.object({
    keyId: z.string(),
    createdAt: instant(),
    trackedSince: instant().describe('The audit log, which this is read from, knows the key from its first day on.'),
    lastUse: z
      .object({ at: instant(), operation: z.string(), principal: z.string(), requestId: z.string() })
      .optional(),
  }),
  audit: ['keyId'],
  async run({ world, key }) {
    return {
      keyId: key.keyId,
      createdAt: key.createdAt,
      trackedSince: key.createdAt,
      lastUse: await world.usage.lastUse(key),
    }
  },
})

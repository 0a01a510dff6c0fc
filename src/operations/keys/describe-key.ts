import { z } from 'zod'
import { operation, present } from '../operation.ts'
import { keyRef } from '../shapes.ts'
import { describeKey as describe, keyMetadata } from './metadata.ts'

export const describeKey = operation({
  name: 'DescribeKey',
  summary: 'Show what a key is and in which state.',
  group: 'keys',
  rest: 'GET /v1/keys/{keyId}',
  cli: 'key describe',
  key: { ...present(), rotates: 'ifPossible' },
  crossAccount: true,
  input: z.strictObject({ keyId: keyRef }),
  output: z.object({ key: keyMetadata }),
  audit: ['keyId'],
  async run({ key, now }) {
    return { key: describe(key, now) }
  },
})

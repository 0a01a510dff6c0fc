import { z } from 'zod'
import { operation, present } from '../operation.ts'
import { keyRef, tags } from '../shapes.ts'

export const listResourceTags = operation({
  name: 'ListResourceTags',
  summary: 'List the tags of a key.',
  group: 'keys',
  rest: 'GET /v1/keys/{keyId}/tags',
  cli: 'key tags',
  key: present(),
  input: z.strictObject({ keyId: keyRef }),
  output: z.object({ keyId: z.string(), tags }),
  audit: ['keyId'],
  async run({ key }) {
    return { keyId: key.keyId, tags: { ...key.tags } }
  },
})

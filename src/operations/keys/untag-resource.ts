import { z } from 'zod'
import { inState, operation } from '../operation.ts'
import { keyRef, tagKey } from '../shapes.ts'
import { changed } from './changed.ts'

export const untagResource = operation({
  name: 'UntagResource',
  summary: 'Remove tags from a key.',
  group: 'keys',
  rest: 'POST /v1/keys/{keyId}/untag',
  cli: 'key untag',
  key: inState('Enabled', 'Disabled', 'PendingImport'),
  input: z.strictObject({ keyId: keyRef, tagKeys: z.array(tagKey).min(1).max(50) }),
  output: z.object({}),
  audit: ['keyId', 'tagKeys'],
  async run({ key, input, commit }) {
    const left = Object.fromEntries(Object.entries(key.tags).filter(([name]) => !input.tagKeys.includes(name)))
    await commit([changed(key, { tags: left })])
    return {}
  },
})

import { z } from 'zod'
import { problem } from '../../domain/errors.ts'
import { inState, operation } from '../operation.ts'
import { keyRef, tags } from '../shapes.ts'
import { changed } from './changed.ts'

const mostTags = 50

export const tagResource = operation({
  name: 'TagResource',
  summary: 'Set tags of a key; others stay.',
  group: 'keys',
  rest: 'PUT /v1/keys/{keyId}/tags',
  cli: 'key tag',
  key: inState('Enabled', 'Disabled', 'PendingImport'),
  input: z.strictObject({ keyId: keyRef, tags }),
  output: z.object({}),
  audit: ['keyId', 'tags'],
  async run({ key, input, commit }) {
    const all = { ...key.tags, ...input.tags }
    if (Object.keys(all).length > mostTags)
      throw problem('LimitExceeded', { message: `A key has at most ${mostTags} tags.`, mend: 'Remove some first.' })
    await commit([changed(key, { tags: all })])
    return {}
  },
})

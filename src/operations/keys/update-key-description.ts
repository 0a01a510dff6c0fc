import { z } from 'zod'
import { inState, operation } from '../operation.ts'
import { description, keyRef } from '../shapes.ts'
import { changed } from './changed.ts'

export const updateKeyDescription = operation({
  name: 'UpdateKeyDescription',
  summary: 'Change the description of a key.',
  group: 'keys',
  rest: 'PATCH /v1/keys/{keyId}',
  cli: 'key update',
  key: inState('Enabled', 'Disabled', 'PendingImport'),
  input: z.strictObject({ keyId: keyRef, description }),
  output: z.object({}),
  audit: ['keyId'],
  async run({ key, input, commit }) {
    await commit([changed(key, { description: input.description })])
    return {}
  },
})

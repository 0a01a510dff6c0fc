import { z } from 'zod'
import { inState, operation } from '../operation.ts'
import { keyRef } from '../shapes.ts'
import { changed, requireOwn } from './changed.ts'

export const enableKey = operation({
  name: 'EnableKey',
  summary: 'Make a disabled key usable again.',
  group: 'keys',
  rest: 'POST /v1/keys/{keyId}/enable',
  cli: 'key enable',
  key: inState('Enabled', 'Disabled'),
  input: z.strictObject({ keyId: keyRef }),
  output: z.object({}),
  audit: ['keyId'],
  async run({ key, commit }) {
    requireOwn(key)
    if (key.state.is !== 'Enabled') await commit([changed(key, { state: { is: 'Enabled' } })])
    return {}
  },
})

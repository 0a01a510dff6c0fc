import { z } from 'zod'
import { inState, operation } from '../operation.ts'
import { keyRef } from '../shapes.ts'
import { changed, requireOwn } from './changed.ts'

export const disableKey = operation({
  name: 'DisableKey',
  summary: 'Take a key out of use at once. It can be enabled again.',
  group: 'keys',
  rest: 'POST /v1/keys/{keyId}/disable',
  cli: 'key disable',
  key: inState('Enabled', 'Disabled'),
  input: z.strictObject({ keyId: keyRef }),
  output: z.object({}),
  audit: ['keyId'],
  async run({ key, commit }) {
    requireOwn(key)
    if (key.state.is !== 'Disabled') await commit([changed(key, { state: { is: 'Disabled' } })])
    return {}
  },
})

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
    // Where it is disabled already, whoever did that may still wait for the other nodes: this answer waits as well.
    await commit(key.state.is === 'Disabled' ? [] : [changed(key, { state: { is: 'Disabled' } })])
    return {}
  },
})

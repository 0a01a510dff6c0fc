import { z } from 'zod'
import { inState, operation } from '../operation.ts'
import { keyRef } from '../shapes.ts'
import { changed, requireOwn } from './changed.ts'

export const setDeletionProtection = operation({
  name: 'SetDeletionProtection',
  summary: 'Refuse, or allow again, that the deletion of a key is scheduled.',
  group: 'keys',
  rest: 'PUT /v1/keys/{keyId}/deletion-protection',
  cli: 'key protect',
  key: inState('Enabled', 'Disabled', 'PendingImport'),
  input: z.strictObject({
    keyId: keyRef,
    enabled: z.boolean(),
    reason: z.string().max(1024).default('').describe('Shown to whoever tries to delete the key.'),
  }),
  output: z.object({}),
  audit: ['keyId', 'enabled', 'reason'],
  async run({ key, input, commit }) {
    requireOwn(key)
    await commit([changed(key, { deletionProtection: input.enabled ? { reason: input.reason } : undefined })])
    return {}
  },
})

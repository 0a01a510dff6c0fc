import { z } from 'zod'
import { problem } from '../../domain/errors.ts'
import type { KeyState } from '../../domain/key.ts'
import { keyArn } from '../../domain/key-reference.ts'
import { isToBeDeleted } from '../../domain/lifecycle.ts'
import { operation, present } from '../operation.ts'
import { keyRef } from '../shapes.ts'
import { changed, nextKey } from './changed.ts'
import { otherCopies, primaryFollows } from './copies.ts'

export const cancelKeyDeletion = operation({
  name: 'CancelKeyDeletion',
  summary: 'Call off a scheduled deletion: the key can be used again.',
  group: 'keys',
  rest: 'POST /v1/keys/{keyId}/cancel-deletion',
  cli: 'key cancel-deletion',
  key: present(),
  input: z.strictObject({ keyId: keyRef }),
  output: z.object({ keyId: z.string(), keyArn: z.string() }),
  audit: ['keyId'],
  async run({ world, key, now, commit, note, differences }) {
    const { state: before } = key
    if (!isToBeDeleted(before))
      throw problem('KeyStateConflict', {
        message: 'The key is not pending deletion.',
        facts: { keyId: key.keyId, state: before.is },
      })
    // Reading 4: whatever it was before, it is usable again; without material it waits for an import.
    const expired = key.materialExpiresAt !== undefined && now >= key.materialExpiresAt
    const state: KeyState =
      key.currentVersionId === undefined || before.from === 'PendingImport' || expired
        ? { is: 'PendingImport' }
        : { is: differences.cancelledDeletionDisables ? 'Disabled' : 'Enabled' }
    note({ input: { keyState: state.is, keyRevision: key.revision + 1 } })
    const copies = await otherCopies(world, key, now)
    await commit([changed(key, { state }), ...primaryFollows(copies, nextKey(key, { state }))])
    return { keyId: key.keyId, keyArn: keyArn(key) }
  },
})

import { z } from 'zod'
import { problem } from '../../domain/errors.ts'
import type { Key, KeyState } from '../../domain/key.ts'
import { keyArn } from '../../domain/key-reference.ts'
import type { World } from '../../domain/ports.ts'
import type { Instant } from '../../domain/time.ts'
import { operation, present } from '../operation.ts'
import { keyRef } from '../shapes.ts'
import { changed } from './changed.ts'
import { otherCopies } from './copies.ts'

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
    if (key.state.is !== 'PendingDeletion')
      throw problem('KeyStateConflict', {
        message: 'The key is not pending deletion.',
        facts: { keyId: key.keyId, state: key.state.is },
      })
    await requirePrimaryStays(world, key, now)
    // Reading 4: whatever it was before, it is usable again; without material it waits for an import.
    const expired = key.materialExpiresAt !== undefined && now >= key.materialExpiresAt
    const state: KeyState =
      key.currentVersionId === undefined || key.state.from === 'PendingImport' || expired
        ? { is: 'PendingImport' }
        : { is: differences.cancelledDeletionDisables ? 'Disabled' : 'Enabled' }
    note({ input: { keyState: state.is, keyRevision: key.revision + 1 } })
    await commit([changed(key, { state })])
    return { keyId: key.keyId, keyArn: keyArn(key) }
  },
})

/** A copy must not outlive its primary, which knows the time when it is the last. */
async function requirePrimaryStays(world: World, key: Key, now: Instant): Promise<void> {
  if (key.multiRegion === undefined || key.multiRegion.primaryRegion === key.region) return
  for (const copy of await otherCopies(world, key, now))
    if (copy.region === key.multiRegion.primaryRegion && copy.state.is === 'PendingDeletion')
      throw problem('KeyStateConflict', {
        message: `The primary of this multi-Region key, in region ${copy.region}, is pending deletion.`,
        mend: 'Cancel its deletion first.',
      })
}

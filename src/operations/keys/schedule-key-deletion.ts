import { z } from 'zod'
import { problem } from '../../domain/errors.ts'
import type { KeyState } from '../../domain/key.ts'
import { keyArn } from '../../domain/key-reference.ts'
import { deleteAtOf, stateAt } from '../../domain/lifecycle.ts'
import { dayMs, formatInstant } from '../../domain/time.ts'
import { inState, operation } from '../operation.ts'
import { instant, keyRef } from '../shapes.ts'
import { changed, nextKey, requireOwn } from './changed.ts'
import { otherCopies, primaryFollows, untilGone } from './copies.ts'

export const scheduleKeyDeletion = operation({
  name: 'ScheduleKeyDeletion',
  summary: 'Delete a key for good in 7 to 30 days. Until then it cannot be used, and the deletion can be cancelled.',
  group: 'keys',
  rest: 'POST /v1/keys/{keyId}/schedule-deletion',
  cli: 'key schedule-deletion',
  stepUp: true,
  key: inState('Enabled', 'Disabled', 'PendingImport'),
  input: z.strictObject({
    keyId: keyRef,
    pendingWindowInDays: z
      .number()
      .int()
      .min(7)
      .max(30)
      .default(30)
      .describe('Whole days until the deletion, 7 to 30.'),
    evenIfRecentlyUsed: z.boolean().default(false).describe('Needed where the key was used in the last seven days.'),
  }),
  output: z.object({
    keyId: z.string(),
    keyArn: z.string(),
    keyState: z.enum(['PendingDeletion', 'PendingReplicaDeletion']),
    pendingWindowInDays: z.number().int(),
    deleteAt: instant().optional().describe('Not settled while the key is the primary of a copy that stays.'),
  }),
  audit: ['keyId', 'pendingWindowInDays', 'evenIfRecentlyUsed'],
  async run({ world, key, now, input, commit, note, differences }) {
    requireOwn(key)
    if (key.deletionProtection !== undefined)
      throw problem('DeletionProtected', {
        message: `Deletion protection is on for this key: ${key.deletionProtection.reason}`,
        mend: 'Turn it off first with SetDeletionProtection.',
      })
    if (!differences.deletesWithoutAsking && !input.evenIfRecentlyUsed) {
      const lastUse = await world.usage.lastUse(key)
      if (lastUse !== undefined && lastUse.at > now - 7 * dayMs)
        throw problem('RecentlyUsed', {
          message: `The key was used for ${lastUse.operation} ${howLongAgo(now - lastUse.at)} ago, by ${lastUse.principal}.`,
          mend: 'See GET /v1/keys/{keyId}/usage for what would break. If it may, repeat with evenIfRecentlyUsed; better, disable the key first.',
        })
    }
    const { pendingWindowInDays: windowDays } = input
    const from = stateAt(key, now).is as 'Enabled' | 'Disabled' | 'PendingImport'
    const copies = await otherCopies(world, key, now)
    const isPrimary = key.multiRegion?.primaryRegion === key.region
    const state: KeyState =
      isPrimary && copies.length > 0
        ? { is: 'PendingReplicaDeletion', ...untilGone(copies), windowDays, from }
        : { is: 'PendingDeletion', deleteAt: now + windowDays * dayMs, from }
    const deleteAt = deleteAtOf(state)
    // Enough for this to be done again to a backup that does not know of it.
    note({
      input: {
        keyState: state.is,
        keyRevision: key.revision + 1,
        ...(deleteAt === undefined ? {} : { deleteAt: formatInstant(deleteAt) }),
      },
    })
    await commit([changed(key, { state }), ...primaryFollows(copies, nextKey(key, { state }))])
    return { keyId: key.keyId, keyArn: keyArn(key), keyState: state.is, pendingWindowInDays: windowDays, deleteAt }
  },
})

function howLongAgo(span: number): string {
  const hours = Math.floor(span / 3_600_000)
  if (hours < 1) return 'less than an hour'
  return hours < 48 ? `${hours} hours` : `${Math.floor(hours / 24)} days`
}

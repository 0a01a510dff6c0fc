import { z } from 'zod'
import { problem } from '../../domain/errors.ts'
import type { Key } from '../../domain/key.ts'
import { keyArn } from '../../domain/key-reference.ts'
import { stateAt } from '../../domain/lifecycle.ts'
import type { World } from '../../domain/ports.ts'
import { dayMs, formatInstant, type Instant } from '../../domain/time.ts'
import { inState, operation } from '../operation.ts'
import { instant, keyRef } from '../shapes.ts'
import { changed, requireOwn } from './changed.ts'
import { otherCopies } from './copies.ts'

export const scheduleKeyDeletion = operation({
  name: 'ScheduleKeyDeletion',
  summary: 'Delete a key for good in 7 to 30 days. Until then it cannot be used, and the deletion can be cancelled.',
  group: 'keys',
  rest: 'POST /v1/keys/{keyId}/schedule-deletion',
  cli: 'key schedule-deletion',
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
  output: z.object({ keyId: z.string(), keyArn: z.string(), deleteAt: instant() }),
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
    const { is } = stateAt(key, now)
    const deleteAt = (await lastCopyGoneAt(world, key, now)) + input.pendingWindowInDays * dayMs
    // Enough for this to be done again to a backup that does not know of it.
    note({ input: { deleteAt: formatInstant(deleteAt), keyRevision: key.revision + 1 } })
    await commit([
      changed(key, {
        state: { is: 'PendingDeletion', deleteAt, from: is as 'Enabled' | 'Disabled' | 'PendingImport' },
      }),
    ])
    return { keyId: key.keyId, keyArn: keyArn(key), deleteAt }
  },
})

function howLongAgo(span: number): string {
  const hours = Math.floor(span / 3_600_000)
  if (hours < 1) return 'less than an hour'
  return hours < 48 ? `${hours} hours` : `${Math.floor(hours / 24)} days`
}

/** The primary of a multi-Region key goes last: its own time begins when the copies' times are over. */
async function lastCopyGoneAt(world: World, key: Key, now: Instant): Promise<Instant> {
  if (key.multiRegion?.primaryRegion !== key.region) return now
  let goneAt = now
  for (const copy of await otherCopies(world, key, now)) {
    if (copy.state.is !== 'PendingDeletion')
      throw problem('KeyStateConflict', {
        message: `The key is the primary of a multi-Region key that has a copy in region ${copy.region}.`,
        mend: 'Schedule the deletion of the copies first, or move the primary region.',
      })
    goneAt = Math.max(goneAt, copy.state.deleteAt)
  }
  return goneAt
}

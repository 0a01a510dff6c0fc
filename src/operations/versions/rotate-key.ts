import { z } from 'zod'
import { problem } from '../../domain/errors.ts'
import type { Key } from '../../domain/key.ts'
import { requireEnabled } from '../../domain/lifecycle.ts'
import type { World } from '../../domain/ports.ts'
import { partitionOf } from '../../domain/scope.ts'
import { dayMs } from '../../domain/time.ts'
import { requireOwn } from '../keys/changed.ts'
import { requirePrimary } from '../keys/copies.ts'
import { requireRotatable } from '../keys/new-key.ts'
import { operation, present } from '../operation.ts'
import { keyRef } from '../shapes.ts'
import { rotated } from './rotation.ts'

const mostSymmetricVersions = 10_000
/** AWS's quota for one key. */
const mostOnDemand = 25

export const rotateKey = operation({
  name: 'RotateKey',
  summary: 'Make a new primary version of a symmetric key now. Older versions go on decrypting.',
  group: 'versions',
  rest: 'POST /v1/keys/{keyId}/rotate',
  cli: 'key rotate',
  key: { ...present(), check: requireEnabled, rotates: true, actionInAws: () => 'RotateKeyOnDemand' },
  input: z.strictObject({ keyId: keyRef }),
  output: z.object({ keyId: z.string(), primaryVersionId: z.string(), versionCount: z.number().int() }),
  audit: ['keyId'],
  async run({ world, key, now, commit, note, differences }) {
    requireOwn(key)
    requirePrimary(key, 'Rotate the key')
    requireRotatable(key)
    if (key.versionCount >= mostSymmetricVersions)
      throw problem('LimitExceeded', {
        message: `A key has at most ${mostSymmetricVersions} versions.`,
        mend: 'Create another key.',
      })
    if (differences.limitsOnDemandRotations) await requireRoomOnDemand(world, key)
    // The next rotation is one period after the last, whoever asked for that one (R74).
    const rotation = key.rotation && { ...key.rotation, nextAt: now + key.rotation.periodDays * dayMs }
    const { key: next, changes } = await rotated(world, key, now, 'ON_DEMAND', rotation)
    note({ keyVersionId: next.currentVersionId as string })
    await commit(changes)
    return {
      keyId: key.keyId,
      primaryVersionId: next.currentVersionId as string,
      versionCount: next.versionCount,
    }
  },
})

async function requireRoomOnDemand(world: Pick<World, 'store'>, key: Key): Promise<void> {
  let count = 0
  let after: string | undefined
  do {
    const page = await world.store.list('version', {
      partition: partitionOf(key),
      index: 'number',
      prefix: `${key.keyId}/`,
      limit: 1000,
      ...(after === undefined ? {} : { after }),
    })
    count += page.records.filter(({ madeBy }) => madeBy === 'ON_DEMAND').length
    after = page.next
  } while (after !== undefined)
  if (count >= mostOnDemand)
    throw problem('LimitExceeded', {
      message: `The on-demand rotations for the key have reached the limit of ${mostOnDemand}.`,
      mend: 'Let the key rotate automatically, or create another one.',
    })
}

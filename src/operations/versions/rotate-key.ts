import { z } from 'zod'
import { problem } from '../../domain/errors.ts'
import { requireEnabled } from '../../domain/lifecycle.ts'
import { dayMs } from '../../domain/time.ts'
import { nextKey, requireOwn } from '../keys/changed.ts'
import { requireRotatable } from '../keys/new-key.ts'
import { operation, present } from '../operation.ts'
import { keyRef } from '../shapes.ts'
import { rotated } from './rotation.ts'

const mostSymmetricVersions = 10_000

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
  async run({ world, key, now, commit, note }) {
    requireOwn(key)
    requireRotatable(key)
    if (key.versionCount >= mostSymmetricVersions)
      throw problem('LimitExceeded', {
        message: `A key has at most ${mostSymmetricVersions} versions.`,
        mend: 'Create another key.',
      })
    const { key: next, changes } = await rotated(world, key, now)
    // The next rotation is one period after the last, whoever asked for that one (R74).
    const record =
      key.rotation === undefined
        ? next
        : { ...next, rotation: { ...key.rotation, nextAt: now + key.rotation.periodDays * dayMs } }
    note({ keyVersionId: next.currentVersionId as string })
    await commit(changes.map((change) => ('put' in change && change.put === 'key' ? { put: 'key', record } : change)))
    return {
      keyId: key.keyId,
      primaryVersionId: nextKey(next, {}).currentVersionId as string,
      versionCount: next.versionCount,
    }
  },
})

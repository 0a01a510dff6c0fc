import { z } from 'zod'
import { problem } from '../../domain/errors.ts'
import type { Key, KeyVersion } from '../../domain/key.ts'
import { keyArn } from '../../domain/key-reference.ts'
import { requireEnabled } from '../../domain/lifecycle.ts'
import type { Change, World } from '../../domain/ports.ts'
import { specs } from '../../domain/specs.ts'
import { dayMs, type Instant } from '../../domain/time.ts'
import { nextKey, requireOwn } from '../keys/changed.ts'
import { otherCopies, requirePrimary } from '../keys/copies.ts'
import { requireRotatable } from '../keys/new-key.ts'
import { hasMaterial, isPending, keyWithMaterials } from '../material/materials.ts'
import { operation, present } from '../operation.ts'
import { keyRef } from '../shapes.ts'
import { allVersions } from './all-versions.ts'
import { type Rotated, rotated } from './rotation.ts'

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
    const isImported = key.origin === 'EXTERNAL' && specs[key.spec].rotates && differences.importsNewMaterial === true
    if (!isImported) requireRotatable(key)
    if (key.versionCount >= mostSymmetricVersions)
      throw problem('LimitExceeded', {
        message: `A key has at most ${mostSymmetricVersions} versions.`,
        mend: 'Create another key.',
      })
    if (differences.limitsOnDemandRotations) await requireRoomOnDemand(world, key)
    // The next rotation is one period after the last, whoever asked for that one (R74).
    const rotation = key.rotation && { ...key.rotation, nextAt: now + key.rotation.periodDays * dayMs }
    const { key: next, changes } = isImported
      ? await toPendingMaterial(world, key, now)
      : await rotated(world, key, now, 'ON_DEMAND', rotation)
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
  const count = (await allVersions(world, key)).filter(({ madeBy }) => madeBy === 'ON_DEMAND').length
  if (count >= mostOnDemand)
    throw problem('LimitExceeded', {
      message: `The on-demand rotations for the key have reached the limit of ${mostOnDemand}.`,
      mend: 'Let the key rotate automatically, or create another one.',
    })
}

/** AWS: material that was imported for it becomes the current one, everywhere at once. */
async function toPendingMaterial(world: World, key: Key, now: Instant): Promise<Rotated> {
  const rotatedCopies: Change[] = []
  let next = key
  for (const copy of [key, ...(await otherCopies(world, key, now))]) {
    const versions = await allVersions(world, copy)
    const waiting = versions.find((version) => isPending(version, key))
    if (waiting === undefined)
      throw problem('KeyStateConflict', {
        message: `No available key material pending rotation for the key: ${keyArn(key)}.`,
      })
    if (!hasMaterial(waiting, now))
      throw problem('KeyStateConflict', {
        message: `The new key material is not imported in region ${copy.region}.`,
        mend: 'Import it there as EXISTING_KEY_MATERIAL, then rotate the key.',
      })
    const current: KeyVersion = {
      ...waiting,
      revision: waiting.revision + 1,
      madeBy: 'ON_DEMAND',
      currentSince: now,
    }
    const change = keyWithMaterials(
      copy,
      versions.map((version) => (version === waiting ? current : version)),
      now,
      { currentVersionId: current.versionId, lastRotatedAt: now, pendingMaterial: undefined },
    )
    rotatedCopies.push({ put: 'version', record: current }, change)
    if (copy === key) next = nextKey(key, { currentVersionId: current.versionId })
  }
  return { key: next, changes: rotatedCopies }
}

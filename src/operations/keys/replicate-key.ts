import { z } from 'zod'
import { problem } from '../../domain/errors.ts'
import type { Key } from '../../domain/key.ts'
import { keyArn } from '../../domain/key-reference.ts'
import { requireEnabled, stateAt } from '../../domain/lifecycle.ts'
import type { Change } from '../../domain/ports.ts'
import { partitionOf, regionPattern } from '../../domain/scope.ts'
import { bypassPolicyLockoutSafetyCheck, checkKeyPolicy, policyDocument, policyOf } from '../access/key-policy.ts'
import { operation, present } from '../operation.ts'
import { description, keyRef, tags } from '../shapes.ts'
import { allVersions } from '../versions/all-versions.ts'
import { changed } from './changed.ts'
import { copyOf, otherCopies, requirePrimary } from './copies.ts'
import { describeKey, keyMetadata } from './metadata.ts'

export const regionName = z.string().max(64).regex(regionPattern, 'must be a region, such as eu-central-1')

export const replicateKey = operation({
  name: 'ReplicateKey',
  summary: 'Copy a multi-Region key into another region: the same id, the same material.',
  group: 'keys',
  rest: 'POST /v1/keys/{keyId}/replicate',
  cli: 'key replicate',
  key: { ...present(), check: requireEnabled, rotates: true },
  input: z.strictObject({
    keyId: keyRef,
    replicaRegion: regionName,
    policy: policyDocument.optional().describe('Of the copy; the default policy without it.'),
    bypassPolicyLockoutSafetyCheck,
    description: description.default(''),
    tags: tags.default({}),
  }),
  output: z.object({ key: keyMetadata, policy: z.string() }),
  audit: ['keyId', 'replicaRegion', 'policy', 'bypassPolicyLockoutSafetyCheck', 'tags'],
  async run({ world, key, caller, now, input, commit, permit }) {
    const { multiRegion } = key
    if (multiRegion === undefined)
      throw problem('UnsupportedOperation', {
        message: `${keyArn(key)} is not a multi-region primary key.`,
        mend: 'A key is made for several regions when it is created: CreateKey with multiRegion.',
      })
    requirePrimary(key, 'Replicate the key')
    const { replicaRegion: region } = input
    await permit('CreateKey', `arn:aws:kms:${region}:${key.account}:*`)
    const there = { account: key.account, region }
    if (Object.keys(input.tags).length > 0) await permit('TagResource', keyArn({ ...there, keyId: key.keyId }))
    const stored = await world.store.get('key', partitionOf(there), key.keyId)
    if (stored !== undefined)
      throw problem('ResourceExists', {
        message:
          stateAt(stored, now).is === 'Deleted'
            ? `The copy in region ${region} is being deleted just now.`
            : `${keyArn(stored)} exists already.`,
        mend: 'Choose another region.',
      })

    const { policy: _, deletionProtection: __, grantRevision: ___, materialExpiresAt: ____, ...shared } = key
    const copied = { primaryRegion: multiRegion.primaryRegion, regions: [...multiRegion.regions, region].sort() }
    const imported = key.origin === 'EXTERNAL'
    const replica: Key = {
      ...shared,
      ...there,
      revision: 1,
      description: input.description,
      tags: input.tags,
      createdAt: now,
      createdBy: caller.principalArn,
      // Imported material is imported into each copy by its owner, who alone has it.
      state: { is: imported ? 'PendingImport' : 'Enabled' },
      multiRegion: copied,
      ...(input.policy === undefined ? {} : { policy: input.policy }),
      ...(key.pendingMaterial === undefined ? {} : { pendingMaterial: { versionId: key.pendingMaterial.versionId } }),
    }
    if (input.policy !== undefined)
      checkKeyPolicy(input.policy, replica, { caller, now, bypass: input.bypassPolicyLockoutSafetyCheck })
    const changes: Change[] = [
      { put: 'key', record: replica },
      changed(key, { multiRegion: copied }),
      ...(await otherCopies(world, key, now)).map((copy) => changed(copy, { multiRegion: copied })),
    ]
    for (const version of await allVersions(world, key))
      changes.push({ put: 'version', record: await copyOf(world, key, version, region, imported) })
    // The key lives: a copy that was deleted there before is told from this one by nothing but its time.
    const tombstone = await world.store.get('tombstone', partitionOf(there), key.keyId)
    if (tombstone !== undefined) changes.push({ remove: 'tombstone', record: tombstone })
    await commit(changes)
    return { key: describeKey(replica, now), policy: policyOf(replica) }
  },
})

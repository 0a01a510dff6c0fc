import { z } from 'zod'
import type { Key, KeyVersion } from '../../domain/key.ts'
import type { Change, World } from '../../domain/ports.ts'
import type { Instant } from '../../domain/time.ts'
import { otherCopies } from '../keys/copies.ts'
import { operation } from '../operation.ts'
import { keyRef } from '../shapes.ts'
import { allVersions } from '../versions/all-versions.ts'
import { external } from './external.ts'
import { keyMaterialId, versionOfMaterial } from './key-material-id.ts'
import { isPending, keyWithMaterials } from './materials.ts'

export const deleteKeyMaterial = operation({
  name: 'DeleteKeyMaterial',
  summary: 'Delete imported key material. The key stays, and takes the same material again.',
  group: 'material',
  rest: 'DELETE /v1/keys/{keyId}/material',
  cli: 'import delete',
  stepUp: true,
  key: { ...external(), actionInAws: () => 'DeleteImportedKeyMaterial' },
  input: z.strictObject({ keyId: keyRef, keyMaterialId }),
  output: z.object({ keyId: z.string(), keyVersionId: z.string().optional() }),
  audit: ['keyId', 'keyMaterialId'],
  async run({ world, key, now, input, commit, note }) {
    const versionId = await versionOfMaterial(world, key, input.keyMaterialId)
    if (versionId === undefined) return { keyId: key.keyId, keyVersionId: undefined }
    note({ keyVersionId: versionId })
    const changes = await withoutMaterial(world, key, now, (version) => version.versionId === versionId)
    if (changes.length > 0) note({ input: { keyRevision: key.revision + 1 } })
    // Where it is gone already, whoever deleted it may still wait for the other nodes: this answer waits as well.
    await commit(changes)
    return { keyId: key.keyId, keyVersionId: versionId }
  },
})

/**
 * Material goes, by hand or at its expiry (R50, R51); what tells it from other material stays (R53). Material that waits
 * for a rotation is not tied to the key yet: it goes as if it had never come, at the primary from all copies.
 */
export async function withoutMaterial(
  world: World,
  key: Key,
  now: Instant,
  goes: (version: KeyVersion) => boolean,
): Promise<readonly Change[]> {
  const versions = await allVersions(world, key)
  const gone = versions.filter((version) => version.sealed !== undefined && goes(version))
  if (gone.length === 0) return []
  const forgotten = gone.find((version) => isPending(version, key))
  const isOfAll = forgotten !== undefined && (key.multiRegion?.primaryRegion ?? key.region) === key.region
  const changes: Change[] = []
  const left: KeyVersion[] = []
  for (const version of versions) {
    if (version === forgotten && isOfAll) changes.push({ remove: 'version', record: version })
    else if (gone.includes(version)) {
      const { sealed: _, ...bare } = version
      const stripped = { ...bare, revision: version.revision + 1 }
      changes.push({ put: 'version', record: stripped })
      left.push(stripped)
    } else left.push(version)
  }
  changes.push(keyWithMaterials(key, left, now))
  if (forgotten === undefined || !isOfAll) return changes
  for (const copy of await otherCopies(world, key, now)) {
    const theirs = await allVersions(world, copy)
    const same = theirs.filter(({ versionId }) => versionId === forgotten.versionId)
    changes.push(
      ...same.map((record): Change => ({ remove: 'version', record })),
      keyWithMaterials(
        copy,
        theirs.filter((version) => !same.includes(version)),
        now,
      ),
    )
  }
  return changes
}

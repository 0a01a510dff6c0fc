import { z } from 'zod'
import type { Key, KeyState } from '../../domain/key.ts'
import { isToBeDeleted, stateAt } from '../../domain/lifecycle.ts'
import type { Change, World } from '../../domain/ports.ts'
import { partitionOf } from '../../domain/scope.ts'
import type { Instant } from '../../domain/time.ts'
import { changed } from '../keys/changed.ts'
import { operation } from '../operation.ts'
import { keyRef } from '../shapes.ts'
import { external } from './external.ts'
import { keyMaterialId, requireMaterial } from './key-material-id.ts'

export const deleteKeyMaterial = operation({
  name: 'DeleteKeyMaterial',
  summary: 'Delete imported key material. The key stays, and takes the same material again.',
  group: 'material',
  rest: 'DELETE /v1/keys/{keyId}/material',
  cli: 'import delete',
  key: { ...external(), actionInAws: () => 'DeleteImportedKeyMaterial' },
  input: z.strictObject({ keyId: keyRef, keyMaterialId }),
  output: z.object({ keyId: z.string(), keyVersionId: z.string().optional() }),
  audit: ['keyId', 'keyMaterialId'],
  async run({ world, key, now, input, commit, note }) {
    requireMaterial(key, input.keyMaterialId)
    const changes = await withoutMaterial(world, key, now)
    if (changes.length > 0) {
      note({ input: { keyRevision: key.revision + 1 } })
      await commit(changes)
    }
    return { keyId: key.keyId, keyVersionId: key.currentVersionId }
  },
})

/** The material goes, by hand or at its expiry (R50, R51); what tells it from other material stays (R53). */
export async function withoutMaterial(world: World, key: Key, now: Instant): Promise<readonly Change[]> {
  if (key.currentVersionId === undefined) return []
  const version = await world.store.get('version', partitionOf(key), `${key.keyId}/${key.currentVersionId}`)
  if (version?.sealed === undefined) return []
  const { sealed: _, ...bare } = version
  const state: KeyState =
    isToBeDeleted(key.state) && isToBeDeleted(stateAt(key, now))
      ? { ...key.state, from: 'PendingImport' }
      : { is: 'PendingImport' }
  return [
    { put: 'version', record: { ...bare, revision: version.revision + 1 } },
    changed(key, { state, materialExpiresAt: undefined }),
  ]
}

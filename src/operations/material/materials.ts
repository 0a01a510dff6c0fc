/** What imported material a key has, and what that means for it. */
import type { Key, KeyState, KeyVersion } from '../../domain/key.ts'
import { isToBeDeleted, stateAt } from '../../domain/lifecycle.ts'
import type { Change } from '../../domain/ports.ts'
import type { Instant } from '../../domain/time.ts'
import { changed } from '../keys/changed.ts'

/** The material of this version is there, and its time is not over. */
export function hasMaterial({ sealed, imported }: KeyVersion, now: Instant): boolean {
  return sealed !== undefined && (imported?.expiresAt === undefined || now < imported.expiresAt)
}

/** A version whose material was imported for the next rotation, which has not come yet. */
export function isPending(version: Pick<KeyVersion, 'versionId'>, key: Key): boolean {
  return version.versionId === key.pendingMaterial?.versionId
}

/**
 * A key is of use while it has all the material that it ever encrypted under, since somebody may ask for any of it; its
 * time is over with the first of them. What waits for a rotation does not count yet.
 */
export function keyWithMaterials(
  key: Key,
  versions: readonly KeyVersion[],
  now: Instant,
  changes: Parameters<typeof changed>[1] = {},
): Change {
  const next = { ...key, ...changes } as Key
  const lasting = versions.filter((version) => !isPending(version, next))
  const isComplete = lasting.length > 0 && lasting.every((version) => hasMaterial(version, now))
  const expiries = lasting.flatMap(({ sealed, imported }) =>
    sealed === undefined || imported?.expiresAt === undefined ? [] : [imported.expiresAt],
  )
  const waiting = versions.find((version) => isPending(version, next))
  return changed(key, {
    ...changes,
    state: stateWith(key, isComplete, now),
    materialExpiresAt: expiries.length === 0 ? undefined : Math.min(...expiries),
    pendingMaterial:
      waiting === undefined
        ? undefined
        : {
            versionId: waiting.versionId,
            ...(waiting.imported?.expiresAt === undefined ? {} : { expiresAt: waiting.imported.expiresAt }),
          },
    versionCount: versions.length,
  })
}

function stateWith(key: Key, isComplete: boolean, now: Instant): KeyState {
  const state = stateAt(key, now)
  if (isToBeDeleted(key.state) && isToBeDeleted(state))
    return isComplete ? key.state : { ...key.state, from: 'PendingImport' }
  if (!isComplete) return { is: 'PendingImport' }
  return state.is === 'PendingImport' ? { is: 'Enabled' } : key.state
}

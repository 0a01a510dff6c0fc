/** A multi-Region key: one id and one material, in several regions, each copy with a life of its own. */
import { problem } from '../../domain/errors.ts'
import type { ImportedFacts, Key, KeyVersion } from '../../domain/key.ts'
import { keyArn } from '../../domain/key-reference.ts'
import { stateAt } from '../../domain/lifecycle.ts'
import type { Change, World } from '../../domain/ports.ts'
import { partitionOf } from '../../domain/scope.ts'
import type { Instant } from '../../domain/time.ts'
import { deviceOf } from '../material.ts'
import { changed } from './changed.ts'

/** The copies in other regions that are not deleted at this instant. */
export async function otherCopies(world: Pick<World, 'store'>, key: Key, now: Instant): Promise<readonly Key[]> {
  if (key.multiRegion === undefined) return []
  const regions = key.multiRegion.regions.filter((region) => region !== key.region)
  const copies = await Promise.all(
    regions.map((region) => world.store.get('key', partitionOf({ account: key.account, region }), key.keyId)),
  )
  return copies.filter((copy): copy is Key => copy !== undefined && stateAt(copy, now).is !== 'Deleted')
}

/**
 * What a primary that is pending deletion waits for: the instant at which the last of its copies is gone, which nobody
 * knows while one of them is there to stay.
 */
export function untilGone(copies: readonly Key[], atLeast: Instant = 0): { readonly copiesGoneAt?: Instant } {
  let copiesGoneAt = atLeast
  for (const { state } of copies) {
    if (state.is !== 'PendingDeletion') return {}
    copiesGoneAt = Math.max(copiesGoneAt, state.deleteAt)
  }
  return { copiesGoneAt }
}

/** With the deletion of a copy the primary's own is settled or put off. `copy` as it is to be, the others as they are. */
export function primaryFollows(others: readonly Key[], copy: Key): readonly Change[] {
  const primary = others.find(({ region, multiRegion }) => region === multiRegion?.primaryRegion)
  if (primary?.state.is !== 'PendingReplicaDeletion') return []
  const { copiesGoneAt: _, ...waiting } = primary.state
  const copies = [...others.filter((other) => other !== primary), copy]
  return [changed(primary, { state: { ...waiting, ...untilGone(copies) } })]
}

/** What holds for all copies is decided at the primary. */
export function requirePrimary(key: Key, what: string): void {
  if (key.multiRegion === undefined || key.multiRegion.primaryRegion === key.region) return
  throw problem('UnsupportedOperation', {
    message: `${keyArn(key)} is not a multi-region primary key.`,
    mend: `${what} in region ${key.multiRegion.primaryRegion}.`,
    facts: { keyId: key.keyId, primaryRegion: key.multiRegion.primaryRegion },
  })
}

/** The same version in another region: its material sealed for there, or none yet. */
export async function copyOf(
  world: World,
  key: Key,
  version: KeyVersion,
  region: string,
  withoutMaterial: boolean,
): Promise<KeyVersion> {
  const { sealed, imported, ...facts } = version
  const bare = { ...facts, region, revision: 1, ...(imported === undefined ? {} : { imported: lastingOf(imported) }) }
  if (withoutMaterial || sealed === undefined) return bare
  const { account, keyId, versionId, spec } = version
  const resealed = await deviceOf(world, key).rebind(version, { account, region, keyId, versionId, spec })
  return { ...bare, sealed: resealed }
}

/** What holds of imported material wherever it is; when it expires is said at each import. */
function lastingOf({ fingerprint, description }: ImportedFacts): ImportedFacts {
  return { fingerprint, ...(description === undefined ? {} : { description }) }
}

/** Making a new version of a symmetric key, whoever asks for it: the clock, or a caller. */
import { Problem } from '../../domain/errors.ts'
import type { Key, KeyVersion, Rotation } from '../../domain/key.ts'
import { nextRotationAfter, rotationDue } from '../../domain/lifecycle.ts'
import type { AuditRecord, Change, World } from '../../domain/ports.ts'
import { partitionOf } from '../../domain/scope.ts'
import { formatInstant, type Instant } from '../../domain/time.ts'
import { nextKey } from '../keys/changed.ts'
import { copyOf, otherCopies } from '../keys/copies.ts'
import { newVersion } from '../keys/new-key.ts'

export type Rotated = {
  /** As it is to be. */
  readonly key: Key
  readonly changes: readonly Change[]
}

/**
 * A new primary version, and the key that points to it. The version it replaces stays and decrypts (R37, R38). Copies of
 * the key in other regions get the same version at the same moment, and the same plan for the next.
 */
export async function rotated(
  world: World,
  key: Key,
  at: Instant,
  madeBy: NonNullable<KeyVersion['madeBy']>,
  rotation: Rotation | undefined = key.rotation,
): Promise<Rotated> {
  const version: KeyVersion = { ...(await newVersion(world, key, key.versionCount + 1, at)), madeBy }
  const follow = (copy: Key) =>
    nextKey(copy, {
      currentVersionId: version.versionId,
      versionCount: version.number,
      lastRotatedAt: at,
      rotation,
    })
  const next = follow(key)
  const changes: Change[] = [
    { put: 'key', record: next },
    { put: 'version', record: version },
  ]
  for (const copy of await otherCopies(world, key, at)) {
    changes.push({ put: 'key', record: follow(copy) })
    changes.push({ put: 'version', record: await copyOf(world, copy, version, copy.region, false) })
  }
  return { key: next, changes }
}

/** Enough for any race: each loser finds the winner's version on its next look. */
const mostAttempts = 5

/**
 * Carries out the rotation that is due, if one is: exactly one new version, however many ask at the same moment. The
 * version is as old as its due time, so periods do not drift; missed periods count as one (R74).
 */
export async function withDueRotation(world: World, found: Key, now: Instant): Promise<Key> {
  let key = found
  for (let attempt = 0; attempt < mostAttempts; attempt++) {
    if (!rotationDue(key, now) || key.rotation === undefined) return key
    const { periodDays, nextAt } = key.rotation
    const following = nextRotationAfter(nextAt, periodDays, now)
    const dueAt = following - periodDays * 86_400_000
    const { key: next, changes } = await rotated(world, key, dueAt, 'AUTOMATIC', {
      enabled: true,
      periodDays,
      nextAt: following,
    })
    const record: AuditRecord = {
      time: formatInstant(now),
      requestId: world.random.uuid(),
      protocol: 'service',
      operation: 'RotateKey',
      account: key.account,
      region: key.region,
      keyId: key.keyId,
      ...(next.currentVersionId === undefined ? {} : { keyVersionId: next.currentVersionId }),
      outcome: 'ok',
      input: { dueAt: formatInstant(nextAt) },
    }
    try {
      await world.store.commit(changes, record)
      await world.audit.append(record)
      world.store.settled([record.requestId])
    } catch (error) {
      if (!(error instanceof Problem) || error.code !== 'Conflict') throw error
    }
    key = (await world.store.get('key', partitionOf(key), key.keyId)) ?? key
  }
  return key
}

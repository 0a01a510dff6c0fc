/** Making a new version of a symmetric key, whoever asks for it: the clock, or a caller. */
import { Problem } from '../../domain/errors.ts'
import type { Key } from '../../domain/key.ts'
import { nextRotationAfter, rotationDue } from '../../domain/lifecycle.ts'
import type { AuditRecord, Change, World } from '../../domain/ports.ts'
import { partitionOf } from '../../domain/scope.ts'
import { formatInstant, type Instant } from '../../domain/time.ts'
import { nextKey } from '../keys/changed.ts'
import { newVersion } from '../keys/new-key.ts'

/** A new primary version, and the key that points to it. The version it replaces stays and decrypts (R37, R38). */
export async function rotated(
  world: World,
  key: Key,
  at: Instant,
): Promise<{ readonly key: Key; readonly changes: readonly Change[] }> {
  const version = await newVersion(world, key, key.versionCount + 1, at)
  const next = nextKey(key, {
    currentVersionId: version.versionId,
    versionCount: key.versionCount + 1,
    lastRotatedAt: at,
  })
  return {
    key: next,
    changes: [
      { put: 'key', record: next },
      { put: 'version', record: version },
    ],
  }
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
    const { key: next, changes } = await rotated(world, key, dueAt)
    const withNext: Key = { ...next, rotation: { enabled: true, periodDays, nextAt: following } }
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
      await world.store.commit(
        [{ put: 'key', record: withNext }, ...changes.filter((change) => 'put' in change && change.put === 'version')],
        record,
      )
      await world.audit.append(record)
      world.store.settled([record.requestId])
    } catch (error) {
      if (!(error instanceof Problem) || error.code !== 'Conflict') throw error
    }
    key = (await world.store.get('key', partitionOf(key), key.keyId)) ?? key
  }
  return key
}

/**
 * What the service does by itself. Nothing depends on when it runs: for every caller a key dies, its material expires and
 * its version rotates at its time, by the clock alone (reading 15). Chores only tidy up afterwards.
 */
import { formatPositions, positionsOf } from './domain/audit-places.ts'
import { Problem } from './domain/errors.ts'
import type { Key } from './domain/key.ts'
import { deleteAtOf, expiryWarningDue, nextExpiryAt, rotationDue, stateAt } from './domain/lifecycle.ts'
import type { AuditRecord, Change, World } from './domain/ports.ts'
import { type Collection, installation } from './domain/records.ts'
import { partitionOf } from './domain/scope.ts'
import { choreSettings } from './domain/setting-names.ts'
import { dayMs, formatInstant, type Instant } from './domain/time.ts'
import { changed, nextKey } from './operations/keys/changed.ts'
import { otherCopies } from './operations/keys/copies.ts'
import { withoutMaterial } from './operations/material/delete-key-material.ts'
import { hasMaterial } from './operations/material/materials.ts'
import { withDueRotation } from './operations/versions/rotation.ts'

/** So many records are looked at in one go; then requests have their turn. */
const batch = 50
/** So many versions or aliases are erased in one transaction. */
const eraseBatch = 200
/** With so many keys failing it is something else that fails: the next round tries again. */
const mostFailures = 1000
/** A clock that moved less is not noted again. */
const leastStepMs = 1000

/** Everything that is due now. Returns how much was done. What fails for one key keeps no other from its time. */
export async function doChores(world: World): Promise<number> {
  const now = world.clock.now()
  await noteProgress(world, now)
  let done = 0
  const failed = new Map<string, unknown>()
  while (failed.size < mostFailures) {
    const keys = await world.store.due('key', now, batch + failed.size)
    let progress = 0
    for (const key of keys) {
      if (failed.has(nameOf(key))) continue
      try {
        if (await undisturbed(() => tidyKey(world, key, now))) progress++
      } catch (error) {
        failed.set(nameOf(key), error)
        progress++
      }
      await breath()
    }
    done += progress
    if (progress === 0) break
  }
  done -= failed.size
  for (const collection of ['wrappingKey', 'importRequest', 'credential', 'session', 'oneTimeCode'] as const)
    done += await removeDue(world, collection, now)
  const [failure] = failed.values()
  if (failure !== undefined) throw failure
  return done
}

function nameOf(key: Key): string {
  return `${partitionOf(key)}/${key.keyId}`
}

/**
 * For the next start: the time does not go back behind this moment, what the log says from here on may be news to the
 * store, which could be an older backup by then (redo-deletions.ts), and the log must begin with what it holds now.
 */
export async function noteProgress(world: World, now: Instant, stepMs = leastStepMs): Promise<void> {
  const clock = await world.store.get('setting', installation, choreSettings.clockHighWater)
  if (now - Number(clock?.value ?? 0) <= stepMs) return
  // Before the commit, so that what is noted is never ahead of what the store knows.
  const logs = await world.logs()
  const noted: [name: string, value: string][] = [
    [choreSettings.clockHighWater, String(now)],
    [choreSettings.auditNoted(world.lease?.node), formatPositions(positionsOf(logs))],
  ]
  for (const log of logs)
    noted.push([choreSettings.auditCheckpoint(log.number, world.lease?.node), await log.checkpoint()])
  const changes = noted.map(async ([name, value]): Promise<Change> => {
    const stored = await world.store.get('setting', installation, name)
    return { put: 'setting', record: { revision: (stored?.revision ?? 0) + 1, name, value } }
  })
  await undisturbed(async () => {
    await world.store.commit(await Promise.all(changes))
    return true
  })
}

/** Lets requests that wait be served first. */
function breath(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

/** Another process may do the same chore at the same moment: whoever comes second finds it done. */
async function undisturbed(chore: () => Promise<boolean>): Promise<boolean> {
  try {
    return await chore()
  } catch (error) {
    if (error instanceof Problem && error.code === 'Conflict') return true
    throw error
  }
}

async function tidyKey(world: World, key: Key, now: Instant): Promise<boolean> {
  if (stateAt(key, now).is === 'Deleted') return eraseKey(world, key, now)
  const expiredAt = nextExpiryAt(key)
  if (expiredAt !== undefined && now >= expiredAt) {
    const changes = await withoutMaterial(world, key, now, (version) => !hasMaterial(version, now))
    await onRecord(world, 'ExpireKeyMaterial', key, changes, now, {
      expiredAt: formatInstant(expiredAt),
      keyRevision: key.revision + 1,
    })
    return true
  }
  const days = expiryWarningDue(key, now)
  if (days !== undefined) {
    await warnOfExpiry(world, key, days, now)
    return true
  }
  if (rotationDue(key, now)) {
    await withDueRotation(world, key, now)
    return true
  }
  return false
}

/** The warning and that it was given are one change: each is given once, whatever dies in between. */
async function warnOfExpiry(world: World, key: Key, days: number, now: Instant): Promise<void> {
  const expiresAt = key.materialExpiresAt as Instant
  await onRecord(world, 'WarnOfMaterialExpiry', key, [changed(key, { expiryWarned: { expiresAt, days } })], now, {
    daysLeft: Math.ceil((expiresAt - now) / dayMs),
    materialExpiresAt: formatInstant(expiresAt),
  })
}

/**
 * At its time the key goes, its aliases with it, and its material is erased. First the tombstone, so that nothing that
 * happens in between revives it; the key's own record goes last, so that a crash only means to go on here.
 */
export async function eraseKey(world: World, key: Key, now: Instant, operation = 'DeleteKey'): Promise<boolean> {
  const partition = partitionOf(key)
  const deletedAt = deleteAtOf(key.state) ?? now
  let current = key
  if (key.state.is !== 'Deleted') {
    current = nextKey(key, { state: { is: 'Deleted', deletedAt } })
    const tombstone = await world.store.get('tombstone', partition, key.keyId)
    await onRecord(
      world,
      operation,
      key,
      [
        { put: 'key', record: current },
        ...(tombstone === undefined
          ? ([
              {
                put: 'tombstone',
                record: { account: key.account, region: key.region, revision: 1, keyId: key.keyId, deletedAt },
              },
            ] as const)
          : []),
        ...(await otherCopies(world, key, now)).map((copy) => changed(copy, withoutCopy(copy, key.region, deletedAt))),
      ],
      now,
      { deletedAt: formatInstant(deletedAt) },
    )
  }
  const belongings = [
    ['version', 'number'],
    ['alias', 'key'],
    ['wrappingKey', undefined],
    ['grant', undefined],
  ] as const
  for (const [collection, index] of belongings) {
    for (;;) {
      const { records } = await world.store.list(collection, {
        partition,
        prefix: `${key.keyId}/`,
        limit: eraseBatch,
        ...(index === undefined ? {} : { index }),
      })
      if (records.length === 0) break
      await world.store.commit(records.map((record) => ({ remove: collection, record }) as Change))
      await breath()
    }
  }
  const request = await world.store.get('importRequest', partition, key.keyId)
  await world.store.commit([
    { remove: 'key', record: current },
    ...(request === undefined ? [] : [{ remove: 'importRequest', record: request } as const]),
  ])
  return true
}

async function removeDue(
  world: World,
  collection: 'wrappingKey' | 'importRequest' | 'credential' | 'session' | 'oneTimeCode',
  now: Instant,
): Promise<number> {
  let done = 0
  for (;;) {
    const records = await world.store.due(collection as Collection, now, batch)
    if (records.length === 0) return done
    await undisturbed(async () => {
      await world.store.commit(records.map((record) => ({ remove: collection, record }) as Change))
      return true
    })
    done += records.length
    await breath()
  }
}

/** A change of the service's own, with its record. */
export async function onRecord(
  world: World,
  operation: string,
  key: Key,
  changes: readonly Change[],
  now: Instant,
  input: Readonly<Record<string, unknown>>,
): Promise<void> {
  const record: AuditRecord = {
    time: formatInstant(now),
    requestId: world.random.uuid(),
    protocol: 'service',
    operation,
    account: key.account,
    region: key.region,
    keyId: key.keyId,
    outcome: 'ok',
    input,
  }
  await world.store.commit(changes, record)
  await world.audit.append(record)
  world.store.settled([record.requestId])
}

export type Rounds = { stop(): Promise<void> }

/** Work in rounds, one at a time, until stopped; a round that fails is told, and the next one tries again. */
export function rounds(work: () => Promise<unknown>, everyMs: number, onFailure: (error: unknown) => void): Rounds {
  let round: Promise<unknown> | undefined
  const timer = setInterval(() => {
    round ??= work()
      .catch(onFailure)
      .finally(() => {
        round = undefined
      })
  }, everyMs)
  timer.unref()
  return {
    async stop() {
      clearInterval(timer)
      await round
    },
  }
}

/** What is true of a copy of a multi-Region key once the one in this region is gone. */
function withoutCopy(
  { multiRegion, state }: Key,
  gone: string,
  goneAt: Instant,
): Partial<Pick<Key, 'multiRegion' | 'state'>> {
  if (multiRegion === undefined) return {}
  const regions = multiRegion.regions.filter((region) => region !== gone)
  const isLast = regions.length === 1 && state.is === 'PendingReplicaDeletion' && state.copiesGoneAt === undefined
  return { multiRegion: { ...multiRegion, regions }, ...(isLast ? { state: { ...state, copiesGoneAt: goneAt } } : {}) }
}

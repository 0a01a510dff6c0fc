/**
 * Deleted stays deleted (CVE-2026-42186). A store that was put back from an older backup does not know what the audit log
 * says of the time since. At every start the logs are read from where the store has noted, and what they say of the
 * deletion of a key is done again: scheduled, cancelled, deleted, and the deletion of imported material. On a store that
 * is up to date this finds nothing to do.
 */
import { eraseKey, noteProgress, onRecord } from './chores.ts'
import { parsePositions, readForward } from './domain/audit-places.ts'
import type { Key, KeyState } from './domain/key.ts'
import { isToBeDeleted, stateAt } from './domain/lifecycle.ts'
import type { AuditRecord, World } from './domain/ports.ts'
import { installation } from './domain/records.ts'
import { partitionOf } from './domain/scope.ts'
import { choreSettings } from './domain/setting-names.ts'
import { dayMs } from './domain/time.ts'
import { changed, nextKey } from './operations/keys/changed.ts'
import { otherCopies, primaryFollows } from './operations/keys/copies.ts'
import { withoutMaterial } from './operations/material/delete-key-material.ts'
import { hasMaterial } from './operations/material/materials.ts'

/** Of these the last one of a key says what holds of its deletion. */
const ofDeletion: ReadonlySet<string> = new Set(['ScheduleKeyDeletion', 'CancelKeyDeletion', 'DeleteKey'])
/** Of these the last one says whether there is material. */
const ofMaterial: ReadonlySet<string> = new Set([
  'DeleteKeyMaterial',
  'ExpireKeyMaterial',
  'ImportKeyMaterial',
  'ApproveImport',
])

/** Returns how many keys it changed. To be called before anything is served. */
export async function redoDeletions(world: World): Promise<number> {
  const setting = await world.store.get('setting', installation, choreSettings.auditNoted(world.lease?.node))
  const noted = parsePositions(setting?.value ?? '0')
  const logs = await world.logs()
  // A log shorter than what was noted is another log: all of it may be news.
  const news = logs.map(
    (log) => [log.number, (noted.get(log.number) ?? 0) > log.size() ? 0 : (noted.get(log.number) ?? 0)] as const,
  )
  const deletions = new Map<string, AuditRecord>()
  const materials = new Map<string, AuditRecord>()
  for await (const { record } of readForward(logs, new Map(news))) {
    if (record.outcome !== 'ok') continue
    const place = `${record.account}/${record.region}/${record.keyId}`
    if (ofDeletion.has(record.operation)) keepLater(deletions, place, record)
    if (ofMaterial.has(record.operation)) keepLater(materials, place, record)
  }
  let done = 0
  for (const record of deletions.values()) if (await redone(world, record, redoDeletion)) done++
  for (const record of materials.values()) if (await redone(world, record, redoMaterialDeletion)) done++
  await noteProgress(world, world.clock.now())
  return done
}

/** Of two changes of a key that stand in two logs, the one that made the later revision. */
function keepLater(records: Map<string, AuditRecord>, place: string, record: AuditRecord): void {
  const [before, now] = [records.get(place)?.input?.keyRevision, record.input?.keyRevision]
  if (typeof before !== 'number' || typeof now !== 'number' || now >= before) records.set(place, record)
}

type Redo = (world: World, key: Key, record: AuditRecord) => Promise<boolean>

async function redone(world: World, record: AuditRecord, redo: Redo): Promise<boolean> {
  const { account, region, keyId } = record
  if (account === undefined || region === undefined || keyId === undefined) return false
  const key = await world.store.get('key', partitionOf({ account, region }), keyId)
  return key !== undefined && redo(world, key, record)
}

/** The store does not know of this change: its key is of an earlier revision than the change made. */
function isNews(key: Key, record: AuditRecord): boolean {
  const revision = record.input?.keyRevision
  return typeof revision === 'number' && key.revision < revision
}

async function redoDeletion(world: World, key: Key, record: AuditRecord): Promise<boolean> {
  const now = world.clock.now()
  if (record.operation === 'DeleteKey') {
    // A copy of a multi-Region key that was made after its forerunner was deleted is another key.
    if (record.protocol !== 'service' || key.state.is === 'Deleted' || key.createdAt >= Date.parse(record.time))
      return false
    return eraseKey(world, key, now, 'RedoDeleteKey')
  }
  if (!isNews(key, record)) return false
  const state = stateSaidBy(key, record, stateAt(key, now))
  if (state === undefined || JSON.stringify(state) === JSON.stringify(key.state)) return false
  const copies = await otherCopies(world, key, now)
  const changes = [changed(key, { state }), ...primaryFollows(copies, nextKey(key, { state }))]
  await onRecord(world, `Redo${record.operation}`, key, changes, now, { of: record.requestId })
  return true
}

function stateSaidBy(key: Key, { operation, input }: AuditRecord, current: KeyState): KeyState | undefined {
  if (operation === 'CancelKeyDeletion') {
    if (!isToBeDeleted(key.state)) return undefined
    // In the backup its time may be over, but its owner called the deletion off: it lives.
    const hasMaterial = key.currentVersionId !== undefined && key.state.from !== 'PendingImport'
    return { is: !hasMaterial ? 'PendingImport' : input?.keyState === 'Disabled' ? 'Disabled' : 'Enabled' }
  }
  // In the backup the time of an earlier deletion may be over, but it was called off and scheduled anew.
  const before = isToBeDeleted(key.state) ? key.state.from : current.is
  if (before === 'Deleted' || before === 'PendingDeletion' || before === 'PendingReplicaDeletion') return undefined
  const deleteAt = Date.parse(String(input?.deleteAt))
  const windowDays = Number(input?.pendingWindowInDays)
  if (input?.keyState === 'PendingReplicaDeletion')
    return {
      is: 'PendingReplicaDeletion',
      windowDays,
      from: before,
      ...(Number.isNaN(deleteAt) ? {} : { copiesGoneAt: deleteAt - windowDays * dayMs }),
    }
  return Number.isNaN(deleteAt) ? undefined : { is: 'PendingDeletion', deleteAt, from: before }
}

async function redoMaterialDeletion(world: World, key: Key, record: AuditRecord): Promise<boolean> {
  if (record.operation !== 'DeleteKeyMaterial' && record.operation !== 'ExpireKeyMaterial') return false
  if (!isNews(key, record)) return false
  const now = world.clock.now()
  const at = Date.parse(record.time)
  const changes = await withoutMaterial(world, key, now, (version) =>
    record.operation === 'DeleteKeyMaterial'
      ? version.versionId === (record.keyVersionId ?? key.currentVersionId)
      : !hasMaterial(version, at),
  )
  if (changes.length === 0) return false
  await onRecord(world, 'RedoDeleteKeyMaterial', key, changes, now, { of: record.requestId })
  return true
}

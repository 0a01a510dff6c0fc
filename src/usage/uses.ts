/** Who used which key for what. */
import type { DatabaseSync } from 'node:sqlite'
import type { AuditRecord, Decryptions, KeyUse, LastUse, UsesOfDay } from '../domain/ports.ts'
import { dayMs, formatInstant, type Instant } from '../domain/time.ts'
import { concernedKey, destinationKey, type KeyName, refusingKey } from './concerned-key.ts'

/** Older uses are forgotten: what would break is asked about the last 90 days. */
const rememberedDays = 90
/** Lines of an answer. */
const mostUses = 1000

/** The operations that use key material; those that only look at a key, or manage it, are not uses. */
export const cryptographic: ReadonlySet<string> = new Set([
  'Encrypt',
  'Decrypt',
  'ReEncrypt',
  'GenerateDataKey',
  'GenerateDataKeyWithoutPlaintext',
  'GenerateDataKeyPair',
  'GenerateDataKeyPairWithoutPlaintext',
  'ExportDataKey',
  'GenerateAndExportDataKey',
  'AsymmetricEncrypt',
  'AsymmetricDecrypt',
  'Sign',
  'Verify',
  'GenerateMac',
  'VerifyMac',
  'DeriveSharedSecret',
  'Encapsulate',
  'Decapsulate',
])
const decrypting: ReadonlySet<string> = new Set(['Decrypt', 'ReEncrypt', 'AsymmetricDecrypt', 'Decapsulate'])
/** Refusals that tell of somebody who still needs the key. */
const needed: ReadonlySet<string> = new Set(['KeyDisabled', 'KeyPendingDeletion', 'KeyPendingImport'])

type Sum = {
  readonly key: KeyName
  readonly day: number
  readonly principal: string
  readonly operation: string
  readonly alias: string
  readonly versionId: string
  ok: number
  refused: number
  firstAt: Instant
  lastAt: Instant
  lastOkAt: Instant
  lastRequestId: string
}

export type Uses = {
  /**
   * Adds up what a chunk of records says, and writes it row by row; each record and each row is a step. A busy key costs one row, not one for each
   * request.
   */
  write(records: readonly AuditRecord[]): Iterable<void>
  of(key: KeyName, now: Instant): readonly KeyUse[]
  byDay(key: KeyName, now: Instant): readonly UsesOfDay[]
  last(key: KeyName): LastUse | undefined
  decryptionsByVersion(key: KeyName): ReadonlyMap<string, Decryptions>
}

export function usesIn(database: DatabaseSync): Uses {
  const use = database.prepare(`insert into uses values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    on conflict do update set ok = ok + excluded.ok, refused = refused + excluded.refused,
    first_at = min(first_at, excluded.first_at), last_at = max(last_at, excluded.last_at)`)
  const lastUse = database.prepare(`insert into last_uses values (?, ?, ?, ?, ?, ?, ?, ?, ?)
    on conflict do update set times = times + excluded.times,
    principal = iif(excluded.at >= at, excluded.principal, principal),
    request_id = iif(excluded.at >= at, excluded.request_id, request_id), at = max(at, excluded.at)`)
  const ofKey = 'where account = ? and region = ? and key_id = ?'
  const usesOf =
    database.prepare(`select principal, operation, alias, version_id, sum(ok) as ok, sum(refused) as refused,
    min(first_at) as first_at, max(last_at) as last_at from uses ${ofKey} and day >= ?
    group by principal, operation, alias, version_id order by last_at desc, operation limit ${mostUses}`)
  const usesByDay = database.prepare(`select day, operation, sum(ok) as ok, sum(refused) as refused from uses ${ofKey}
    and day >= ? group by day, operation order by day, operation`)
  const lastOf = database.prepare(
    `select operation, principal, at, request_id as requestId from last_uses ${ofKey} order by at desc limit 1`,
  )
  const lastByVersion = database.prepare(`select version_id, operation, at, times from last_uses ${ofKey}`)
  const forget = database.prepare('delete from uses where day < ?')
  let forgottenBefore = 0

  return {
    *write(records) {
      const sums = new Map<string, Sum>()
      let latestDay = 0
      for (const record of records) {
        yield
        for (const one of usesOfRecord(record)) {
          latestDay = Math.max(latestDay, one.day)
          const { account, region, keyId } = one.key
          const name = [account, region, keyId, one.day, one.principal, one.operation, one.alias, one.versionId].join(
            '\n',
          )
          const sum = sums.get(name)
          if (sum === undefined) sums.set(name, one)
          else {
            sum.ok += one.ok
            sum.refused += one.refused
            sum.firstAt = Math.min(sum.firstAt, one.firstAt)
            sum.lastAt = Math.max(sum.lastAt, one.lastAt)
            if (one.lastOkAt >= sum.lastOkAt)
              Object.assign(sum, { lastOkAt: one.lastOkAt, lastRequestId: one.lastRequestId })
          }
        }
      }
      for (const { key, day, principal, operation, alias, versionId, ...sum } of sums.values()) {
        const { account, region, keyId } = key
        use.run(account, region, keyId, day, principal, operation, alias, versionId, ...valuesOf(sum))
        if (sum.ok > 0)
          lastUse.run(account, region, keyId, versionId, operation, principal, sum.lastOkAt, sum.lastRequestId, sum.ok)
        yield
      }
      if (latestDay - rememberedDays > forgottenBefore) {
        forgottenBefore = latestDay - rememberedDays
        forget.run(forgottenBefore)
      }
    },
    of({ account, region, keyId }, now) {
      return (usesOf.all(account, region, keyId, dayOf(now) - rememberedDays) as UseRow[]).map((row) => ({
        principal: row.principal,
        operation: row.operation,
        ...(row.alias === '' ? {} : { alias: row.alias }),
        ...(row.version_id === '' ? {} : { keyVersionId: row.version_id }),
        count: row.ok + row.refused,
        refused: row.refused,
        firstAt: row.first_at,
        lastAt: row.last_at,
      }))
    },
    byDay({ account, region, keyId }, now) {
      return (usesByDay.all(account, region, keyId, dayOf(now) - rememberedDays) as DayRow[]).map((row) => ({
        day: formatInstant(row.day * dayMs).slice(0, 10),
        operation: row.operation,
        count: row.ok + row.refused,
        refused: row.refused,
      }))
    },
    last({ account, region, keyId }) {
      return lastOf.get(account, region, keyId) as LastUse | undefined
    },
    decryptionsByVersion({ account, region, keyId }) {
      const found = new Map<string, Decryptions>()
      for (const { version_id, operation, at, times } of lastByVersion.all(account, region, keyId) as LastRow[]) {
        if (!decrypting.has(operation)) continue
        const { count, lastAt } = found.get(version_id) ?? { count: 0, lastAt: 0 }
        found.set(version_id, { count: count + times, lastAt: Math.max(lastAt, at) })
      }
      return found
    },
  }
}

type UseRow = {
  principal: string
  operation: string
  alias: string
  version_id: string
  ok: number
  refused: number
  first_at: number
  last_at: number
}
type DayRow = { day: number; operation: string; ok: number; refused: number }
type LastRow = { version_id: string; operation: string; at: number; times: number }

function valuesOf({ ok, refused, firstAt, lastAt }: Pick<Sum, 'ok' | 'refused' | 'firstAt' | 'lastAt'>) {
  return [ok, refused, firstAt, lastAt] as const
}

/** Days since 1970. */
function dayOf(at: Instant): number {
  return Math.floor(at / dayMs)
}

function usesOfRecord(record: AuditRecord): readonly Sum[] {
  const { operation, outcome, protocol } = record
  const ok = outcome === 'ok'
  if (protocol === 'service' || !cryptographic.has(operation) || !(ok || needed.has(outcome))) return []
  const at = Date.parse(record.time)
  const sum = (key: KeyName, what: string, alias: string, versionId: string): Sum => ({
    key,
    day: dayOf(at),
    principal: record.principal ?? '',
    operation: what,
    alias,
    versionId,
    ok: ok ? 1 : 0,
    refused: ok ? 0 : 1,
    firstAt: at,
    lastAt: at,
    lastOkAt: ok ? at : 0,
    lastRequestId: ok ? record.requestId : '',
  })
  const key = ok ? concernedKey(record) : refusingKey(record)
  if (key === undefined) return []
  const isSource = key.keyId === record.keyId
  // What refused as the destination of ReEncrypt was to encrypt.
  const uses = [
    isSource
      ? sum(key, operation, record.alias ?? '', record.keyVersionId ?? '')
      : sum(key, operation === 'ReEncrypt' ? 'Encrypt' : operation, '', ''),
  ]
  const destination = ok && operation === 'ReEncrypt' ? destinationKey(record) : undefined
  if (destination !== undefined) uses.push(sum(destination, 'Encrypt', '', ''))
  return uses
}

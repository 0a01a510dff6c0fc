/**
 * Who used which key for what, folded from the audit log. Position and sums are written in one transaction, so that a
 * crash loses nothing and counts nothing twice; the file can be deleted, and is then rebuilt from the log.
 */
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import type { AuditLog, AuditRecord, DayCount, KeyUse, LastUse, Usage } from '../domain/ports.ts'
import type { Scope } from '../domain/scope.ts'
import { dayMs, type Instant } from '../domain/time.ts'

type KeyName = Scope & { readonly keyId: string }

/** Older uses are forgotten: what would break is asked about the last 90 days. */
const rememberedDays = 90
/** Records folded in one transaction; then requests have their turn. */
const chunk = 500

/** The operations that use key material; those that only look at a key, or manage it, are not uses. */
const cryptographic: ReadonlySet<string> = new Set([
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

const schema = `
  create table if not exists position (one integer primary key check (one = 1), next integer not null) strict;
  create table if not exists uses (
    account text not null, region text not null, key_id text not null, principal text not null, operation text not null,
    alias text not null, version_id text not null, count integer not null, refused integer not null,
    first_at integer not null, last_at integer not null, last_ok_at integer not null,
    primary key (account, region, key_id, principal, operation, alias, version_id)) strict, without rowid;
  create table if not exists days (
    account text not null, region text not null, day text not null, key_id text not null, operation text not null,
    ok integer not null, failed integer not null,
    primary key (account, region, day, key_id, operation)) strict, without rowid;
`

export type UsageFold = Usage & {
  /** Folds what has come since; also done before every answer. */
  catchUp(): Promise<void>
  close(): void
}

/** `file` is a path, or `:memory:`. */
export function openUsage(file: string, log: Pick<AuditLog, 'read' | 'size'>, now: () => Instant): UsageFold {
  const db = new DatabaseSync(file)
  // Nothing here is lost for good: the log is the truth.
  db.exec('pragma journal_mode = wal; pragma synchronous = off')
  db.exec(schema)
  const statements = prepare(db)
  let next = Number((db.prepare('select next from position').get() as { next: number } | undefined)?.next ?? 0)
  // A log shorter than what was folded is another log.
  if (next > log.size()) {
    db.exec('delete from uses; delete from days; delete from position')
    next = 0
  }
  let running: Promise<void> | undefined

  async function fold(): Promise<void> {
    while (next < log.size()) {
      const to = Math.min(next + chunk, log.size())
      const records: AuditRecord[] = []
      for await (const { record } of log.read(next, to)) records.push(record)
      db.exec('begin')
      try {
        for (const record of records) count(statements, record)
        statements.position.run(to)
        db.exec('commit')
      } catch (error) {
        db.exec('rollback')
        throw error
      }
      next = to
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  async function catchUp(): Promise<void> {
    // Whoever asks while a fold is under way waits for it, and then for what came after it began.
    while (running !== undefined) await running
    if (next >= log.size()) return
    running = fold().finally(() => {
      running = undefined
    })
    await running
  }

  return {
    catchUp,
    async lastUse(key) {
      await catchUp()
      const row = statements.lastUse.get(key.account, key.region, key.keyId) as
        | { operation: string; principal: string; last_ok_at: number }
        | undefined
      return row === undefined
        ? undefined
        : ({ at: row.last_ok_at, operation: row.operation, principal: row.principal } satisfies LastUse)
    },
    async usesOf(key: KeyName) {
      await catchUp()
      statements.forget.run(now() - rememberedDays * dayMs)
      return (statements.uses.all(key.account, key.region, key.keyId) as UseRow[]).map(toUse)
    },
    async lastDecryptByVersion(key) {
      await catchUp()
      const rows = statements.decrypts.all(key.account, key.region, key.keyId) as {
        version_id: string
        operation: string
        last: number
      }[]
      const last = new Map<string, Instant>()
      for (const row of rows)
        if (decrypting.has(row.operation)) last.set(row.version_id, Math.max(row.last, last.get(row.version_id) ?? 0))
      return last
    },
    async dayCounts(scope, from, to) {
      await catchUp()
      const rows = statements.days.all(scope.account, scope.region, from, to) as {
        day: string
        key_id: string
        operation: string
        ok: number
        failed: number
      }[]
      return rows.map(
        ({ day, key_id, operation, ok, failed }): DayCount => ({ day, keyId: key_id, operation, ok, failed }),
      )
    },
    close() {
      db.close()
    },
  }
}

type UseRow = {
  principal: string
  operation: string
  alias: string
  version_id: string
  count: number
  refused: number
  first_at: number
  last_at: number
}

function toUse(row: UseRow): KeyUse {
  return {
    principal: row.principal,
    operation: row.operation,
    ...(row.alias === '' ? {} : { alias: row.alias }),
    ...(row.version_id === '' ? {} : { keyVersionId: row.version_id }),
    count: row.count,
    refused: row.refused,
    firstAt: row.first_at,
    lastAt: row.last_at,
  }
}

type Statements = Readonly<
  Record<'position' | 'use' | 'day' | 'lastUse' | 'uses' | 'decrypts' | 'days' | 'forget', StatementSync>
>

function prepare(db: DatabaseSync): Statements {
  const ofKey = 'where account = ? and region = ? and key_id = ?'
  return {
    position: db.prepare('insert into position values (1, ?) on conflict (one) do update set next = excluded.next'),
    use: db.prepare(`insert into uses values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      on conflict do update set count = count + excluded.count, refused = refused + excluded.refused,
      last_at = max(last_at, excluded.last_at), last_ok_at = max(last_ok_at, excluded.last_ok_at)`),
    day: db.prepare(`insert into days values (?, ?, ?, ?, ?, ?, ?)
      on conflict do update set ok = ok + excluded.ok, failed = failed + excluded.failed`),
    lastUse: db.prepare(
      `select operation, principal, last_ok_at from uses ${ofKey} and last_ok_at > 0 order by last_ok_at desc limit 1`,
    ),
    uses: db.prepare(`select * from uses ${ofKey} order by last_at desc limit 1000`),
    decrypts: db.prepare(
      `select version_id, operation, max(last_ok_at) as last from uses ${ofKey} and last_ok_at > 0 group by version_id, operation`,
    ),
    days: db.prepare(
      'select * from days where account = ? and region = ? and day between ? and ? order by day, key_id, operation',
    ),
    forget: db.prepare('delete from uses where last_at < ?'),
  }
}

function count(statements: Statements, record: AuditRecord): void {
  const { account, region, keyId, operation, outcome, protocol } = record
  if (account === undefined || region === undefined || keyId === undefined || protocol === 'service') return
  const ok = outcome === 'ok'
  statements.day.run(account, region, record.time.slice(0, 10), keyId, operation, ok ? 1 : 0, ok ? 0 : 1)
  if (!cryptographic.has(operation) || !(ok || needed.has(outcome))) return
  const at = Date.parse(record.time)
  use(statements, record, keyId, record.keyVersionId, at, ok)
  // ReEncrypt uses two keys.
  const destination = record.input?.destinationKeyId
  if (operation === 'ReEncrypt' && ok && typeof destination === 'string' && destination !== keyId)
    use(statements, { ...record, operation: 'Encrypt' }, destination, undefined, at, ok)
}

function use(
  statements: Statements,
  record: AuditRecord,
  keyId: string,
  versionId: string | undefined,
  at: Instant,
  ok: boolean,
): void {
  statements.use.run(
    record.account as string,
    record.region as string,
    keyId,
    record.principal ?? '',
    record.operation,
    record.alias ?? '',
    versionId ?? '',
    ok ? 1 : 0,
    ok ? 0 : 1,
    at,
    at,
    ok ? at : 0,
  )
}

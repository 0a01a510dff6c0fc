/** The file of the fold. It can always be made again from the audit log, so an older one is not carried over: it goes. */
import { rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'

/** Raise it with every change to the tables, or to what is counted in them. */
export const schemaVersion = 5

const tables = `
  create table position (log integer primary key, next integer not null, last_request text not null) strict;
  create table uses (
    account text not null, region text not null, key_id text not null, day integer not null, principal text not null,
    operation text not null, alias text not null, version_id text not null,
    ok integer not null, refused integer not null, first_at integer not null, last_at integer not null,
    primary key (account, region, key_id, day, principal, operation, alias, version_id)) strict, without rowid;
  create index uses_by_day on uses (day);
  create table last_uses (
    account text not null, region text not null, key_id text not null, version_id text not null,
    operation text not null, principal text not null, at integer not null, request_id text not null,
    times integer not null,
    primary key (account, region, key_id, version_id, operation)) strict, without rowid;
  create table requests (
    account text not null, region text not null, key_id text not null, day text not null, operation text not null,
    ok integer not null, failed integer not null,
    primary key (account, region, key_id, day, operation)) strict, without rowid;
  create table keys (
    account text not null, region text not null, key_id text not null, default_for text,
    created integer not null, pending integer not null,
    primary key (account, region, key_id)) strict, without rowid;
  create table intervals (
    account text not null, region text not null, key_id text not null, from_at integer not null, to_at integer,
    primary key (account, region, key_id, from_at)) strict, without rowid;
  create table events (
    sequence integer primary key, place integer not null, event_id text not null, type text not null, at integer not null, account text not null,
    region text not null, key_id text not null, principal text, details text not null, once text not null unique) strict;
  create table refusals (
    account text not null, region text not null, hour integer not null, principal text not null,
    operation text not null, outcome text not null, count integer not null, last_at integer not null,
    last_place integer not null,
    primary key (account, region, hour, principal, operation, outcome)) strict, without rowid;
  create index refusals_by_hour on refusals (hour);
  create index events_of_account on events (account, region, sequence);
  create index events_of_key on events (account, region, key_id, sequence);
`

/** `file` is a path, or `:memory:`. Of another version, or damaged: it is made anew. */
export function openFoldFile(file: string): DatabaseSync {
  const found = tryOpen(file)
  if (found !== undefined) return found
  if (file !== ':memory:') for (const suffix of ['', '-wal', '-shm']) rmSync(file + suffix, { force: true })
  const made = tryOpen(file)
  if (made === undefined) throw new Error(`The usage file ${file} cannot be made.`)
  return made
}

function tryOpen(file: string): DatabaseSync | undefined {
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(file)
    database.exec('pragma journal_mode = wal; pragma synchronous = full')
    const version = versionOf(database)
    if (version === 0 && isEmpty(database)) database.exec(`begin; ${tables}; commit`)
    else if (Math.abs(version) !== schemaVersion || (version < 0 && !isSound(database))) {
      database.close()
      return undefined
    }
    // Below zero while it is open, and on disk before anything else is: whoever finds it so knows to look twice.
    database.exec(`pragma user_version = ${-schemaVersion}; pragma wal_checkpoint(truncate)`)
    // Nothing here is lost for good, and a process that dies loses nothing, for the kernel has its pages. After a crash
    // of the machine the file may be damaged; then the log tells everything again.
    database.exec('pragma synchronous = off')
    return database
  } catch (error) {
    database?.close()
    if (isDamage(error)) return undefined
    throw error
  }
}

export function closeFoldFile(database: DatabaseSync): void {
  database.exec(`pragma synchronous = full; pragma wal_checkpoint(truncate); pragma user_version = ${schemaVersion}`)
  database.close()
}

function versionOf(database: DatabaseSync): number {
  return Number(database.prepare('pragma user_version').get()?.user_version)
}

function isSound(database: DatabaseSync): boolean {
  return database.prepare('pragma quick_check(1)').get()?.quick_check === 'ok'
}

function isEmpty(database: DatabaseSync): boolean {
  return database.prepare('select count(*) as count from sqlite_schema').get()?.count === 0
}

/** SQLITE_CORRUPT and SQLITE_NOTADB; a full disk or a missing folder is no damage of the file. */
function isDamage(error: unknown): boolean {
  const code = (error as { errcode?: number }).errcode
  return code !== undefined && [11, 26].includes(code & 0xff)
}

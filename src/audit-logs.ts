/** The audit logs of an installation: that of this process, what crashed ones left, and all of them to be read. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { diskFiles, readerOf } from './audit/files.ts'
import type { Recovery } from './audit/load.ts'
import { type AuditLogEvent, type AuditLogOnDisk, openAuditLog } from './audit/log.ts'
import { type NoteSigner, noteSigner } from './audit/note.ts'
import { logFolder, logName, logsIn, vkeyOfLog } from './audit/places.ts'
import { publishedLog } from './audit/published.ts'
import { type Config, verifierKeyFile } from './config.ts'
import type { AuditRecord, Clock, ProvableLog, Random, ReadableLog, Store } from './domain/ports.ts'
import { installation } from './domain/records.ts'
import { choreSettings, ofNode } from './domain/setting-names.ts'
import { formatInstant } from './domain/time.ts'
import { monotonic } from './machine.ts'

export type Warn = (facts: Readonly<Record<string, unknown>>, words: string) => void

type Needs = {
  readonly config: Config
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
  readonly warn: Warn
  readonly seed: Uint8Array
  /** Where several nodes share the store: the name of this one. */
  readonly node: string | undefined
  /** For an operator who has looked: go on with what is left of a damaged log. */
  readonly acceptDamage: boolean
}

/** Which logs a process takes care of: its own, and those that nobody writes any more. */
export type LogDuty = { readonly own: number; isAbandoned(log: number): boolean }

export type OpenLogs = {
  readonly audit: ProvableLog
  /** What the others have published. */
  others(): Promise<readonly ReadableLog[]>
  /** What was found of a crash, in all logs that this process takes care of. It is on record by now. */
  readonly recovery: Recovery
}

/** Opens the log of this process. What a crash has left of it, and of logs that nobody writes any more, is on record then. */
export async function openLogs(needs: Needs, duty: LogDuty): Promise<OpenLogs> {
  const { config, store } = needs
  const { vkey } = signerOf(needs, 0)
  const published = (isWanted: (log: number) => boolean) => publishedLogs(config.data, vkey, isWanted)
  const recoveries: Recovery[] = []
  const abandoned = logsIn(config.data).filter((log) => log !== duty.own && duty.isAbandoned(log))
  for (const log of abandoned) {
    // Its journal is published by that, and so can be read.
    const opened = await openLog(needs, log)
    recoveries.push(opened.recovery)
    await opened.close()
  }
  const audit = await openLog(needs, duty.own)
  try {
    recoveries.push(audit.recovery)
    // Auditors verify with this key, and need nothing else of the service.
    if (duty.own === 0) writeFileSync(join(config.data, verifierKeyFile), `${audit.vkey}\n`, { mode: 0o644 })
    await putOnRecord(store, audit, [audit, ...(await published((log) => abandoned.includes(log)))])
  } catch (error) {
    await audit.close()
    throw error
  }
  const sum = (of: 'replayed' | 'dropped') => recoveries.reduce((all, recovery) => all + recovery[of], 0)
  const damage = recoveries.flatMap((recovery) => recovery.damage)
  const others = () => published((log) => log !== duty.own)
  return { audit, others, recovery: { replayed: sum('replayed'), dropped: sum('dropped'), damage } }
}

/** The logs of two nodes are two logs: what is signed under one name must be one history. */
function signerOf({ config, seed, node }: Pick<Needs, 'config' | 'seed' | 'node'>, log: number): NoteSigner {
  return noteSigner(logName(ofNode(config.auditName, node), log), seed)
}

async function openLog(needs: Needs, log: number): Promise<AuditLogOnDisk> {
  const { config, store, node, acceptDamage } = needs
  const remembered = (await store.get('setting', installation, choreSettings.auditCheckpoint(log, node)))?.value
  const audit: AuditLogOnDisk = await openAuditLog({
    directory: join(config.data, logFolder(log)),
    signer: signerOf(needs, log),
    onEvent: outagesOf(() => audit, needs),
    acceptDamage,
    monotonic,
    ...(remembered === undefined ? {} : { remembered }),
  })
  await recordRecovery(audit, needs)
  return audit
}

/** What the service itself has to say of its log. */
function ofTheLog(operation: string, { clock, random }: Needs, input: AuditRecord['input'] & {}): AuditRecord {
  const time = formatInstant(clock.now())
  return { time, requestId: random.uuid(), protocol: 'service', operation, outcome: 'ok', input }
}

/** What a crash has left of the log, and what was made of it, is on record before anything else is. */
async function recordRecovery(audit: AuditLogOnDisk, needs: Needs): Promise<void> {
  const { replayed, dropped, damage } = audit.recovery
  if (replayed === 0 && dropped === 0 && damage.length === 0) return
  const facts = { replayed, dropped, ...(damage.length === 0 ? {} : { damage: damage.map(({ message }) => message) }) }
  needs.warn(facts, 'the audit log was taken up after a crash')
  await audit.append(ofTheLog('RecoverAuditLog', needs, facts))
}

/** That the log could not be written is on record as soon as it can be written again. */
function outagesOf(audit: () => ProvableLog, needs: Needs): (event: AuditLogEvent) => void {
  let since: string | undefined
  return (event) => {
    if (event.kind === 'unavailable') {
      since ??= formatInstant(needs.clock.now())
      needs.warn({ err: event.cause }, 'the audit log cannot be written: nothing is answered')
      return
    }
    const facts = { unavailableSince: since }
    since = undefined
    needs.warn(facts, 'the audit log can be written again')
    // Where it fails again at once, the next time tells.
    audit()
      .append(ofTheLog('ResumeAuditLog', needs, facts))
      .catch(() => {})
  }
}

/** What is published of the logs there are. One that has published nothing yet is left out. */
async function publishedLogs(
  data: string,
  vkey: string,
  isWanted: (log: number) => boolean,
): Promise<readonly ReadableLog[]> {
  const found = logsIn(data)
    .filter(isWanted)
    .map((log) => publishedLog(log, vkeyOfLog(vkey, log), readerOf(diskFiles, join(data, logFolder(log)))))
  return (await Promise.all(found)).filter((log) => log !== undefined)
}

/** How far back in the log a change's record can be: all that was appended while its commit was under way, and more. */
const searched = 100_000

/** Changes that were durable when the process died, but whose record was not: they are put on record now. */
async function putOnRecord(
  store: Store,
  audit: ProvableLog,
  logs: readonly Pick<ReadableLog, 'size' | 'read'>[],
): Promise<void> {
  const unsettled = await store.unsettled()
  if (unsettled.length === 0) return
  const missing = new Map(unsettled.map((record) => [record.requestId, record]))
  // A record of a failure is not the record of the change: the store may have failed to say that it was made.
  for (const log of logs)
    for await (const { record } of log.read(Math.max(0, log.size() - searched), log.size()))
      if (record.outcome === 'ok') missing.delete(record.requestId)
  for (const record of missing.values()) await audit.append({ ...record, recovered: true })
  store.settled(unsettled.map(({ requestId }) => requestId))
}

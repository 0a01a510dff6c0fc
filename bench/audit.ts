/** What durability costs: records a second, and CPU time, of the audit log against a bare loop of fdatasync: `node bench/audit.ts`. */
import { closeSync, fdatasync, mkdtempSync, openSync, rmSync, write, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { frameOf } from '../src/audit/batch.ts'
import { entryText } from '../src/audit/canonical.ts'
import { growingFrom } from '../src/audit/growing.ts'
import { frameHeaderBytes } from '../src/audit/journal.ts'
import { openAuditLog } from '../src/audit/log.ts'
import { noteSigner } from '../src/audit/note.ts'
import { verifyLog } from '../src/audit/verify.ts'
import type { AuditRecord } from '../src/domain/ports.ts'

const concurrencies = [1, 16, 64, 256] as const
const secondsEach = 1
const rounds = 3
const signer = noteSigner('keyward.local/audit/bench', Buffer.alloc(32, 7))

export async function benchAudit(print: (line: string) => void = console.log): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'keyward-bench-audit-'))
  try {
    print('audit log: records/s, medians of interleaved rounds; CPU is that of the whole process')
    print('| requests at once | records/s | against bare fdatasync | CPU us/record |')
    print('| --- | --- | --- | --- |')
    const log = await openAuditLog({ directory: join(directory, 'log'), signer })
    for (const concurrency of concurrencies) {
      const bare: number[] = []
      const durable: Rate[] = []
      for (let round = 0; round < rounds; round += 1) {
        bare.push(await syncsPerSecond(join(directory, 'bare')))
        durable.push(await rateOf(concurrency, (record) => log.append(record)))
      }
      const syncs = median(bare)
      const perSecond = median(durable.map((rate) => rate.perSecond))
      const ratio = (perSecond / syncs).toFixed(2)
      const cpu = median(durable.map((rate) => rate.cpuMicroseconds)).toFixed(1)
      print(`| ${concurrency} | ${perSecond.toFixed(0)} | ${ratio}x | ${cpu} |`)
    }
    const size = log.size()
    await log.close()
    print(`serialize + hash + Merkle, batches of 64: ${treeMicroseconds().toFixed(2)} CPU us/record`)
    const opened = await timed(async () => (await openAuditLog({ directory: join(directory, 'log'), signer })).close())
    print(`open and close with ${size} records: ${opened.toFixed(0)} ms`)
    const verified = await timed(() => verifyLog({ directory: join(directory, 'log'), vkey: signer.vkey }))
    print(`verify ${size} records: ${verified.toFixed(0)} ms, ${((verified * 1000) / size).toFixed(1)} us each`)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

type Rate = { readonly perSecond: number; readonly cpuMicroseconds: number }

async function rateOf(concurrency: number, append: (record: AuditRecord) => Promise<unknown>): Promise<Rate> {
  const until = performance.now() + secondsEach * 1_000
  const start = performance.now()
  const cpu = process.cpuUsage()
  let records = 0
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      while (performance.now() < until) {
        await append(exampleRecord(records))
        records += 1
      }
    }),
  )
  const { user, system } = process.cpuUsage(cpu)
  return {
    perSecond: (records * 1_000) / (performance.now() - start),
    cpuMicroseconds: (user + system) / records,
  }
}

/** One 4 KB block written and synced after the other, as the log does it with one request at a time. */
async function syncsPerSecond(path: string): Promise<number> {
  const descriptor = openSync(path, 'w')
  const block = Buffer.alloc(4096, 1)
  for (let at = 0; at < 1024; at += 1) writeSync(descriptor, block, 0, block.length, at * block.length)
  const start = performance.now()
  let syncs = 0
  while (performance.now() - start < secondsEach * 500) {
    await promisify(write)(descriptor, block, 0, block.length, (syncs % 1024) * block.length)
    await promisify(fdatasync)(descriptor)
    syncs += 1
  }
  const perSecond = (syncs * 1_000) / (performance.now() - start)
  closeSync(descriptor)
  return perSecond
}

function treeMicroseconds(): number {
  const growing = growingFrom(signer, 0, [], Buffer.alloc(0))
  const batches = 1_500
  const batchRecords = 64
  const records = Array.from({ length: batchRecords }, (_, number) => exampleRecord(number))
  const cpu = process.cpuUsage()
  for (let batch = 0; batch < batches; batch += 1) {
    const { frame, leaves } = frameOf(
      records.map((record) => {
        const text = entryText(record)
        return { text, bytes: Buffer.byteLength(text) }
      }),
    )
    growing.add(frame.subarray(frameHeaderBytes), leaves)
    growing.root()
    // As a publication would: so much memory at a time, and no more.
    if (batch % 64 === 63) growing.forget(growing.snapshot())
  }
  const { user, system } = process.cpuUsage(cpu)
  return (user + system) / (batches * batchRecords)
}

function exampleRecord(number: number): AuditRecord {
  return {
    time: '2026-11-23T22:33:44.555Z',
    requestId: `6d3f1b1e-9a53-4b1c-8f6e-${number.toString().padStart(12, '0')}`,
    protocol: 'aws',
    operation: 'Encrypt',
    account: '100000000001',
    region: 'local-1',
    principal: 'arn:aws:iam::100000000001:user/payments-service',
    credentialId: 'AKIA000000000000TEST',
    sourceAddress: '192.0.2.17',
    keyId: '1234abcd-12ab-34cd-56ef-1234567890ab',
    keyVersionId: '0f0e0d0c-0b0a-4908-8706-050403020100',
    outcome: 'ok',
    input: { encryptionContext: { tenant: 'blue', purpose: 'invoice' }, encryptionAlgorithm: 'SYMMETRIC_DEFAULT' },
  }
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await run()
  return performance.now() - start
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] as number
}

if (import.meta.main) await benchAudit()

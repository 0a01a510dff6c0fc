import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { appendMany, auditRecord, signer } from '../../test/contracts/audit-log.ts'
import { type Fault, type Operation, simulatedDisk } from '../../test/contracts/audit-log-disk.ts'
import type { Files } from './files.ts'
import { framesStart } from './journal.ts'
import { type AuditLogEvent, type AuditLogOnDisk, type AuditLogOptions, openAuditLog } from './log.ts'
import { noteSigner } from './note.ts'
import { verifyLog } from './verify.ts'

const root = mkdtempSync(join(tmpdir(), 'keyward-audit-'))
after(() => rmSync(root, { recursive: true }))
let directories = 0
function newDirectory() {
  directories += 1
  return join(root, `${directories}`)
}

const small = { signer, segmentBytes: 2 << 20, retryMs: 1 }
const never = 1_000_000

function open(options: Partial<AuditLogOptions> & { readonly directory: string }): Promise<AuditLogOnDisk> {
  return openAuditLog({ ...small, ...options })
}

async function healthyAgain(log: AuditLogOnDisk) {
  for (let wait = 0; !log.healthy(); wait += 1) {
    assert.ok(wait < 2_000, 'the log does not come back')
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

async function requireValid(directory: string, size: number, against?: string) {
  const report = await verifyLog({ directory, vkey: signer.vkey, ...(against === undefined ? {} : { against }) })
  assert.deepEqual(report.findings, [])
  assert.equal(report.size, size)
}

async function idsOf(log: AuditLogOnDisk) {
  const ids: string[] = []
  for await (const { record } of log.read(0, log.size())) ids.push(record.requestId)
  return ids
}

const ids = (count: number) => Array.from({ length: count }, (_, number) => `request-${number}`)

// ---------------------------------------------------------------------------------------------------- group commit

test('what arrives together is made durable by one sync', async () => {
  const disk = simulatedDisk(() => 'none')
  const log = await open({ directory: '/log', files: disk.files(), publishMs: never })
  disk.counted()
  await appendMany(log, 0, 64)
  assert.equal(disk.counted().get('sync'), 1)
  await log.close()
})

test('what arrives while a batch is being written forms the next one', async () => {
  const disk = simulatedDisk(() => 'none')
  const log = await open({ directory: '/log', files: disk.files(), publishMs: never })
  let syncs = 0
  disk.counted()
  const first = log.append(auditRecord(0))
  while (syncs === 0) {
    await new Promise((resolve) => setImmediate(resolve))
    syncs = disk.counted().get('sync') ?? 0
  }
  await Promise.all([first, appendMany(log, 1, 200)])
  assert.equal(disk.counted().get('sync'), 1)
  await log.close()
})

test('callers who ask again fall into one batch, not into two that take turns at the disk', async () => {
  const disk = simulatedDisk(() => 'none')
  const files = disk.files()
  let syncs = 0
  const slow: Files = {
    ...files,
    open: async (...wanted) => {
      const file = await files.open(...wanted)
      const sync = async () => {
        syncs += 1
        await new Promise((resolve) => setTimeout(resolve, 5))
        await file.sync()
      }
      return { ...file, sync }
    },
  }
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  const syncsOf = async (turnsBetween: number, options: Partial<AuditLogOptions>) => {
    const log = await open({ directory: `/log-${newDirectory()}`, files: slow, publishMs: never, ...options })
    syncs = 0
    const caller = async () => {
      for (let asked = 0; asked < 10; asked += 1) {
        await log.append(auditRecord(asked))
        for (let turns = 0; turns < turnsBetween; turns += 1) await turn()
      }
    }
    const first = caller()
    while (syncs === 0) await turn()
    await Promise.all([first, caller()])
    const counted = syncs
    await log.close()
    return counted
  }
  // Those who are at hand come along at once, those from farther away where the disk is slow.
  assert.equal(await syncsOf(2, {}), 11)
  assert.equal(await syncsOf(8, {}), 20)
  assert.equal(await syncsOf(8, { monotonic: () => performance.now() }), 11)
})

// ----------------------------------------------------------------------------------------------- when it is durable

/** Syncs of files below `where` wait at the gate while it is shut. */
function gatedDisk(where = '/journal/') {
  let opened = Promise.resolve()
  let letThrough = () => {}
  const files = simulatedDisk(() => 'none').files()
  const gated: Files = {
    ...files,
    async open(path, how) {
      const file = await files.open(path, how)
      if (!path.includes(where)) return file
      return { ...file, sync: () => opened.then(() => file.sync()) }
    },
  }
  return {
    files: gated,
    shut() {
      opened = new Promise((resolve) => {
        letThrough = resolve
      })
    },
    open: () => letThrough(),
  }
}

async function settledSoon(promise: Promise<unknown>): Promise<boolean> {
  let settled = false
  promise.then(
    () => (settled = true),
    () => (settled = true),
  )
  for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve))
  return settled
}

test('a record is answered for, counted and shown only once it is synced', async () => {
  const gate = gatedDisk()
  const log = await open({ directory: '/log', files: gate.files })
  await log.append(auditRecord(0))
  gate.shut()
  const appended = log.append(auditRecord(1))
  assert.equal(await settledSoon(appended), false)
  assert.equal(log.size(), 1)
  assert.deepEqual(await idsOf(log), ['request-0'])
  gate.open()
  assert.deepEqual(await appended, { index: 1 })
  assert.deepEqual(await idsOf(log), ['request-0', 'request-1'])
  await log.close()
})

test('a disk that does not answer makes the log unavailable, and the log goes on when it does', async () => {
  const gate = gatedDisk()
  const events: string[] = []
  const log = await open({
    directory: '/log',
    files: gate.files,
    stallMs: 10,
    onEvent: ({ kind }) => events.push(kind),
  })
  gate.shut()
  await assert.rejects(log.append(auditRecord(0)), { code: 'AuditUnavailable' })
  assert.equal(log.healthy(), false)
  await assert.rejects(log.append(auditRecord(1)), { code: 'AuditUnavailable' })
  gate.open()
  await healthyAgain(log)
  // What was under way is on record, although nobody was told so.
  assert.deepEqual(await log.append(auditRecord(2)), { index: 1 })
  assert.deepEqual(await idsOf(log), ['request-0', 'request-2'])
  assert.deepEqual(events, ['unavailable', 'available'])
  await log.close()
})

// ------------------------------------------------------------------------------------------------------ fails closed

for (const operation of ['write', 'sync', 'facts'] as const satisfies readonly Operation[])
  for (const fault of ['fails', 'happens and fails'] as const satisfies readonly Fault[])
    test(`a ${operation} that ${fault} makes the log unavailable until it works again`, async () => {
      let failing = false
      const disk = simulatedDisk((asked) => (failing && asked === operation ? fault : 'none'))
      const events: AuditLogEvent['kind'][] = []
      const log = await open({ directory: '/log', files: disk.files(), onEvent: ({ kind }) => events.push(kind) })
      await appendMany(log, 0, 300)
      failing = true
      await assert.rejects(log.append(auditRecord(300)), { code: 'AuditUnavailable' })
      assert.equal(log.healthy(), false)
      await assert.rejects(log.append(auditRecord(301)), { code: 'AuditUnavailable' })
      await assert.rejects(log.checkpoint(), { code: 'AuditUnavailable' })
      assert.equal((await idsOf(log)).length, 300)
      failing = false
      await healthyAgain(log)
      // The record of unknown fate is on record now, although its caller was refused.
      assert.deepEqual((await idsOf(log)).slice(300), ['request-300'])
      assert.deepEqual(await log.append(auditRecord(302)), { index: 301 })
      assert.deepEqual(events, ['unavailable', 'available'])
      await log.close()
      const report = await verifyLog({ directory: '/log', vkey: signer.vkey, files: disk.files() })
      assert.deepEqual(report.findings, [])
    })

test('a write that takes fewer bytes than it was given is finished', async () => {
  const disk = simulatedDisk((operation) => (operation === 'write' ? 'short' : 'none'))
  const log = await open({ directory: '/log', files: disk.files() })
  await appendMany(log, 0, 300)
  await log.close()
  assert.equal((await verifyLog({ directory: '/log', vkey: signer.vkey, files: disk.files() })).size, 300)
})

test('a full disk is noticed when tiles cannot be written, although the journal has room', async () => {
  let full = false
  const disk = simulatedDisk((operation) => (full && operation === 'open' ? 'happens and fails' : 'none'))
  const log = await open({ directory: '/log', files: disk.files(), publishMs: 1 })
  full = true
  await log.append(auditRecord(0))
  for (let wait = 0; log.healthy() && wait < 1_000; wait += 1) await new Promise((resolve) => setTimeout(resolve, 1))
  await assert.rejects(log.append(auditRecord(1)), { code: 'AuditUnavailable' })
  full = false
  await healthyAgain(log)
  assert.deepEqual(await log.append(auditRecord(2)), { index: 1 })
  await log.close()
})

test('a checkpoint that was put in its place by a call that failed does not keep the log from coming back', async () => {
  let failing = false
  const disk = simulatedDisk((operation, path) => {
    if (!failing || operation !== 'rename' || path !== '/log/checkpoint') return 'none'
    failing = false
    return 'happens and fails'
  })
  const log = await open({ directory: '/log', files: disk.files() })
  failing = true
  await log.append(auditRecord(0))
  await assert.rejects(log.checkpoint(), { code: 'AuditUnavailable' })
  await healthyAgain(log)
  assert.deepEqual(await log.append(auditRecord(1)), { index: 1 })
  await log.close()
})

const journal = (directory: string) => join(directory, 'journal', '0')
const harms: readonly (readonly [string, (directory: string) => void])[] = [
  ['unlinked', (directory) => rmSync(journal(directory))],
  ['cut', (directory) => truncateSync(journal(directory), 8_192)],
  [
    'replaced',
    (directory) => {
      const contents = readFileSync(journal(directory))
      writeFileSync(`${journal(directory)}.new`, contents)
      renameSync(`${journal(directory)}.new`, journal(directory))
    },
  ],
  ['removed with its directory', (directory) => rmSync(join(directory, 'journal'), { recursive: true })],
]
for (const [harm, inflict] of harms)
  test(`a journal that was ${harm} is noticed by the next record, and nothing is lost`, async () => {
    const directory = newDirectory()
    const log = await open({ directory, publishMs: never })
    await appendMany(log, 0, 300)
    inflict(directory)
    await assert.rejects(log.append(auditRecord(300)), { code: 'AuditUnavailable' })
    await healthyAgain(log)
    await appendMany(log, 301, 2)
    await log.close()
    await requireValid(directory, 303)
    const again = await open({ directory })
    assert.deepEqual(await idsOf(again), ids(303))
    await again.close()
  })

test('a log whose directory was taken away is not begun anew, and goes on when it is back', async () => {
  const directory = newDirectory()
  const log = await open({ directory, publishMs: never })
  await appendMany(log, 0, 10)
  renameSync(directory, `${directory}.away`)
  await assert.rejects(log.append(auditRecord(10)), { code: 'AuditUnavailable' })
  await new Promise((resolve) => setTimeout(resolve, 20))
  assert.equal(log.healthy(), false)
  assert.throws(() => statSync(directory), { code: 'ENOENT' })
  renameSync(`${directory}.away`, directory)
  await healthyAgain(log)
  await log.append(auditRecord(11))
  await log.close()
  await requireValid(directory, 12)
})

test('more requests than the disk can keep up with are refused at once', async () => {
  const gate = gatedDisk()
  const log = await open({ directory: '/log', files: gate.files })
  gate.shut()
  const waiting = Array.from({ length: 16_384 }, () => log.append(auditRecord(0)))
  await assert.rejects(log.append(auditRecord(1)), { code: 'AuditUnavailable' })
  gate.open()
  await Promise.all(waiting)
  await log.close()
})

// ------------------------------------------------------------------------------------------------------- one writer

test('a second writer is refused, in this process and in another one, until the first has closed', async () => {
  const directory = newDirectory()
  const log = await open({ directory })
  await assert.rejects(open({ directory }), /Another process writes this audit log/)
  const child = `
    const { openAuditLog } = await import(${JSON.stringify(import.meta.resolve('./log.ts'))})
    const { noteSigner } = await import(${JSON.stringify(import.meta.resolve('./note.ts'))})
    await (await openAuditLog({ directory: ${JSON.stringify(directory)},
      signer: noteSigner(${JSON.stringify(signer.name)}, Buffer.alloc(32, 7)) })).close()`
  const opened = () => spawnSync(process.execPath, ['--input-type=module', '--eval', child], { encoding: 'utf8' })
  const refused = opened()
  assert.equal(refused.status, 1)
  assert.match(refused.stderr, /Another process writes this audit log/)
  await log.append(auditRecord(0))
  await log.close()
  assert.equal(opened().status, 0)
})

// ---------------------------------------------------------------------------------------------------- opening again

test('a closed log opens again with all its records and goes on', async () => {
  const directory = newDirectory()
  for (const count of [0, 1, 255, 1, 300]) {
    const log = await open({ directory })
    assert.deepEqual(log.recovery, { replayed: 0, dropped: 0, damage: [] })
    await appendMany(log, log.size(), count)
    await log.close()
  }
  const log = await open({ directory })
  assert.deepEqual(await idsOf(log), ids(557))
  await log.close()
  await requireValid(directory, 557)
})

test('what was durable only in the journal is there after a crash, and the start tells so', async () => {
  const disk = simulatedDisk(() => 'none')
  const log = await open({ directory: '/log', files: disk.files(), publishMs: never })
  for (const from of [0, 100, 200]) await appendMany(log, from, 100)
  disk.crash(() => true)
  await log.close()
  const again = await open({ directory: '/log', files: disk.files() })
  assert.deepEqual(again.recovery, { replayed: 300, dropped: 0, damage: [] })
  assert.deepEqual(await idsOf(again), ids(300))
  await again.close()
})

test('a checkpoint that was given out is published, whatever happens then', async () => {
  const disk = simulatedDisk(() => 'none')
  const log = await open({ directory: '/log', files: disk.files() })
  await appendMany(log, 0, 300)
  const remembered = await log.checkpoint()
  disk.crash(() => false)
  await log.close()
  const again = await open({ directory: '/log', files: disk.files(), remembered })
  assert.equal(await again.checkpoint(), remembered)
  await again.close()
})

test('a batch that a crash tore is dropped, and the start tells how many records it had', async () => {
  const disk = simulatedDisk(() => 'none')
  const log = await open({ directory: '/log', files: disk.files(), publishMs: never })
  await appendMany(log, 0, 10)
  disk.counted()
  const torn = Promise.allSettled(Array.from({ length: 20 }, (_, at) => log.append(auditRecord(10 + at))))
  while ((disk.counted().get('sync') ?? 0) === 0) await new Promise((resolve) => setImmediate(resolve))
  // Its head survives and its frame does not.
  const firstFrameSector = framesStart / 512
  disk.crash((_, sector) => sector === 'name' || sector < firstFrameSector)
  await torn
  await log.close()
  const report = await verifyLog({ directory: '/log', vkey: signer.vkey, files: disk.files() })
  assert.deepEqual([report.valid, report.size, report.unfinished], [true, 10, 20])
  const again = await open({ directory: '/log', files: disk.files() })
  assert.deepEqual(again.recovery, { replayed: 10, dropped: 20, damage: [] })
  // Nothing signed is left that speaks of the torn batch: what comes now is another history.
  for (const segment of ['0', '1'])
    assert.equal((await disk.files().read(`/log/journal/${segment}`))?.includes('\n30\n'), false)
  assert.deepEqual(await idsOf(again), ids(10))
  await again.close()
})

test('a long log opens by reading a few files', async () => {
  const disk = simulatedDisk(() => 'none')
  const log = await open({ directory: '/log', files: disk.files(), publishMs: never })
  await appendMany(log, 0, 10_000)
  await log.close()
  disk.counted()
  const again = await open({ directory: '/log', files: disk.files() })
  const reads = disk.counted().get('read') ?? 0
  assert.ok(reads <= 10, `${reads} files were read`)
  assert.equal(again.size(), 10_000)
  await again.close()
})

test('the journal does not grow, and a log of many turns of it is whole', async () => {
  const directory = newDirectory()
  const log = await open({ directory, publishMs: never })
  const input = { note: 'x'.repeat(30_000) }
  let number = 0
  for (let round = 0; round < 8; round += 1)
    await Promise.all(Array.from({ length: 30 }, () => log.append({ ...auditRecord(number++), input })))
  for (const segment of ['0', '1']) assert.equal(statSync(join(directory, 'journal', segment)).size, 2 << 20)
  await log.close()
  await requireValid(directory, 240)
  const again = await open({ directory })
  assert.deepEqual(await idsOf(again), ids(240))
  await again.close()
})

test('a segment of the journal is not written over before what it holds is published', async () => {
  const gate = gatedDisk('/tile/')
  const log = await open({ directory: '/log', files: gate.files, publishMs: never })
  gate.shut()
  const input = { note: 'x'.repeat(60_000) }
  // Some 1.8 MB at a time, which is one segment.
  const fill = () =>
    Promise.all(Array.from({ length: 30 }, (_, number) => log.append({ ...auditRecord(number), input })))
  await fill()
  await fill()
  const third = fill()
  assert.equal(await settledSoon(third), false)
  gate.open()
  await third
  assert.equal(log.size(), 90)
  await log.close()
})

test('the size of the journal can be changed from one start to the next', async () => {
  const directory = newDirectory()
  for (const segmentBytes of [2 << 20, 3 << 20, 2 << 20]) {
    const log = await open({ directory, segmentBytes })
    await appendMany(log, log.size(), 5)
    await log.close()
  }
  await requireValid(directory, 15)
  await assert.rejects(open({ directory, segmentBytes: 1 << 20 }), RangeError)
})

// ----------------------------------------------------------------------------------------------------- refusing to open

test('a log that was rolled back to an older copy is not opened where its checkpoint is remembered', async () => {
  const directory = newDirectory()
  const log = await open({ directory })
  await appendMany(log, 0, 10)
  await log.close()
  cpSync(directory, `${directory}.copy`, { recursive: true })
  const later = await open({ directory })
  await appendMany(later, 10, 10)
  const remembered = await later.checkpoint()
  await later.close()
  await (await open({ directory, remembered })).close()

  await assert.rejects(open({ directory: `${directory}.copy`, remembered }), /holds 10 records and once held 20/)
  const fork = await open({ directory: `${directory}.copy` })
  await appendMany(fork, 100, 30)
  await fork.close()
  await assert.rejects(open({ directory: `${directory}.copy`, remembered }), /first 20 records are not those/)
  await assert.rejects(open({ directory: newDirectory(), remembered }), /it is empty, and once was not/)
})

test('a log of another key is not opened', async () => {
  const directory = newDirectory()
  await (await open({ directory })).close()
  await assert.rejects(
    open({ directory, signer: noteSigner(signer.name, Buffer.alloc(32, 8)) }),
    /its checkpoint is not signed by/,
  )
})

const damages: readonly (readonly [string, (directory: string) => void, RegExp])[] = [
  ['without its checkpoint', (directory) => rmSync(join(directory, 'checkpoint')), /checkpoint is missing/],
  [
    'without its journal',
    (directory) => rmSync(join(directory, 'journal'), { recursive: true }),
    /journal\/0 is missing/,
  ],
  ['without a tile', (directory) => rmSync(join(directory, 'tile/0/001.p'), { recursive: true }), /is missing/],
  ['with another tile', (directory) => flip(join(directory, 'tile/0/001.p/44'), 3), /tiles are not those/],
  ['with other entries', (directory) => flip(join(directory, 'tile/entries/001.p/44'), 30), /entries are not those/],
]
for (const [harm, inflict, message] of damages)
  test(`a log ${harm} is not opened`, async () => {
    const directory = newDirectory()
    const log = await open({ directory })
    await appendMany(log, 0, 300)
    await log.close()
    inflict(directory)
    await assert.rejects(open({ directory }), message)
    // The refusal leaves no lock behind.
    await assert.rejects(open({ directory }), message)
  })

test('an operator can open a log whose journal is damaged, and the start tells what was', async () => {
  const directory = newDirectory()
  const log = await open({ directory })
  await appendMany(log, 0, 300)
  await log.close()
  rmSync(join(directory, 'journal'), { recursive: true })
  const again = await open({ directory, acceptDamage: true })
  assert.deepEqual(
    again.recovery.damage.map(({ kind, path }) => [kind, path]),
    [
      ['journal-missing', 'journal/0'],
      ['journal-missing', 'journal/1'],
    ],
  )
  await again.append(auditRecord(300))
  await again.close()
  await requireValid(directory, 301)
})

function flip(path: string, at: number) {
  const contents = readFileSync(path)
  contents[at] = (contents[at] as number) ^ 1
  writeFileSync(path, contents)
}

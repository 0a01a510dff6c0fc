import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { appendMany, signer } from '../../test/contracts/audit-log.ts'
import { type SimulatedDisk, simulatedDisk } from '../../test/contracts/audit-log-disk.ts'
import { signCheckpoint } from './checkpoint.ts'
import { framesStart } from './journal.ts'
import { openAuditLog } from './log.ts'
import { noteSigner } from './note.ts'
import { decodeEntries, encodeEntries } from './tiles.ts'
import { emptyTree, leafHash } from './tree.ts'
import { verifyLog } from './verify.ts'

const { vkey } = signer
const root = mkdtempSync(join(tmpdir(), 'keyward-audit-verify-'))
const small = { signer, segmentBytes: 2 << 20 }
/** 700 records: two full bundles and one of 188; `early` is its copy when it had 600. */
const whole = join(root, 'whole')
const early = join(root, 'early')
let checkpointAt600 = ''
let copies = 0

before(async () => {
  const log = await openAuditLog({ ...small, directory: whole })
  await appendMany(log, 0, 600)
  checkpointAt600 = await log.checkpoint()
  await log.close()
  cpSync(whole, early, { recursive: true })
  const later = await openAuditLog({ ...small, directory: whole })
  await appendMany(later, 600, 100)
  await later.close()
})
after(() => rmSync(root, { recursive: true }))

function copyOf(directory: string): string {
  copies += 1
  const copy = join(root, `copy-${copies}`)
  cpSync(directory, copy, { recursive: true })
  return copy
}

async function findingsOf(directory: string, options: { readonly against?: string; readonly mirror?: boolean } = {}) {
  const report = await verifyLog({ directory, vkey, ...options })
  assert.equal(report.valid, report.findings.length === 0)
  return report.findings.map(({ kind, path, index }) => [kind, index ?? path])
}

function edit(directory: string, path: string, change: (contents: Buffer) => Uint8Array | undefined) {
  const file = join(directory, path)
  const contents = readFileSync(file)
  writeFileSync(file, change(contents) ?? contents)
}

const editEntries = (directory: string, path: string, change: (entries: Buffer[]) => Buffer[]) =>
  edit(directory, path, (contents) => encodeEntries(change(decodeEntries(contents).entries)))

function forged(entry: Buffer | undefined): Buffer {
  return Buffer.from((entry as Buffer).toString().replace('"ok"', '"no"'))
}

test('a whole log verifies, and its report has the checkpoint to remember', async () => {
  const report = await verifyLog({ directory: whole, vkey, against: checkpointAt600 })
  const checkpoint = readFileSync(join(whole, 'checkpoint'), 'utf8')
  assert.deepEqual(report, { valid: true, findings: [], size: 700, publishedSize: 700, unfinished: 0, checkpoint })
  assert.equal((await verifyLog({ directory: whole, vkey, against: checkpoint })).valid, true)
})

test('the public part alone verifies as a mirror', async () => {
  const mirror = copyOf(whole)
  rmSync(join(mirror, 'journal'), { recursive: true })
  rmSync(join(mirror, 'lock'))
  assert.deepEqual(await findingsOf(mirror, { mirror: true }), [])
  assert.deepEqual(await findingsOf(mirror), [
    ['journal-missing', 'journal/0'],
    ['journal-missing', 'journal/1'],
  ])
})

const bundle = 'tile/entries/001'
const tamperings: readonly (readonly [string, (directory: string) => void, readonly (readonly unknown[])[]])[] = [
  [
    'a changed record',
    (directory) => editEntries(directory, bundle, (entries) => entries.with(44, forged(entries[44]))),
    [['record-changed', 300]],
  ],
  [
    'a changed record of the last, partial bundle',
    (directory) => editEntries(directory, 'tile/entries/002.p/188', (entries) => entries.with(8, forged(entries[8]))),
    [['record-changed', 520]],
  ],
  [
    'a missing record',
    (directory) => editEntries(directory, bundle, (entries) => entries.toSpliced(44, 1)),
    [['record-missing', 300]],
  ],
  [
    'a missing last record',
    (directory) => editEntries(directory, 'tile/entries/002.p/188', (entries) => entries.slice(0, -1)),
    [['record-missing', 699]],
  ],
  [
    'two records in the wrong order',
    (directory) =>
      editEntries(directory, bundle, (entries) =>
        entries.with(44, entries[45] as Buffer).with(45, entries[44] as Buffer),
      ),
    [['record-moved', 301]],
  ],
  [
    'a record in the place of another one',
    (directory) => editEntries(directory, bundle, (entries) => entries.with(45, entries[44] as Buffer)),
    [
      ['record-moved', 301],
      ['record-missing', 301],
    ],
  ],
  [
    'a record of another bundle in the place of one',
    (directory) =>
      editEntries(directory, bundle, (entries) =>
        entries.with(45, decodeEntries(readFileSync(join(directory, 'tile/entries/000'))).entries[3] as Buffer),
      ),
    [['record-changed', 301]],
  ],
  [
    'a record twice',
    (directory) => editEntries(directory, bundle, (entries) => entries.toSpliced(44, 0, entries[44] as Buffer)),
    [['record-moved', 301]],
  ],
  [
    'a forged record between two',
    (directory) => editEntries(directory, bundle, (entries) => entries.toSpliced(44, 0, forged(entries[44]))),
    [['record-changed', 300]],
  ],
  ['a missing bundle', (directory) => rmSync(join(directory, bundle)), [['file-missing', 256]]],
  [
    'a bundle that was cut',
    (directory) => edit(directory, bundle, (contents) => contents.subarray(0, 100)),
    [
      ['record-malformed', 256],
      ['record-changed', 256],
      ...Array.from({ length: 255 }, (_, at) => ['record-missing', 257 + at]),
    ],
  ],
  [
    'a changed tile',
    (directory) =>
      edit(directory, 'tile/0/000', (contents) => {
        contents[5] = (contents[5] as number) ^ 1
        return contents
      }),
    [['tile-changed', 0]],
  ],
  [
    'a changed tile of a higher level',
    (directory) =>
      edit(directory, 'tile/1/000.p/2', (contents) => {
        contents[40] = (contents[40] as number) ^ 1
        return contents
      }),
    [['tile-changed', 256]],
  ],
  ['a missing tile', (directory) => rmSync(join(directory, 'tile/0/001')), [['file-missing', 256]]],
  [
    'a changed record with its tile made to fit',
    (directory) => {
      editEntries(directory, bundle, (entries) => entries.with(44, forged(entries[44])))
      edit(directory, 'tile/0/001', (contents) => {
        const entry = decodeEntries(readFileSync(join(directory, bundle))).entries[44] as Buffer
        contents.write(leafHash(entry), 44 * 32, 'latin1')
        return contents
      })
    },
    [
      ['tile-changed', 256],
      ['root-mismatch', 'checkpoint'],
    ],
  ],
  [
    'a missing checkpoint',
    (directory) => rmSync(join(directory, 'checkpoint')),
    [['checkpoint-missing', 'checkpoint']],
  ],
  [
    'a checkpoint of another key',
    (directory) => {
      const other = noteSigner(signer.name, Buffer.alloc(32, 9))
      writeFileSync(join(directory, 'checkpoint'), signCheckpoint(other, 700, emptyTree().root()))
    },
    [['checkpoint-invalid', 'checkpoint']],
  ],
  [
    'a damaged journal head beyond what a crash can do',
    (directory) => edit(directory, 'journal/0', (contents) => contents.fill(0, 0, framesStart)),
    [['journal-head-damaged', undefined]],
  ],
]
for (const [what, tamper, expected] of tamperings)
  test(`${what} is found, and where`, async () => {
    const directory = copyOf(whole)
    tamper(directory)
    assert.deepEqual(await findingsOf(directory), expected)
  })

test('a log rebuilt without one record is found, even where every tile was made anew', async () => {
  const directory = join(root, 'rebuilt')
  const stranger = noteSigner(signer.name, Buffer.alloc(32, 3))
  const log = await openAuditLog({ ...small, directory, signer: stranger })
  await appendMany(log, 0, 300)
  await appendMany(log, 301, 400)
  await log.close()
  cpSync(join(whole, 'checkpoint'), join(directory, 'checkpoint'))
  assert.deepEqual(await findingsOf(directory, { mirror: true }), [['root-mismatch', 'checkpoint']])
})

test('an old copy of the whole log is noticed by whoever remembers a later checkpoint, and by nobody else', async () => {
  const checkpoint = readFileSync(join(whole, 'checkpoint'), 'utf8')
  assert.deepEqual(await findingsOf(early), [])
  assert.deepEqual(await findingsOf(early, { against: checkpoint }), [['rolled-back', 600]])
})

test('a history that was written anew with the right key is noticed by whoever remembers the old one', async () => {
  const directory = join(root, 'anew')
  const log = await openAuditLog({ ...small, directory })
  await appendMany(log, 1, 900)
  await log.close()
  assert.deepEqual(await findingsOf(directory), [])
  assert.deepEqual(await findingsOf(directory, { against: checkpointAt600 }), [['history-changed', undefined]])
})

test('a remembered checkpoint that is none of this log is said to be so', async () => {
  assert.deepEqual(await findingsOf(whole, { against: 'nonsense' }), [['checkpoint-invalid', undefined]])
})

test('any changed byte of what is published is found', async () => {
  const directory = copyOf(whole)
  const published = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter(
    (path) => (path.startsWith('tile') || path === 'checkpoint') && statSync(join(directory, path)).isFile(),
  )
  // Partial tiles of older sizes and of bundles that are full by now are not looked at.
  const current = published.filter((path) => !path.includes('.p/') || /\.p\/(?:188|2)$/.test(path))
  assert.equal(current.length, 8)
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...current),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      async (path, at, bits) => {
        const original = readFileSync(join(directory, path))
        edit(directory, path, (contents) => {
          contents[at % contents.length] = (contents[at % contents.length] as number) ^ bits
          return contents
        })
        const { valid } = await verifyLog({ directory, vkey, mirror: true })
        writeFileSync(join(directory, path), original)
        assert.equal(valid, false)
      },
    ),
    { numRuns: 40 },
  )
})

// --------------------------------------------------------------------------------------------- beyond what is published

const segment = '/log/journal/0'

/** A crashed machine with 40 records in the journal, in four batches, of which nothing is published. */
async function unpublished() {
  const disk = simulatedDisk(() => 'none')
  const log = await openAuditLog({ ...small, directory: '/log', files: disk.files(), publishMs: 1_000_000 })
  for (const from of [0, 10, 20, 30]) await appendMany(log, from, 10)
  disk.crash(() => true)
  await log.close()
  const contents = (await disk.files().read(segment)) as Buffer
  const starts = [framesStart]
  for (let frame = 0; frame < 4; frame += 1) {
    const start = starts[frame] as number
    starts.push(start + 64 + contents.readUInt32BE(start + 4))
  }
  return { disk, contents, starts }
}

async function journalFindings(disk: SimulatedDisk) {
  const report = await verifyLog({ directory: '/log', vkey, files: disk.files() })
  return { ...report, findings: report.findings.map(({ kind, index }) => [kind, index]) }
}

test('records that are only in the journal are verified by its signed heads', async () => {
  const { disk } = await unpublished()
  const { valid, size, publishedSize } = await journalFindings(disk)
  assert.deepEqual({ valid, size, publishedSize }, { valid: true, size: 40, publishedSize: 0 })
})

test('records cut off the end of the journal are missed', async () => {
  const { disk, contents, starts } = await unpublished()
  contents.fill(0, starts[2])
  disk.tamper.replace(segment, contents)
  assert.deepEqual((await journalFindings(disk)).findings, [['journal-records-missing', 20]])
  await assert.rejects(
    openAuditLog({ ...small, directory: '/log', files: disk.files() }),
    /records 20 to 39 were durable/,
  )
})

test('a changed record in the journal is found', async () => {
  const { disk, contents, starts } = await unpublished()
  const at = (starts[1] as number) + 100
  contents[at] = (contents[at] as number) ^ 1
  disk.tamper.replace(segment, contents)
  assert.deepEqual((await journalFindings(disk)).findings, [['journal-records-missing', 10]])
})

test('records that somebody added to the journal are not taken in', async () => {
  const { disk, contents, starts } = await unpublished()
  const forgedLog = simulatedDisk(() => 'none')
  const log = await openAuditLog({
    directory: '/log',
    segmentBytes: 2 << 20,
    signer: noteSigner(signer.name, Buffer.alloc(32, 3)),
    files: forgedLog.files(),
    publishMs: 1_000_000,
  })
  for (const from of [0, 10, 20, 30, 66]) await appendMany(log, from, 10)
  const forgedContents = (await forgedLog.files().read(segment)) as Buffer
  await log.close()
  forgedContents.copy(contents, starts[4], starts[4])
  disk.tamper.replace(segment, contents)
  const { valid, size, unfinished } = await journalFindings(disk)
  assert.deepEqual({ valid, size, unfinished }, { valid: true, size: 40, unfinished: 10 })
  const opened = await openAuditLog({ ...small, directory: '/log', files: disk.files() })
  assert.equal(opened.size(), 40)
  await opened.close()
})

test('a remembered checkpoint is compared through the journal where the published log does not reach it', async () => {
  const { disk } = await unpublished()
  const other = await openAuditLog({ ...small, directory: '/other', files: disk.files() })
  await appendMany(other, 0, 25)
  const against = await other.checkpoint()
  await other.close()
  assert.equal((await verifyLog({ directory: '/log', vkey, files: disk.files(), against })).valid, true)
})

import assert from 'node:assert/strict'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { diskFiles, readerOf } from '../src/audit/files.ts'
import { type AuditLogOnDisk, openAuditLog } from '../src/audit/log.ts'
import { noteSigner } from '../src/audit/note.ts'
import { logFolder, logName, vkeyOfLog } from '../src/audit/places.ts'
import { shipperOf } from '../src/audit/ship.ts'
import { type Destination, folderDestination } from '../src/audit/shipped.ts'
import { verifyLogs } from '../src/audit/verify-all.ts'
import { openShipping, shippedLogs } from '../src/audit-shipping.ts'
import { loadConfig } from '../src/config.ts'
import { createMetrics, renderMetrics } from '../src/telemetry/metrics.ts'
import { appendMany } from './contracts/audit-log.ts'
import { keyward, serveProcesses } from './processes-service.ts'
import { startS3Server } from './s3-server.ts'

const seed = Buffer.alloc(32, 3)
const { vkey } = noteSigner(logName('keyward', 0), seed)

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'keyward-shipping-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

async function logIn(t: TestContext, data: string, number = 0): Promise<AuditLogOnDisk> {
  const directory = join(data, logFolder(number))
  const log = await openAuditLog({
    directory,
    signer: noteSigner(logName('keyward', number), seed),
    segmentBytes: 2 << 20,
  })
  t.after(() => log.close())
  return log
}

/** Counts what is written, and breaks off where it is told to. */
function watched(destination: Destination) {
  const written: string[] = []
  let breakAfter = Number.POSITIVE_INFINITY
  return {
    written,
    breakAfter: (count: number) => {
      breakAfter = written.length + count
    },
    destination: {
      read: destination.read,
      async write(path: string, bytes: Uint8Array) {
        if (written.length >= breakAfter) throw new Error('the line is cut')
        written.push(path)
        await destination.write(path, bytes)
      },
    },
  }
}

const shipper = (data: string, destination: Destination) =>
  shipperOf({ vkey, readFile: readerOf(diskFiles, join(data, logFolder(0))), destination })

test('a copy verifies at every size, and shipping goes on where it broke off, writing again only what was on its way', async (t) => {
  const [data, copy] = [folderFor(t), folderFor(t)]
  const log = await logIn(t, data)
  const { destination, written, breakAfter } = watched(folderDestination(join(copy, 'audit')))
  const verified = async () => {
    const { findings, size } = await verifyLogs(await shippedLogs(copy, loadConfig({}), vkey), { mirror: true })
    assert.deepEqual(findings, [])
    return size
  }
  const one = shipper(data, destination)
  let size = 0
  for (const more of [0, 1, 254, 1, 300, 700]) {
    await appendMany(log, size, more)
    size += more
    await log.checkpoint()
    await one.ship()
    assert.equal(one.lag(), 0)
    assert.equal(await verified(), size)
  }
  const before = written.length
  await one.ship()
  assert.equal(written.length, before, 'where nothing is new nothing is written')

  for (let round = 0; round < 2; round++) {
    await appendMany(log, size, 10_000)
    size += 10_000
  }
  await log.checkpoint()
  breakAfter(90)
  await assert.rejects(one.ship(), /the line is cut/)
  assert.equal(await verified(), 1256, 'what lies there still verifies, at its old size')
  breakAfter(Number.POSITIVE_INFINITY)
  const from = written.length
  // Another process: it knows nothing of what was shipped.
  const other = shipper(data, destination)
  await other.ship()
  assert.equal(await verified(), size)
  const bundles = written.filter((path) => path.startsWith('tile/entries/') && !path.includes('.p/'))
  const again = bundles.filter(
    (path, at) => at >= bundles.length - (written.length - from) && bundles.indexOf(path) < at,
  )
  assert.ok(again.length <= 16, `${again.length} bundles were written again`)
  assert.equal(new Set(bundles).size, Math.floor(size / 256))
})

test('a copy of another log, or one that knows more than the log, is left as it is', async (t) => {
  const [data, copy] = [folderFor(t), folderFor(t)]
  const log = await logIn(t, data)
  await appendMany(log, 0, 300)
  await log.checkpoint()
  const older = `${data}-older`
  t.after(() => rmSync(older, { recursive: true, force: true }))
  cpSync(data, older, { recursive: true })
  await appendMany(log, 300, 300)
  await log.checkpoint()
  const { destination, written } = watched(folderDestination(copy))
  await shipper(data, destination).ship()
  const before = written.length

  await assert.rejects(shipper(older, destination).ship(), /holds 600 records of keyward\/audit, and the log only 300/)
  const foreign = noteSigner('keyward/audit', Buffer.alloc(32, 4))
  const foreignLog = await openAuditLog({ directory: join(older, 'foreign'), signer: foreign, segmentBytes: 2 << 20 })
  t.after(() => foreignLog.close())
  const readFile = readerOf(diskFiles, join(older, 'foreign'))
  await assert.rejects(shipperOf({ vkey: foreign.vkey, readFile, destination }).ship(), /is not a copy of/)
  const rewritten = folderFor(t)
  const otherHistory = await logIn(t, rewritten)
  await appendMany(otherHistory, 5000, 700)
  await otherHistory.checkpoint()
  await assert.rejects(shipper(rewritten, destination).ship(), /holds other records/)
  assert.equal(written.length, before)
})

test('what was changed in a copy is found without the service', async (t) => {
  const [data, copy] = [folderFor(t), folderFor(t)]
  const log = await logIn(t, data)
  await appendMany(log, 0, 600)
  const { checkpoint } = { checkpoint: await log.checkpoint() }
  await shipper(data, folderDestination(join(copy, 'audit'))).ship()
  const kept = join(copy, 'kept')
  writeFileSync(kept, checkpoint)
  const words = ['audit', 'verify', '--from', copy, '--verifier-key', vkey, '--against', kept]
  assert.equal((await keyward(data, ...words)).size, 600)

  // The same files on any web server.
  const server = createServer((incoming, outgoing) => {
    const path = join(copy, incoming.url ?? '')
    if (existsSync(path)) outgoing.end(readFileSync(path))
    else outgoing.writeHead(404).end()
  }).listen(0, '127.0.0.1')
  t.after(() => server.close())
  await new Promise((resolve) => server.once('listening', resolve))
  const web = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const onTheWeb = await verifyLogs(await shippedLogs(web, loadConfig({}), vkey), { mirror: true, against: checkpoint })
  assert.deepEqual([onTheWeb.findings, onTheWeb.size], [[], 600])

  const bundle = join(copy, 'audit', 'tile', 'entries', '001')
  const bytes = readFileSync(bundle)
  bytes.write('X', 1000)
  writeFileSync(bundle, bytes)
  await assert.rejects(keyward(data, ...words), /record-changed/)
})

test('several processes ship all their logs to an S3 store, where an auditor verifies them without the service', async (t) => {
  const s3 = await startS3Server()
  if (typeof s3 === 'string') {
    if (process.env.KEYWARD_TEST_STRICT === '1') assert.fail(s3)
    t.skip(s3)
    return
  }
  t.after(() => s3.stop())
  const data = join(folderFor(t), 'data')
  const credentials = join(folderFor(t), 'credentials')
  writeFileSync(credentials, '[default]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = very/secret+key\n')
  const place = `s3://${s3.bucket}/keyward/eu`
  const environment = {
    KEYWARD_AUDIT_SHIP: place,
    KEYWARD_AUDIT_SHIP_ENDPOINT: s3.url,
    KEYWARD_AUDIT_SHIP_CREDENTIALS_FILE: credentials,
    KEYWARD_AUDIT_SHIP_SECONDS: '1',
  }
  const service = await serveProcesses(data, 2, { environment })
  t.after(() => service.stop())
  const connections = await service.connectToEach()
  for (const connection of connections)
    for (let count = 0; count < 10; count++) assert.equal((await connection.call('POST', '/v1/keys', {})).status, 200)
  const config = loadConfig(environment)
  const verifierKey = readFileSync(join(data, 'audit-verifier-key'), 'utf8').trim()
  const verify = async () => verifyLogs(await shippedLogs(place, config, verifierKey), { mirror: true })
  let report = await verify()
  for (let looks = 0; report.size < 20; looks++) {
    assert.ok(looks < 200, JSON.stringify(report))
    await new Promise((resolve) => setTimeout(resolve, 500))
    report = await verify()
  }
  assert.deepEqual(report.findings, [])
  assert.equal(report.checkpoint?.match(/^keyward\/audit/gm)?.length, 3)
  const metrics = (await connections[0]?.call('GET', '/metrics'))?.body.text
  assert.match(metrics, /keyward_audit_ship_lag_seconds\{process="0"\} \d/)
  await service.stop()
  // Only what is at the store is read: the service's files are gone.
  rmSync(join(data, 'audit-1'), { recursive: true })
  assert.ok((await verify()).valid)
})

test('a store that refuses, or leads elsewhere, is told, and the lag grows; nothing else is disturbed', async (t) => {
  const data = folderFor(t)
  const log = await logIn(t, data)
  await appendMany(log, 0, 10)
  await log.checkpoint()
  const asked: string[] = []
  let answer: [number, Record<string, string>, string] = [403, {}, '<Error><Code>AccessDenied</Code></Error>']
  const server = createServer((incoming, outgoing) => {
    asked.push(`${incoming.method} ${incoming.url}`)
    incoming.resume()
    outgoing.writeHead(answer[0], answer[1]).end(answer[2])
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  t.after(() => server.close())
  const credentials = join(data, 'credentials')
  writeFileSync(credentials, 'aws_access_key_id=A\naws_secret_access_key=B\n')
  const metrics = createMetrics()
  let now = 0
  const config = {
    ...loadConfig({
      KEYWARD_AUDIT_SHIP: 's3://bucket',
      KEYWARD_AUDIT_SHIP_ENDPOINT: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      KEYWARD_AUDIT_SHIP_CREDENTIALS_FILE: credentials,
    }),
    data,
  }
  const shipping = openShipping(config, { vkey, metrics, monotonic: () => now })
  now = 90_000
  await assert.rejects(shipping?.round() as Promise<void>, /403 AccessDenied/)
  assert.match(
    renderMetrics([{ labels: '', snapshot: metrics.snapshot() }]),
    /ship_lag_records 10\n[\s\S]*ship_lag_seconds 90\n/,
  )
  answer = [307, { location: 'http://127.0.0.1:9/elsewhere' }, '']
  await assert.rejects(shipping?.round() as Promise<void>, /fetch failed/)
  assert.deepEqual(new Set(asked), new Set(['GET /bucket/audit/checkpoint']))
  assert.equal(readdirSync(data).includes('audit'), true)
  assert.equal(vkeyOfLog(vkey, 0), vkey)
})

test('settings of shipping that cannot be are refused with the mend', () => {
  for (const [name, value, words] of [
    ['KEYWARD_AUDIT_SHIP', 'ftp://x/y', /a folder, or s3/],
    ['KEYWARD_AUDIT_SHIP', 's3://Bad_Bucket', /a folder, or s3/],
    ['KEYWARD_AUDIT_SHIP_ENDPOINT', 'http://example.com', /https address/],
  ] as const)
    assert.throws(() => loadConfig({ [name]: value }), words)
  const config = loadConfig({ KEYWARD_AUDIT_SHIP: 's3://bucket' })
  assert.throws(
    () => openShipping(config, { vkey, metrics: createMetrics(), monotonic: () => 0 }),
    /CREDENTIALS_FILE is not set/,
  )
})

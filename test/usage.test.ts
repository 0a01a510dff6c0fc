import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, test } from 'node:test'
import { openUsage } from '../src/usage/fold.ts'
import { schemaVersion } from '../src/usage/schema.ts'
import { base64, days, startTestService, type TestService, testAccount } from './service.ts'

let service: TestService
before(async () => {
  service = await startTestService()
})
after(() => service.stop())

const api: TestService['api'] = (...call) => service.api(...call)

async function newKey(body: object = {}): Promise<string> {
  return (await api('POST', '/v1/keys', body)).body.key.keyId
}
const encrypt = async (keyId: string) =>
  (await api('POST', `/v1/keys/${encodeURIComponent(keyId)}/encrypt`, { plaintext: base64('x') })).body
const schedule = (keyId: string) =>
  api('POST', `/v1/keys/${keyId}/schedule-deletion`, { pendingWindowInDays: 7, evenIfRecentlyUsed: true })
const cancel = (keyId: string) => api('POST', `/v1/keys/${keyId}/cancel-deletion`)
const report = async (month: string, keyId: string, headers = {}) => {
  const { body } = await api('GET', `/v1/usage-report?month=${month}`, undefined, headers)
  return body.keys.find((key: { keyId: string }) => key.keyId === keyId)
}
const uses = async (keyId: string) => (await api('GET', `/v1/keys/${keyId}/usage`)).body.uses
const events = async (query = '') => (await api('GET', `/v1/events${query}`)).body.events

test('R20: a key costs from its creation on, not from the scheduling of its deletion on, and again once that is cancelled', async () => {
  service.clock.set(Date.parse('2027-01-10T00:00:00Z'))
  const keyId = await newKey()
  service.clock.advance(days(5))
  await schedule(keyId)
  service.clock.advance(days(3))
  await cancel(keyId)
  service.clock.advance(days(2))
  assert.equal((await report('2027-01', keyId)).billableSeconds, 7 * 86_400)
  await schedule(keyId)
  service.clock.advance(days(40))
  await service.chores()
  const { billable, billableSeconds } = await report('2027-01', keyId)
  assert.deepEqual(billable, [
    { from: '2027-01-10T00:00:00.000Z', to: '2027-01-15T00:00:00.000Z' },
    { from: '2027-01-18T00:00:00.000Z', to: '2027-01-20T00:00:00.000Z' },
  ])
  assert.equal(billableSeconds, 7 * 86_400)
  assert.equal(await report('2027-02', keyId), undefined, 'a deleted key costs nothing')
})

test('R20: a time that goes over the end of a month is cut there, and one that goes on has no end yet', async () => {
  service.clock.set(Date.parse('2027-06-20T12:00:00Z'))
  const keyId = await newKey()
  service.clock.set(Date.parse('2027-08-02T00:00:00Z'))
  assert.deepEqual((await report('2027-06', keyId)).billable, [{ from: '2027-06-20T12:00:00.000Z' }])
  assert.equal((await report('2027-06', keyId)).billableSeconds, 10.5 * 86_400)
  assert.equal((await report('2027-07', keyId)).billableSeconds, 31 * 86_400)
  assert.equal((await report('2027-08', keyId)).billableSeconds, 86_400)
  assert.equal(await report('2027-05', keyId), undefined)
  for (const month of ['2027-13', '2027-6', 'june', '2027-00'])
    assert.equal((await api('GET', `/v1/usage-report?month=${month}`)).body.code, 'InvalidRequest', month)
})

test('R20: two records of a race that stand the wrong way round in the log come to the same in the end', async () => {
  const scope = { account: testAccount, region: 'local', keyId: '11111111-2222-4333-8444-555555555555' }
  const record = (operation: string, time: string) => ({
    ...scope,
    time,
    operation,
    requestId: `${operation} ${time}`,
    protocol: 'rest',
    outcome: 'ok',
  })
  const records = [
    record('CreateKey', '2027-01-01T00:00:00.000Z'),
    record('CancelKeyDeletion', '2027-01-02T00:00:00.001Z'),
    record('ScheduleKeyDeletion', '2027-01-02T00:00:00.000Z'),
  ]
  const usage = openUsage(
    ':memory:',
    async () => [logOf(records)],
    () => 0,
  )
  const period = { from: Date.parse('2027-01-01T00:00:00Z'), to: Date.parse('2027-02-01T00:00:00Z') }
  const { keys } = await usage.report(scope, period, { limit: 10 })
  assert.deepEqual(
    keys[0]?.billable,
    [{ from: period.from }],
    'the key was never without a fee for longer than the race',
  )
  usage.close()
})

test('R20: what stands in two logs is counted once, in the order of its times, wherever a fold broke off', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'keyward-fold-'))
  t.after(() => rm(folder, { recursive: true }))
  const scope = { account: testAccount, region: 'local', keyId: '11111111-2222-4333-8444-555555555555' }
  const record = (operation: string, time: string) => ({
    ...scope,
    time,
    operation,
    requestId: `${operation} ${time}`,
    protocol: 'rest',
    outcome: 'ok',
  })
  const [first, second] = [
    [record('CreateKey', '2027-01-01T00:00:00.000Z'), record('CancelKeyDeletion', '2027-01-04T00:00:00.000Z')],
    [record('ScheduleKeyDeletion', '2027-01-02T00:00:00.000Z')],
  ]
  for (let minute = 0; minute < 3000; minute++)
    (minute % 3 === 0 ? first : second).push(record('Encrypt', new Date(Date.UTC(2027, 0, 5, 0, minute)).toISOString()))
  const period = { from: Date.parse('2027-01-01T00:00:00Z'), to: Date.parse('2027-02-01T00:00:00Z') }
  const reports: unknown[] = []
  for (const [parts, file] of [
    [[1], ':memory:'],
    [[0.1, 0.5, 0.97, 1], join(folder, 'usage.sqlite')],
  ] as const)
    for (const part of parts) {
      const cut = (records: readonly unknown[]) => records.slice(0, Math.ceil(records.length * part))
      const usage = openUsage(
        file,
        async () => [logOf(cut(first), 0), logOf(cut(second), 1)],
        () => 0,
      )
      const { keys } = await usage.report(scope, period, { limit: 10 })
      if (part === 1) reports.push(keys)
      assert.equal(usage.folded(), cut(first).length + cut(second).length)
      usage.close()
    }
  assert.deepEqual(reports[1], reports[0])
  const [key] = reports[0] as { billable: unknown; requests: { operation: string; ok: number }[] }[]
  assert.deepEqual(key?.billable, [
    { from: period.from, to: Date.parse('2027-01-02T00:00:00Z') },
    { from: Date.parse('2027-01-04T00:00:00Z') },
  ])
  const encrypted = key?.requests.filter(({ operation }) => operation === 'Encrypt') ?? []
  assert.equal(
    encrypted.reduce((sum, { ok }) => sum + ok, 0),
    3000,
  )
})

// biome-ignore lint/suspicious/noExplicitAny: records of any shape.
const logOf = (records: readonly any[], number = 0) => ({
  number,
  size: () => records.length,
  async *read(from: number, to: number) {
    for (let index = from; index < Math.min(to, records.length); index++) yield { index, record: records[index] }
  },
})

test('reading 14: requests are counted by key, operation and day, and who looks at the report is not counted in it', async () => {
  service.clock.set(Date.parse('2027-09-01T23:59:00Z'))
  const keyId = await newKey()
  await encrypt(keyId)
  await encrypt(keyId)
  service.clock.advance(120_000)
  const sealed = await encrypt(keyId)
  await api('POST', '/v1/decrypt', { ciphertextBlob: sealed.ciphertextBlob })
  await api('POST', '/v1/decrypt', { ciphertextBlob: sealed.ciphertextBlob, encryptionContext: { a: 'b' } })
  await report('2027-09', keyId)
  assert.deepEqual((await report('2027-09', keyId)).requests, [
    { day: '2027-09-01', operation: 'CreateKey', ok: 1, failed: 0 },
    { day: '2027-09-01', operation: 'Encrypt', ok: 2, failed: 0 },
    { day: '2027-09-02', operation: 'Decrypt', ok: 1, failed: 1 },
    { day: '2027-09-02', operation: 'Encrypt', ok: 1, failed: 0 },
  ])
})

test('the report comes as CSV (RFC 4180) too; its pages joined are one table, and hold every key once', async () => {
  service.clock.set(Date.parse('2028-02-01T00:00:00Z'))
  const region = { 'x-keyward-region': 'csv-1' }
  const made: string[] = []
  for (let count = 0; count < 5; count++) made.push((await api('POST', '/v1/keys', {}, region)).body.key.keyId)
  let csv = ''
  const seen: string[] = []
  let marker = ''
  do {
    const path = `/v1/usage-report?month=2028-02&format=csv&limit=2${marker === '' ? '' : `&marker=${marker}`}`
    const { body } = await api('GET', path, undefined, region)
    csv += body.csv
    seen.push(...body.keys.map((key: { keyId: string }) => key.keyId))
    marker = body.nextMarker ?? ''
  } while (marker !== '')
  assert.deepEqual(seen, made.toSorted())
  const lines = csv.split('\r\n')
  assert.equal(lines.pop(), '')
  assert.equal(lines[0], 'account,region,keyId,kind,from,to,day,operation,ok,failed')
  const [first = ''] = seen
  assert.equal(lines[1], `${testAccount},csv-1,${first},billable,2028-02-01T00:00:00.000Z,,,,,`)
  assert.equal(lines[2], `${testAccount},csv-1,${first},requests,,,2028-02-01,CreateKey,1,0`)
  assert.equal(lines.length, 1 + 2 * made.length)
})

test('a default key is told apart in the report, and a copy in another region costs there', async () => {
  service.clock.set(Date.parse('2028-04-01T00:00:00Z'))
  const { keyId } = await encrypt('alias/acs/ecs')
  assert.equal((await report('2028-04', keyId)).defaultFor, 'alias/acs/ecs')
  const copied = await newKey({ multiRegion: true })
  service.clock.advance(days(1))
  assert.equal((await api('POST', `/v1/keys/${copied}/replicate`, { replicaRegion: 'far-1' })).status, 200)
  assert.deepEqual((await report('2028-04', copied, { 'x-keyward-region': 'far-1' })).billable, [
    { from: '2028-04-02T00:00:00.000Z' },
  ])
  assert.deepEqual((await report('2028-04', copied)).billable, [{ from: '2028-04-01T00:00:00.000Z' }])
})

test('what would break is told of the last 90 days, and the last use of all time', async () => {
  service.clock.set(Date.parse('2029-01-01T00:00:00Z'))
  const keyId = await newKey()
  for (let count = 0; count < 5; count++) await encrypt(keyId)
  service.clock.advance(days(60))
  await encrypt(keyId)
  assert.equal((await uses(keyId))[0].count, 6)
  await api('POST', `/v1/keys/${keyId}/disable`)
  await encrypt(keyId)
  await api('POST', `/v1/keys/${keyId}/enable`)
  assert.deepEqual((await api('GET', `/v1/keys/${keyId}/usage`)).body.days, [
    { day: '2029-01-01', operation: 'Encrypt', count: 5, refused: 0 },
    { day: '2029-03-02', operation: 'Encrypt', count: 2, refused: 1 },
  ])
  service.clock.advance(days(31))
  assert.equal((await uses(keyId))[0].count, 1)
  service.clock.advance(days(60))
  assert.deepEqual(await uses(keyId), [])
  assert.equal((await api('GET', `/v1/keys/${keyId}/last-usage`)).body.lastUse.at, '2029-03-02T00:00:00.000Z')
})

test('events: rotated, scheduled, cancelled, denied, deleted; newest first, by type and key, page by page', async () => {
  service.clock.set(Date.parse('2029-09-01T00:00:00Z'))
  const keyId = await newKey({ rotationPeriodDays: 30 })
  const sealed = await encrypt(keyId)
  await api('POST', `/v1/keys/${keyId}/rotate`)
  service.clock.advance(days(30))
  await encrypt(keyId)
  await schedule(keyId)
  for (let attempt = 0; attempt < 3; attempt++)
    await api('POST', '/v1/decrypt', { ciphertextBlob: sealed.ciphertextBlob })
  await cancel(keyId)
  await schedule(keyId)
  service.clock.advance(days(8))
  await service.chores()
  const told = await events(`?keyId=${keyId}`)
  assert.deepEqual(
    told.map(({ type }: { type: string }) => type),
    [
      'key.deleted',
      'key.deletion.scheduled',
      'key.deletion.cancelled',
      'key.use.denied',
      'key.deletion.scheduled',
      'key.rotated',
      'key.rotated',
    ],
  )
  assert.equal(told[4].details.deleteAt, '2029-10-08T00:00:00.000Z')
  assert.match(told[4].principal, /^arn:aws:iam::/)
  assert.equal(told[5].principal, undefined, 'the service rotated by itself')
  assert.deepEqual(told[3].details, { operation: 'Decrypt' })
  const proof = await api('GET', `/v1/audit/records/${told[0].index}/proof`)
  assert.match(proof.body.proof, /DeleteKey|c2sp/)
  const [only, ...others] = await events(`?keyId=${keyId}&type=key.deletion.cancelled`)
  assert.deepEqual([only.eventId, others], [told[2].eventId, []])
  const paged: string[] = []
  let marker = ''
  do {
    const { body } = await api('GET', `/v1/events?keyId=${keyId}&limit=2${marker}`)
    paged.push(...body.events.map(({ eventId }: { eventId: string }) => eventId))
    marker = body.nextMarker === undefined ? '' : `&marker=${body.nextMarker}`
  } while (marker !== '')
  assert.deepEqual(
    paged,
    told.map(({ eventId }: { eventId: string }) => eventId),
  )
  assert.deepEqual((await api('GET', '/v1/events?type=key.made')).body.code, 'InvalidRequest')
})

test('a use that is denied in ReEncrypt stands with the key that denied it', async () => {
  const [source, destination] = [await newKey(), await newKey()]
  const sealed = await encrypt(source)
  await schedule(destination)
  const answer = await api('POST', '/v1/re-encrypt', {
    ciphertextBlob: sealed.ciphertextBlob,
    destinationKeyId: destination,
  })
  assert.equal(answer.body.code, 'KeyPendingDeletion')
  assert.deepEqual(
    (await uses(destination)).map((use: { operation: string; refused: number }) => [use.operation, use.refused]),
    [['Encrypt', 1]],
  )
  assert.deepEqual(
    (await uses(source)).map((use: { operation: string }) => use.operation),
    ['Encrypt'],
  )
  assert.equal((await events(`?keyId=${destination}&type=key.use.denied`)).length, 1)
  assert.equal((await events(`?keyId=${source}`)).length, 0)
})

test("another account's use of a key is shown to the account of the key", async () => {
  const other = await api('POST', '/v1/accounts', { account: '444455556666', name: 'other' })
  assert.equal(other.status, 200, JSON.stringify(other.body))
  const keyId = await newKey()
  const policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: { AWS: [testAccount, '444455556666'] }, Action: 'kms:*', Resource: '*' }],
  })
  assert.equal((await api('PUT', `/v1/keys/${keyId}/policy`, { policy })).status, 200)
  const token = JSON.stringify(other.body).match(/"token":"([^"]+)"/)?.[1] ?? assert.fail('no token')
  const arn = `arn:aws:kms:local:${testAccount}:key/${keyId}`
  const answer = await service.as(token)('POST', `/v1/keys/${encodeURIComponent(arn)}/encrypt`, {
    plaintext: base64('x'),
  })
  assert.equal(answer.status, 200, JSON.stringify(answer.body))
  const [use] = await uses(keyId)
  assert.match(use.principal, /444455556666/)
  assert.equal((await schedule(keyId)).status, 200)
})

test('a fold of an older version, of another log, or that is damaged is made anew from the log', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'keyward-fold-'))
  t.after(() => rm(folder, { recursive: true }))
  const file = join(folder, 'usage.sqlite')
  const { world } = service
  const scope = { account: testAccount, region: 'local' }
  const all = { from: 0, to: Date.parse('2040-01-01T00:00:00Z') }
  const whole = async (logs: Parameters<typeof openUsage>[1] = world.logs) => {
    const usage = openUsage(file, logs, () => service.clock.now())
    const counted = await usage.report(scope, all, { limit: 1000 })
    const told = await usage.events(scope, { limit: 1000 })
    const refused = await usage.refusals(scope, { from: 0, limit: 1000 })
    usage.close()
    return { counted, told, refused }
  }
  const first = await whole()
  assert.ok(first.counted.keys.length > 5 && first.told.length > 5 && first.refused.total > 0)
  assert.deepEqual(await whole(), first, 'closed and opened again')

  const old = new DatabaseSync(file)
  old.exec(`update requests set ok = ok + 1; pragma user_version = ${schemaVersion - 1}`)
  old.close()
  assert.deepEqual(await whole(), first, 'of an older version')

  const [, ...shorter] = await Array.fromAsync(world.audit.read(0, world.audit.size()))
  await whole(async () => [logOf(shorter.map(({ record }) => record))])
  assert.deepEqual(await whole(), first, 'of another log')

  const inUse = openUsage(file, world.logs, () => 0)
  await inUse.catchUp()
  // As after a crash of the machine: open, and half of the file is something else.
  const torn = new DatabaseSync(file)
  torn.exec('pragma wal_checkpoint(truncate)')
  torn.close()
  const bytes = await import('node:fs').then(({ readFileSync }) => readFileSync(file))
  inUse.close()
  for (const suffix of ['-wal', '-shm']) rmSync(file + suffix, { force: true })
  writeFileSync(file, bytes.fill(0x5a, Math.floor(bytes.length / 2)))
  assert.deepEqual(await whole(), first, 'damaged')
})

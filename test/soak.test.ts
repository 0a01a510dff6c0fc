import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { base64, days, startTestService, testAccount } from './service.ts'

const partition = `${testAccount}/local`
/** Ten years of 365.25 days. */
const weeks = 522

test('R34-R38, R70, R74: ten years of weekly rotation, with chores and without, restarted each year; then all is erased', async (t) => {
  const data = mkdtempSync(join(tmpdir(), 'keyward-soak-'))
  t.after(() => rmSync(data, { recursive: true, force: true }))
  let service = await startTestService({ on: 'sqlite', data })
  t.after(() => service.stop())
  const { clock, token } = service
  const api = (...call: Parameters<typeof service.api>) => service.as(token)(...call)
  const newKey = async () => (await api('POST', '/v1/keys', { rotationPeriodDays: 7 })).body.key.keyId as string
  const [used, unused, suspended] = [await newKey(), await newKey(), await newKey()]
  const bornAt = clock.now()
  const ciphertexts: { blob: string; week: number; keyVersionId: string }[] = []
  for (let week = 0; week < weeks; week++) {
    const { body } = await api('POST', `/v1/keys/${used}/encrypt`, { plaintext: base64(`week ${week}`) })
    ciphertexts.push({ blob: body.ciphertextBlob, week, keyVersionId: body.keyVersionId })
    if (week === 100) await api('POST', `/v1/keys/${suspended}/disable`)
    if (week === 300) await api('POST', `/v1/keys/${suspended}/enable`)
    if (week % 52 === 51) {
      await service.stop()
      service = await startTestService({ on: 'sqlite', data, clock })
    }
    // Now on time, now odd hours late: the grid stays that of the first day.
    clock.set(bornAt + days(7) * (week + 1) + ((week * 7_777_777) % days(6)))
    if (week % 3 === 0) await service.chores()
  }
  await service.chores()

  for (const { blob, week, keyVersionId } of ciphertexts) {
    const { body } = await api('POST', '/v1/decrypt', { ciphertextBlob: blob })
    assert.deepEqual([body.plaintext, body.keyVersionId], [base64(`week ${week}`), keyVersionId])
  }
  assert.equal(new Set(ciphertexts.map(({ keyVersionId }) => keyVersionId)).size, weeks, 'each week had its version')
  const versionsOf = async (keyId: string) =>
    (await api('GET', `/v1/keys/${keyId}/versions?limit=1000`)).body.versions as {
      keyVersionId: string
      createdAt: string
      primary: boolean
      lastDecryptedAt?: string
    }[]
  const versions = await versionsOf(used)
  assert.deepEqual(
    versions.map(({ createdAt, primary }) => [Date.parse(createdAt), primary]),
    versions.map((_, week) => [bornAt + days(7) * week, week === weeks]),
  )
  assert.equal(versions.length, weeks + 1)
  for (const { primary, lastDecryptedAt } of versions) assert.equal(lastDecryptedAt === undefined, primary)
  for (const [keyId, most] of [
    [unused, weeks + 1],
    [suspended, weeks + 1 - 199],
  ] as const) {
    const times = (await versionsOf(keyId)).map(({ createdAt }) => Date.parse(createdAt) - bornAt)
    assert.ok(times.length > 100 && times.length <= most, `${times.length} versions`)
    for (const time of times) assert.equal(time % days(7), 0, 'never off the grid')
  }

  await api('POST', `/v1/keys/${used}/schedule-deletion`, { pendingWindowInDays: 7, evenIfRecentlyUsed: true })
  clock.advance(days(7))
  assert.equal(
    (await api('POST', '/v1/decrypt', { ciphertextBlob: ciphertexts[0]?.blob })).body.code,
    'KeyNotFound',
    'before any chore',
  )
  await service.chores()
  const { records } = await service.world.store.list('version', { partition, prefix: `${used}/`, limit: 10 })
  assert.deepEqual(records, [])
})

test('a key has up to 10,000 versions, and one more on demand is refused', async (t) => {
  const service = await startTestService()
  t.after(() => service.stop())
  const { api, world } = service
  const { keyId } = (await api('POST', '/v1/keys', {})).body.key
  const key = (await world.store.get('key', partition, keyId)) ?? assert.fail('no key')
  const version =
    (await world.store.get('version', partition, `${keyId}/${key.currentVersionId}`)) ?? assert.fail('no version')
  await world.store.commit([
    { put: 'key', record: { ...key, revision: key.revision + 1, versionCount: 9_999 } },
    { put: 'version', record: { ...version, revision: version.revision + 1, number: 9_999 } },
  ])
  assert.equal((await api('POST', `/v1/keys/${keyId}/rotate`)).body.versionCount, 10_000)
  assert.equal((await api('POST', `/v1/keys/${keyId}/rotate`)).body.code, 'LimitExceeded')
  assert.equal((await api('POST', `/v1/keys/${keyId}/encrypt`, { plaintext: base64('x') })).status, 200)
})

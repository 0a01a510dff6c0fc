import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { days, type Json, startTestService, type TestService } from './service.ts'

let service: TestService
before(async () => {
  service = await startTestService({ on: 'sqlite' })
})
after(() => service.stop())

const api: TestService['api'] = (...call) => service.api(...call)
const newKey = async (body: object = {}): Promise<string> => (await api('POST', '/v1/keys', body)).body.key.keyId
const overview = async (region: string): Promise<Json> =>
  (await api('GET', '/v1/overview', undefined, { 'x-keyward-region': region })).body
const inRegion =
  (region: string) =>
  (method: string, path: string, body: object = {}) =>
    api(method, path, body, { 'x-keyward-region': region })

test('keys are counted by the state they are in now, whether or not a chore has run', async () => {
  const here = inRegion('counted')
  const made = async (body: object = {}) => (await here('POST', '/v1/keys', body)).body.key.keyId
  const [, disabled, dying] = [await made(), await made(), await made()]
  await made({ origin: 'EXTERNAL' })
  await here('POST', `/v1/keys/${disabled}/disable`)
  await here('POST', `/v1/keys/${dying}/schedule-deletion`, { pendingWindowInDays: 7 })
  const before = (await overview('counted')).keys
  assert.deepEqual(before, {
    total: 4,
    byState: { Enabled: 1, Disabled: 1, PendingImport: 1, PendingDeletion: 1, PendingReplicaDeletion: 0 },
  })
  service.clock.advance(days(7))
  const after = (await overview('counted')).keys
  assert.deepEqual(after, {
    total: 3,
    byState: { Enabled: 1, Disabled: 1, PendingImport: 1, PendingDeletion: 0, PendingReplicaDeletion: 0 },
  })
  await service.chores()
  assert.deepEqual((await overview('counted')).keys, after)
})

test('the calendar shows every rotation, expiry and deletion of the next 30 days, in order', async () => {
  const here = inRegion('calendar')
  const made = async (body: object = {}) => (await here('POST', '/v1/keys', body)).body.key.keyId
  const rotating = await made({ rotationPeriodDays: 12, description: 'turns' })
  const later = await made({ rotationPeriodDays: 40 })
  const dying = await made()
  await here('POST', `/v1/keys/${dying}/schedule-deletion`, { pendingWindowInDays: 20 })
  const now = service.clock.now()
  const { calendar } = await overview('calendar')
  assert.deepEqual(
    calendar.entries.map(({ type, at, keyId }: Json) => [type, Math.round((Date.parse(at) - now) / days(1)), keyId]),
    [
      ['rotation', 12, rotating],
      ['deletion', 20, dying],
      ['rotation', 24, rotating],
    ],
  )
  assert.equal(calendar.entries[0].description, 'turns')
  assert.equal(Date.parse(calendar.until), now + days(30))
  await here('POST', `/v1/keys/${rotating}/disable`)
  const left = (await overview('calendar')).calendar.entries.map(({ keyId }: Json) => keyId)
  assert.deepEqual(left, [dying], 'a disabled key does not rotate')
  assert.ok(!left.includes(later))
})

test('who was refused what in the last day is summed up, and forgotten when it is past', async () => {
  await api('POST', '/v1/principals', { principalName: 'guest', policies: ['KeyUser'] })
  const { token } = (await api('POST', '/v1/principals/guest/tokens')).body
  for (let count = 0; count < 3; count++)
    assert.equal((await service.as(token)('POST', '/v1/keys', {})).body.code, 'AccessDenied')
  const keyId = await newKey()
  await api('POST', `/v1/keys/${keyId}/disable`)
  assert.equal((await api('POST', `/v1/keys/${keyId}/encrypt`, { plaintext: 'eA==' })).body.code, 'KeyDisabled')
  assert.equal((await api('POST', `/v1/keys/${keyId}/encrypt`, {})).body.code, 'InvalidRequest')
  const { refusals } = (await api('GET', '/v1/overview')).body
  assert.equal(refusals.total, 4)
  assert.deepEqual(
    refusals.lines.map(({ operation, outcome, count }: Json) => [operation, outcome, count]),
    [
      ['Encrypt', 'KeyDisabled', 1],
      ['CreateKey', 'AccessDenied', 3],
    ],
  )
  const { records } = (await api('GET', '/v1/audit/records?operation=CreateKey&outcome=AccessDenied')).body
  assert.equal(refusals.lines[1].lastIndex, records[0].index)
  service.clock.advance(days(1) + 3_600_000)
  assert.equal((await api('GET', '/v1/overview')).body.refusals.total, 0)
})

test('an overview needs a right, which those who manage keys and auditors have', async () => {
  for (const [policy, status] of [
    ['KeyUser', 403],
    ['KeyAdministrator', 200],
    ['Auditor', 200],
  ] as const) {
    const principalName = `of-${policy}`
    await api('POST', '/v1/principals', { principalName, policies: [policy] })
    const { token } = (await api('POST', `/v1/principals/${principalName}/tokens`)).body
    const { status: found, body } = await service.as(token)('GET', '/v1/overview')
    assert.equal(found, status, policy)
    if (status === 200) assert.deepEqual([body.audit.healthy, body.devices.length > 0], [true, true])
  }
})

test('an instant is written as one wherever it stands, also where the schema says more about it', async () => {
  const keyId = await newKey()
  const { createdAt, trackedSince } = (await api('GET', `/v1/keys/${keyId}/last-usage`)).body
  assert.equal(trackedSince, createdAt)
  assert.equal(trackedSince, new Date(service.clock.now()).toISOString())
})

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { base64, days, startTestService, type TestService } from './service.ts'

let service: TestService
before(async () => {
  service = await startTestService()
})
after(() => service.stop())

const api: TestService['api'] = (...call) => service.api(...call)

async function newKey(body: object = {}): Promise<string> {
  return (await api('POST', '/v1/keys', body)).body.key.keyId
}
const encrypt = (keyId: string) => api('POST', `/v1/keys/${keyId}/encrypt`, { plaintext: base64('x') })
const schedule = (keyId: string) =>
  api('POST', `/v1/keys/${keyId}/schedule-deletion`, { pendingWindowInDays: 7, evenIfRecentlyUsed: true })
const report = async (month: string, keyId: string) => {
  const { body } = await api('GET', `/v1/usage-report?month=${month}`)
  return body.keys.find((key: { keyId: string }) => key.keyId === keyId)
}

test('R20: a key costs from its creation on, not from the scheduling of its deletion on, and again once that is cancelled', async () => {
  service.clock.set(Date.parse('2027-01-10T00:00:00Z'))
  const keyId = await newKey()
  service.clock.advance(days(5))
  await schedule(keyId)
  service.clock.advance(days(3))
  await api('POST', `/v1/keys/${keyId}/cancel-deletion`)
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
  assert.equal(await report('2027-02', keyId), undefined)
})

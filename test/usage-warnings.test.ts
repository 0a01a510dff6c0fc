import assert from 'node:assert/strict'
import { constants, publicEncrypt } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { base64, days, startTestService, type TestService } from './service.ts'

async function imported({ api, clock }: TestService, expiresIn: number, keyId?: string): Promise<string> {
  const id = keyId ?? (await api('POST', '/v1/keys', { origin: 'EXTERNAL' })).body.key.keyId
  const given = (await api('POST', `/v1/keys/${id}/import-parameters`, { wrappingKeySpec: 'RSA_2048' })).body
  const wrapped = publicEncrypt(
    { key: given.pem, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' },
    Buffer.alloc(32, 9),
  )
  const answer = await api('POST', `/v1/keys/${id}/import`, {
    importToken: given.importToken,
    encryptedKeyMaterial: base64(wrapped),
    materialExpiresAt: new Date(clock.now() + expiresIn).toISOString(),
  })
  assert.equal(answer.status, 200, JSON.stringify(answer.body))
  return id
}

async function told({ api }: TestService, keyId: string): Promise<readonly unknown[]> {
  const { events } = (await api('GET', `/v1/events?keyId=${keyId}`)).body
  return events
    .filter(({ type }: { type: string }) => type.startsWith('key.material'))
    .map(({ type, details }: { type: string; details: { daysLeft?: number } }) => [type, details.daysLeft])
    .reverse()
}

test('owners of imported material are told seven days and one day before it expires, and when it has, once each', async (t) => {
  const data = mkdtempSync(join(tmpdir(), 'keyward-warnings-'))
  t.after(() => rmSync(data, { recursive: true, force: true }))
  const first = await startTestService({ on: 'sqlite', data })
  const { clock, token } = first
  const keyId = await imported(first, days(20))
  clock.advance(days(13) - 1)
  await first.chores()
  assert.deepEqual(await told(first, keyId), [])
  clock.advance(1)
  for (let round = 0; round < 3; round++) await first.chores()
  assert.deepEqual(await told(first, keyId), [['key.material.expiring', 7]])
  await first.stop()

  const restarted = await startTestService({ on: 'sqlite', data, clock })
  t.after(() => restarted.stop())
  const second = { ...restarted, api: restarted.as(token) }
  await second.chores()
  clock.advance(days(6))
  await Promise.all([second.chores(), second.chores()])
  const warned = [
    ['key.material.expiring', 7],
    ['key.material.expiring', 1],
  ]
  assert.deepEqual(await told(second, keyId), warned)
  clock.advance(days(1))
  await second.chores()
  await second.chores()
  assert.deepEqual(await told(second, keyId), [...warned, ['key.material.expired', undefined]])
  // The same material again, for another time: it is warned of anew.
  await imported(second, days(8), keyId)
  clock.advance(days(1))
  await second.chores()
  assert.deepEqual((await told(second, keyId)).slice(3), [['key.material.expiring', 7]])
})

test('where both warnings are late only the urgent one is given, and none for a key that is to be deleted anyway', async (t) => {
  const service = await startTestService()
  t.after(() => service.stop())
  const [late, doomed] = [await imported(service, days(20)), await imported(service, days(20))]
  await service.api('POST', `/v1/keys/${doomed}/schedule-deletion`, { pendingWindowInDays: 30 })
  service.clock.advance(days(19) + 1)
  await service.chores()
  await service.chores()
  assert.deepEqual(await told(service, late), [['key.material.expiring', 1]])
  assert.deepEqual(await told(service, doomed), [])
})

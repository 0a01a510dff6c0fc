import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { base64, days, startTestService, type TestService } from '../service.ts'

let service: TestService
before(async () => {
  service = await startTestService()
})
after(() => service.stop())

const api: TestService['api'] = (...call) => service.api(...call)

async function newKey(body: object = {}): Promise<string> {
  const answer = await api('POST', '/v1/keys', body)
  assert.equal(answer.status, 200, JSON.stringify(answer.body))
  return answer.body.key.keyId
}
const encrypt = async (keyId: string, text = 'x') =>
  (await api('POST', `/v1/keys/${encodeURIComponent(keyId)}/encrypt`, { plaintext: base64(text) })).body
const decrypt = async (ciphertextBlob: string) => (await api('POST', '/v1/decrypt', { ciphertextBlob })).body
const describe = async (keyId: string) => (await api('GET', `/v1/keys/${keyId}`)).body.key
const advance = (milliseconds: number) => service.clock.advance(milliseconds)

test('R12, R13: there is no immediate deletion; the period is 7 to 30 whole days', async () => {
  const keyId = await newKey()
  assert.equal((await api('DELETE', `/v1/keys/${keyId}`)).status, 405)
  for (const pendingWindowInDays of [0, 1, 6, 31, 365, -7, 7.5, '7', null])
    assert.equal(
      (await api('POST', `/v1/keys/${keyId}/schedule-deletion`, { pendingWindowInDays })).body.code,
      'InvalidRequest',
      String(pendingWindowInDays),
    )
  assert.equal((await describe(keyId)).keyState, 'Enabled')
  for (const pendingWindowInDays of [7, 30]) {
    const one = await newKey()
    const { body } = await api('POST', `/v1/keys/${one}/schedule-deletion`, { pendingWindowInDays })
    assert.equal(Date.parse(body.deleteAt), service.clock.now() + days(pendingWindowInDays))
  }
  const { body } = await api('POST', `/v1/keys/${keyId}/schedule-deletion`)
  assert.equal(Date.parse(body.deleteAt), service.clock.now() + days(30))
})

test('R14, R15, R16, R17, R18, R21: until its time a key is visible and pending deletion, and cannot be used; then it is gone for good', async () => {
  const keyId = await newKey()
  const sealed = await encrypt(keyId)
  await api('POST', '/v1/aliases', { aliasName: 'alias/doomed', keyId })
  await api('POST', `/v1/keys/${keyId}/schedule-deletion`, { pendingWindowInDays: 7, evenIfRecentlyUsed: true })
  assert.equal((await describe(keyId)).keyState, 'PendingDeletion')
  assert.ok((await api('GET', '/v1/keys?limit=1000')).body.keys.some((key: { keyId: string }) => key.keyId === keyId))
  assert.equal((await encrypt(keyId)).code, 'KeyPendingDeletion')
  assert.equal((await decrypt(sealed.ciphertextBlob)).code, 'KeyPendingDeletion')
  for (const path of ['generate-data-key', 'generate-data-key-without-plaintext', 'rotate', 'enable', 'disable'])
    assert.equal((await api('POST', `/v1/keys/${keyId}/${path}`)).body.code, 'KeyPendingDeletion', path)
  advance(days(7) - 1)
  assert.equal((await describe(keyId)).keyState, 'PendingDeletion')
  advance(1)
  // No chore has run: the clock alone decides.
  assert.equal((await api('GET', `/v1/keys/${keyId}`)).body.code, 'KeyNotFound')
  assert.equal((await decrypt(sealed.ciphertextBlob)).code, 'KeyNotFound')
  assert.equal((await api('POST', `/v1/keys/${keyId}/cancel-deletion`)).body.code, 'KeyNotFound')
  assert.ok(!(await api('GET', '/v1/keys?limit=1000')).body.keys.some((key: { keyId: string }) => key.keyId === keyId))
  assert.ok(
    !(await api('GET', '/v1/aliases')).body.aliases.some(
      (alias: { aliasName: string }) => alias.aliasName === 'alias/doomed',
    ),
  )
  await service.chores()
  assert.equal(await service.world.store.get('key', '111122223333/local', keyId), undefined)
  assert.equal(
    (await service.world.store.list('version', { partition: '111122223333/local', prefix: `${keyId}/`, limit: 10 }))
      .records.length,
    0,
  )
  assert.ok(await service.world.store.get('tombstone', '111122223333/local', keyId))
  // The name is free again.
  assert.equal((await api('POST', '/v1/aliases', { aliasName: 'alias/doomed', keyId: await newKey() })).status, 200)
})

test('R19: a cancelled deletion makes the key usable again, up to the last millisecond', async () => {
  const keyId = await newKey()
  const sealed = await encrypt(keyId)
  await api('POST', `/v1/keys/${keyId}/schedule-deletion`, { pendingWindowInDays: 7, evenIfRecentlyUsed: true })
  advance(days(7) - 1)
  assert.equal((await api('POST', `/v1/keys/${keyId}/cancel-deletion`)).status, 200)
  advance(days(30))
  await service.chores()
  assert.equal((await describe(keyId)).keyState, 'Enabled')
  assert.equal((await decrypt(sealed.ciphertextBlob)).plaintext, base64('x'))
  assert.equal((await api('POST', `/v1/keys/${keyId}/cancel-deletion`)).body.code, 'KeyStateConflict')
})

test('R23: deletion protection refuses scheduling, with its reason, until it is turned off', async () => {
  const keyId = await newKey({ deletionProtection: 'holds the payroll' })
  const refused = await api('POST', `/v1/keys/${keyId}/schedule-deletion`)
  assert.equal(refused.body.code, 'DeletionProtected')
  assert.match(refused.body.detail, /holds the payroll/)
  await api('PUT', `/v1/keys/${keyId}/deletion-protection`, { enabled: false })
  assert.equal((await api('POST', `/v1/keys/${keyId}/schedule-deletion`)).status, 200)
})

test('what was used in the last seven days is deleted only on a second word, and what would break is told', async () => {
  const keyId = await newKey()
  await encrypt(keyId)
  const refused = await api('POST', `/v1/keys/${keyId}/schedule-deletion`)
  assert.equal(refused.body.code, 'RecentlyUsed')
  const usage = await api('GET', `/v1/keys/${keyId}/usage`)
  assert.equal(usage.body.uses[0].operation, 'Encrypt')
  assert.equal(usage.body.uses[0].count, 1)
  advance(days(7) + 1)
  assert.equal((await api('POST', `/v1/keys/${keyId}/schedule-deletion`)).status, 200)
  await encrypt(keyId)
  assert.equal((await api('GET', `/v1/keys/${keyId}/usage`)).body.uses[0].refused, 1)
})

test('R34: the rotation period is 7 to 730 whole days', async () => {
  for (const rotationPeriodDays of [6, 731, 0, -1, 7.5])
    assert.equal((await api('POST', '/v1/keys', { rotationPeriodDays })).body.code, 'InvalidRequest')
  for (const rotationPeriodDays of [7, 730]) await newKey({ rotationPeriodDays })
  const keyId = await newKey()
  assert.equal(
    (await api('PUT', `/v1/keys/${keyId}/rotation-policy`, { enabled: true, periodDays: 731 })).body.code,
    'InvalidRequest',
  )
  assert.equal((await api('PUT', `/v1/keys/${keyId}/rotation-policy`, { enabled: true })).body.code, 'InvalidRequest')
})

test('R35, R36, R37, R38, R69, R70, R72, R73, R74, R75: when the period elapses there is a new primary version, and all old data decrypts', async () => {
  const keyId = await newKey({ rotationPeriodDays: 7 })
  const sealed: { ciphertextBlob: string; keyVersionId: string }[] = []
  for (let period = 0; period < 5; period++) {
    sealed.push((await encrypt(keyId, `period ${period}`)) as never)
    // Half of them with chores, half by the first use after the due time.
    advance(days(7))
    if (period % 2 === 0) await service.chores()
  }
  const last = await encrypt(keyId)
  const versions = (await api('GET', `/v1/keys/${keyId}/versions`)).body.versions
  assert.equal(versions.length, 6)
  assert.equal(new Set([...sealed.map(({ keyVersionId }) => keyVersionId), last.keyVersionId]).size, 6)
  assert.deepEqual(
    versions.map((version: { primary: boolean }) => version.primary),
    [false, false, false, false, false, true],
  )
  assert.equal(versions[5].keyVersionId, last.keyVersionId)
  const created = versions.map((version: { createdAt: string }) => Date.parse(version.createdAt))
  for (let at = 1; at < created.length; at++) assert.equal(created[at] - created[at - 1], days(7))
  for (const [period, { ciphertextBlob }] of sealed.entries())
    assert.equal((await decrypt(ciphertextBlob)).plaintext, base64(`period ${period}`))
  await decrypt(sealed[0]?.ciphertextBlob as string)
  const used = (await api('GET', `/v1/keys/${keyId}/versions`)).body.versions
  assert.ok(used[0].lastDecryptedAt)
  assert.deepEqual(
    used.map(({ decryptCount }: { decryptCount: number }) => decryptCount),
    [2, 1, 1, 1, 1, 0],
  )
})

test('R71: many callers at the due time make exactly one new version', async () => {
  const keyId = await newKey({ rotationPeriodDays: 7 })
  advance(days(7))
  const answers = await Promise.all(Array.from({ length: 30 }, () => encrypt(keyId)))
  assert.equal(new Set(answers.map(({ keyVersionId }) => keyVersionId)).size, 1)
  const key = await describe(keyId)
  assert.equal(key.versionCount, 2)
})

test('rotation is suspended while a key is disabled, and caught up in one step when it is enabled', async () => {
  const keyId = await newKey({ rotationPeriodDays: 7 })
  await api('POST', `/v1/keys/${keyId}/disable`)
  advance(days(22))
  await service.chores()
  assert.equal((await describe(keyId)).versionCount, 1)
  assert.equal((await describe(keyId)).rotation.status, 'Suspended')
  await api('POST', `/v1/keys/${keyId}/enable`)
  await encrypt(keyId)
  const key = await describe(keyId)
  assert.equal(key.versionCount, 2)
  // On the grid of the first day: days 7, 14, 21, 28.
  assert.equal(Date.parse(key.rotation.nextRotationAt) - Date.parse(key.createdAt), days(28))
})

test('rotation on demand makes a primary at once; the next one is a period later', async () => {
  const keyId = await newKey({ rotationPeriodDays: 10 })
  advance(days(3))
  const before = await encrypt(keyId)
  const { body } = await api('POST', `/v1/keys/${keyId}/rotate`)
  const after = await encrypt(keyId)
  assert.equal(after.keyVersionId, body.primaryVersionId)
  assert.notEqual(before.keyVersionId, after.keyVersionId)
  assert.equal(Date.parse((await describe(keyId)).rotation.nextRotationAt), service.clock.now() + days(10))
})

test('R56, R57, R58, R59, R60, R61, R62, R65, R66, R67, R68: aliases', async () => {
  const [one, other] = [await newKey(), await newKey()]
  assert.equal((await api('POST', '/v1/aliases', { aliasName: 'alias/app/db', keyId: one })).status, 200)
  assert.equal((await api('POST', '/v1/aliases', { aliasName: 'alias/second', keyId: one })).status, 200)
  // R65, R56
  assert.equal((await api('POST', '/v1/aliases', { aliasName: 'alias/app/db', keyId: other })).body.code, 'AliasExists')
  // R66: another region is another resource pool
  const abroad = { 'x-keyward-region': 'cn-test-1' }
  const there = (await api('POST', '/v1/keys', {}, abroad)).body.key.keyId
  assert.equal((await api('POST', '/v1/aliases', { aliasName: 'alias/app/db', keyId: there }, abroad)).status, 200)
  assert.equal((await api('GET', `/v1/keys/${there}`)).body.code, 'KeyNotFound')
  // R57, R58
  const byAlias = await encrypt('alias/app/db')
  assert.equal(byAlias.keyId, one)
  const { aliases } = (await api('GET', `/v1/aliases?keyId=${one}`)).body
  assert.deepEqual(
    aliases.map((alias: { aliasName: string }) => alias.aliasName),
    ['alias/app/db', 'alias/second'],
  )
  // R62
  const before = [await describe(one), await describe(other)]
  assert.equal((await api('PUT', '/v1/aliases/alias%2Fapp%2Fdb', { keyId: other })).status, 200)
  assert.deepEqual([await describe(one), await describe(other)], before)
  assert.equal((await encrypt('alias/app/db')).keyId, other)
  assert.equal((await decrypt(byAlias.ciphertextBlob)).plaintext, base64('x'))
  // R61
  assert.equal((await encrypt('alias/second')).keyId, one)
  // R60: no rename
  assert.equal((await api('PATCH', '/v1/aliases/alias%2Fapp%2Fdb', { aliasName: 'alias/new' })).status, 405)
  // R59, R68
  assert.equal((await api('DELETE', '/v1/aliases/alias%2Fapp%2Fdb')).status, 200)
  assert.equal((await encrypt('alias/app/db')).code, 'AliasNotFound')
  assert.equal((await encrypt(other)).keyId, other)
  // R67
  assert.equal(
    (await api('POST', '/v1/aliases', { aliasName: 'alias/alone', keyId: '00000000-0000-4000-8000-000000000000' })).body
      .code,
    'KeyNotFound',
  )
  for (const aliasName of [
    'alias/',
    'alias/a b',
    'alias/../x',
    'alias/ä',
    'alias/a%2Fb',
    'ALIAS/x',
    'noprefix',
    'alias//x',
    'alias/x/',
  ])
    assert.equal((await api('POST', '/v1/aliases', { aliasName, keyId: one })).body.code, 'InvalidAliasName', aliasName)
})

test('R63, R64, R77: a default key comes to be at the first use of a reserved alias, and nobody can change it', async () => {
  const sealed = await encrypt('alias/acs/oss')
  assert.equal((await encrypt('alias/acs/oss')).keyId, sealed.keyId)
  const key = await describe(sealed.keyId)
  assert.equal(key.defaultFor, 'alias/acs/oss')
  assert.equal(key.keySpec, 'AES_256')
  assert.equal(key.rotation.periodDays, 365)
  assert.equal(
    (await api('POST', '/v1/aliases', { aliasName: 'alias/mine', keyId: sealed.keyId })).body.code,
    'DefaultKeyImmutable',
  )
  assert.equal(
    (await api('POST', '/v1/aliases', { aliasName: 'alias/acs/mine', keyId: await newKey() })).body.code,
    'ReservedAlias',
  )
  assert.equal((await api('DELETE', '/v1/aliases/alias%2Facs%2Foss')).body.code, 'ReservedAlias')
  assert.equal(
    (await api('PUT', '/v1/aliases/alias%2Facs%2Foss', { keyId: await newKey() })).body.code,
    'ReservedAlias',
  )
  for (const path of ['disable', 'schedule-deletion', 'rotate'])
    assert.equal(
      (
        await api(
          'POST',
          `/v1/keys/${sealed.keyId}/${path}`,
          path === 'schedule-deletion' ? { evenIfRecentlyUsed: true } : undefined,
        )
      ).body.code,
      'DefaultKeyImmutable',
    )
  const many = await Promise.all(Array.from({ length: 10 }, () => encrypt('alias/aws/s3')))
  assert.equal(new Set(many.map(({ keyId }) => keyId)).size, 1)
})

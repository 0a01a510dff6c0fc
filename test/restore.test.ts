import assert from 'node:assert/strict'
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { systemClock } from '../src/machine.ts'
import { base64, days, startTestService, type TestService, testClock } from './service.ts'

const partition = '111122223333/local'

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'keyward-restore-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** The installation in `data`, with its store put back from `backup`, and everything else as it is. */
async function restored(first: TestService, data: string, backup: string): Promise<TestService> {
  await first.stop()
  for (const name of readdirSync(data)) if (/^keyward\.sqlite(?:-wal|-shm)?$/.test(name)) rmSync(join(data, name))
  copyFileSync(backup, join(data, 'keyward.sqlite'))
  // The machine's clock stands where it stood when the backup was made: only the log knows better.
  const service = await startTestService({ on: 'sqlite', data, clock: testClock(), token: first.token })
  return { ...service, api: service.as(first.token) }
}

async function newKey({ api }: TestService, body: object = {}): Promise<string> {
  return (await api('POST', '/v1/keys', body)).body.key.keyId
}
const encrypt = async ({ api }: TestService, keyId: string) =>
  (await api('POST', `/v1/keys/${encodeURIComponent(keyId)}/encrypt`, { plaintext: base64('x') })).body
const schedule = ({ api }: TestService, keyId: string, pendingWindowInDays = 7) =>
  api('POST', `/v1/keys/${keyId}/schedule-deletion`, { pendingWindowInDays, evenIfRecentlyUsed: true })

/** Does any file of the folder, but the backup, hold these bytes? */
function holding(folder: string, text: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (name) => statSync(join(folder, name)).isFile() && readFileSync(join(folder, name)).includes(text),
  )
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let looks = 0; !holds(); looks++) {
    assert.ok(looks < 1000, `never: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

test('R21: a backup from before a deletion revives nothing: not the key, not by its alias, not its material', async (t) => {
  const data = folderFor(t)
  const backup = join(folderFor(t), 'backup.sqlite')
  const first = await startTestService({ on: 'sqlite', data })
  const [doomed, other] = [await newKey(first), await newKey(first)]
  await first.api('POST', '/v1/aliases', { aliasName: 'alias/doomed', keyId: doomed })
  const sealed = await encrypt(first, doomed)
  await first.chores()
  await first.world.store.backup(backup)
  await schedule(first, doomed)
  first.clock.advance(days(8))
  await first.chores()

  const later = await restored(first, data, backup)
  t.after(() => later.stop())
  assert.ok(later.clock.now() >= first.clock.now(), 'the time does not go back behind the last record')
  assert.equal((await later.api('GET', `/v1/keys/${doomed}`)).body.code, 'KeyNotFound')
  assert.equal((await encrypt(later, 'alias/doomed')).code, 'AliasNotFound')
  assert.equal(
    (await later.api('POST', '/v1/decrypt', { ciphertextBlob: sealed.ciphertextBlob })).body.code,
    'KeyNotFound',
  )
  assert.equal((await later.api('POST', `/v1/keys/${doomed}/cancel-deletion`)).body.code, 'KeyNotFound')
  assert.equal(
    (await later.world.store.list('version', { partition, prefix: `${doomed}/`, limit: 9 })).records.length,
    0,
  )
  assert.ok(await later.world.store.get('tombstone', partition, doomed))
  assert.equal((await encrypt(later, other)).keyId, other)
  const { events } = (await later.api('GET', `/v1/events?keyId=${doomed}&type=key.deleted`)).body
  assert.equal(events.length, 1, 'it was deleted once')
})

test('a deletion that was scheduled after the backup goes on, and one that was called off after it stays called off', async (t) => {
  const data = folderFor(t)
  const backup = join(folderFor(t), 'backup.sqlite')
  const first = await startTestService({ on: 'sqlite', data })
  const [scheduled, cancelled, both, twice] = [
    await newKey(first),
    await newKey(first),
    await newKey(first),
    await newKey(first),
  ]
  await schedule(first, cancelled)
  await schedule(first, both)
  const { deleteAt } = (await schedule(first, twice)).body
  await first.world.store.backup(backup)
  await schedule(first, scheduled, 10)
  for (const keyId of [cancelled, both, twice])
    assert.equal((await first.api('POST', `/v1/keys/${keyId}/cancel-deletion`)).status, 200)
  await schedule(first, twice, 30)
  assert.equal((await first.api('POST', `/v1/keys/${both}/disable`)).status, 200)
  // The time of the deletions that the backup knows is over.
  first.clock.advance(days(9))
  await encrypt(first, cancelled)

  const later = await restored(first, data, backup)
  t.after(() => later.stop())
  await later.chores()
  const stateOf = async (keyId: string) => (await later.api('GET', `/v1/keys/${keyId}`)).body.key?.keyState
  assert.equal(await stateOf(scheduled), 'PendingDeletion')
  assert.equal(await stateOf(cancelled), 'Enabled')
  assert.equal(await stateOf(both), 'Enabled', 'that it was disabled is not known; that it lives is')
  const { key } = (await later.api('GET', `/v1/keys/${twice}`)).body
  assert.equal(Date.parse(key.deleteAt), Date.parse(deleteAt) + days(23))
  later.clock.advance(days(1))
  assert.equal((await later.api('GET', `/v1/keys/${scheduled}`)).body.code, 'KeyNotFound')
})

test('a start on a store that is up to date does nothing again, whatever the log says', async (t) => {
  const data = folderFor(t)
  const first = await startTestService({ on: 'sqlite', data })
  const keyId = await newKey(first)
  await schedule(first, keyId)
  await first.api('POST', `/v1/keys/${keyId}/cancel-deletion`)
  await schedule(first, keyId)
  await first.api('POST', `/v1/keys/${keyId}/cancel-deletion`)
  const before = await first.world.store.get('key', partition, keyId)
  const size = first.world.audit.size()
  await first.stop()
  const second = await startTestService({ on: 'sqlite', data, clock: first.clock })
  t.after(() => second.stop())
  assert.deepEqual(await second.world.store.get('key', partition, keyId), before)
  assert.equal(second.world.audit.size(), size)
})

test('a clock that was put back at a restart tells no earlier time than the last record, or the last round of chores', async (t) => {
  const data = folderFor(t)
  const first = await startTestService({ on: 'sqlite', data })
  const keyId = await newKey(first)
  await schedule(first, keyId)
  // Nobody asks for anything in those days, so no record tells of them; only the chores went their rounds.
  first.clock.advance(days(7) - 5)
  await first.chores()
  const noted = first.clock.now()
  await first.stop()
  const second = await startTestService({ on: 'sqlite', data, clock: testClock(), token: first.token })
  t.after(() => second.stop())
  assert.equal(second.clock.now(), noted)
  second.clock.advance(5)
  assert.equal((await second.as(first.token)('GET', `/v1/keys/${keyId}`)).body.code, 'KeyNotFound')
})

test('the clock of a running service never goes back', (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: 1_000_000 })
  const clock = systemClock()
  assert.equal(clock.now(), 1_000_000)
  t.mock.timers.setTime(500_000)
  assert.equal(clock.now(), 1_000_000)
  assert.equal(clock.wall(), 500_000)
})

test('R21: nothing in the files of the store still holds the material of a deleted key', async (t) => {
  const data = folderFor(t)
  const service = await startTestService({ on: 'sqlite', data })
  t.after(() => service.stop())
  const keyId = await newKey(service)
  for (let count = 0; count < 3; count++) await service.api('POST', `/v1/keys/${keyId}/rotate`)
  const kept = await newKey(service)
  const sealedOf = async (id: string) =>
    (await service.world.store.list('version', { partition, prefix: `${id}/`, limit: 10 })).records.map(
      ({ sealed }) => sealed as string,
    )
  const [secrets, others] = [await sealedOf(keyId), await sealedOf(kept)]
  assert.equal(secrets.length, 4)
  for (const sealed of [...secrets, ...others]) assert.notDeepEqual(holding(data, sealed), [], 'the search finds it')
  await schedule(service, keyId)
  service.clock.advance(days(7))
  await service.chores()
  for (const sealed of secrets) await until('erased from every file', () => holding(data, sealed).length === 0)
  for (const sealed of others) assert.notDeepEqual(holding(data, sealed), [])
})

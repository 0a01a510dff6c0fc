import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, rmSync, unlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import type { AuditRecord } from '../src/domain/ports.ts'
import { days, startTestService, type TestService } from './service.ts'

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'keyward-recovery-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'data')
}

async function recordsOf({ world }: TestService, operation: string): Promise<readonly AuditRecord[]> {
  const all = await Array.fromAsync(world.audit.read(0, world.audit.size()))
  return all.map(({ record }) => record).filter((record) => record.operation === operation)
}

async function keyward(data: string, ...words: string[]) {
  const main = join(import.meta.dirname, '..', 'src', 'main.ts')
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', main, ...words],
    {
      env: {
        PATH: process.env.PATH,
        KEYWARD_DATA: data,
        KEYWARD_ROOT_CIPHERTEXT: join(data, 'custody', '1'),
        KEYWARD_ROOT_PRIVATE_KEY: join(data, 'custody', '2'),
        KEYWARD_ROOT_UNLOCK_KEY: join(data, 'custody', '3', 'unlock-key'),
        KEYWARD_FORMAT: 'json',
      },
    },
  )
  return JSON.parse(stdout)
}

test('what a start took up after a crash is on record, and a clean start leaves no such record', async (t) => {
  const data = folderFor(t)
  const crashed = `${data}-crashed`
  const first = await startTestService({ on: 'sqlite', data })
  t.after(() => first.stop())
  await first.api('POST', '/v1/keys')
  // As a power cut would leave the folder: the last records are in the journal, and not published yet.
  const size = first.world.audit.size()
  cpSync(data, crashed, { recursive: true, filter: (name) => !name.endsWith('lock') })
  const second = await startTestService({ on: 'sqlite', data: crashed })
  const [recovered, ...others] = await recordsOf(second, 'RecoverAuditLog')
  assert.deepEqual(others, [])
  assert.ok(Number(recovered?.input?.replayed) > 0 && Number(recovered?.input?.replayed) <= size)
  assert.equal(recovered?.input?.dropped, 0)
  await second.stop()
  const third = await startTestService({ on: 'sqlite', data: crashed })
  t.after(() => third.stop())
  assert.equal((await recordsOf(third, 'RecoverAuditLog')).length, 1)
})

test('a log that could not be written has it on record as soon as it can be', async (t) => {
  const data = folderFor(t)
  const service = await startTestService({ on: 'sqlite', data })
  t.after(() => service.stop())
  for (const name of readdirSync(join(data, 'audit', 'journal'))) unlinkSync(join(data, 'audit', 'journal', name))
  assert.equal((await service.api('POST', '/v1/keys')).body.code, 'AuditUnavailable')
  for (let looks = 0; (await recordsOf(service, 'ResumeAuditLog')).length === 0; looks++) {
    assert.ok(looks < 500, 'it is put on record')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  assert.match(String((await recordsOf(service, 'ResumeAuditLog'))[0]?.input?.unavailableSince), /^2026-/)
  assert.equal((await service.api('POST', '/v1/keys')).status, 200)
})

for (const [what, replace] of [
  ['an older copy', (data: string, older: string) => cpSync(older, join(data, 'audit'), { recursive: true })],
  ['an empty folder', () => {}],
] as const)
  test(`${what} in place of the log is noticed at the next start, and gone on with only once somebody accepts it`, async (t) => {
    const data = folderFor(t)
    const older = `${data}-older`
    let service = await startTestService({ on: 'sqlite', data })
    await service.api('POST', '/v1/keys')
    await service.stop()
    cpSync(join(data, 'audit'), older, { recursive: true })
    service = await startTestService({ on: 'sqlite', data, clock: service.clock })
    await service.api('POST', '/v1/keys')
    service.clock.advance(days(1))
    await service.chores()
    await service.stop()
    rmSync(join(data, 'audit'), { recursive: true })
    replace(data, older)

    const refused = /is damaged: it (holds \d+ records and once held \d+|is empty, and once was not)/
    await assert.rejects(startTestService({ on: 'sqlite', data, clock: service.clock }), refused)
    await assert.rejects(startTestService({ on: 'sqlite', data, clock: service.clock }), refused)
    const accepted = await keyward(data, 'audit', 'accept-damage')
    assert.deepEqual(
      accepted.damage.map(({ kind }: { readonly kind: string }) => kind),
      ['rolled-back'],
    )
    service = await startTestService({ on: 'sqlite', data, clock: service.clock })
    t.after(() => service.stop())
    const [recovered] = await recordsOf(service, 'RecoverAuditLog')
    assert.match(String(recovered?.input?.damage), /once held|once was not/)
  })

import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openAuditLog } from '../src/audit/log.ts'
import { openUsage, type UsageFold } from '../src/usage/fold.ts'
import { signer } from './usage-kill-process.ts'

const scope = { account: '111122223333', region: 'local' }
const period = { from: Date.UTC(2026, 0, 1), to: Date.UTC(2030, 0, 1) }

async function everything(usage: UsageFold) {
  const { keys } = await usage.report(scope, period, { limit: 1000 })
  return {
    keys,
    events: await usage.events(scope, { limit: 1_000_000 }),
    uses: await Promise.all(keys.map(({ keyId }) => usage.usesOf({ ...scope, keyId }))),
    last: await Promise.all(keys.map(({ keyId }) => usage.lastUse({ ...scope, keyId }))),
  }
}

test('killed at any moment, the counts go on where they were, and are those of a recount of the whole log', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'keyward-usage-kill-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  for (const lifeMs of [150, 90, 230, 40]) {
    const child = fork(join(import.meta.dirname, 'usage-kill-process.ts'), [folder], { stdio: 'inherit' })
    await once(child, 'message')
    await new Promise((resolve) => setTimeout(resolve, lifeMs))
    child.kill('SIGKILL')
    await once(child, 'exit')

    const log = await openAuditLog({ directory: join(folder, 'audit'), signer })
    const usage = openUsage(
      join(folder, 'usage.sqlite'),
      async () => [{ number: 0, ...log }],
      () => 0,
    )
    assert.ok(usage.folded() > 0, 'it goes on, and does not begin again')
    assert.ok(usage.folded() <= log.size())
    const recount = openUsage(
      ':memory:',
      async () => [{ number: 0, ...log }],
      () => 0,
    )
    assert.deepEqual(await everything(usage), await everything(recount))
    usage.close()
    recount.close()
    await log.close()
  }
})

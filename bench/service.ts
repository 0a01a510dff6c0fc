/**
 * A service for the bench, in a process of its own; optionally with many keys, in a folder that exists, or on another store
 * than SQLite. Prints a line of JSON when ready.
 */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig } from '../src/config.ts'
import type { Change } from '../src/domain/ports.ts'
import { newAccount } from '../src/operations/access/accounts.ts'
import { newKey } from '../src/operations/keys/new-key.ts'
import { startService } from '../src/serve.ts'
import { createLog } from '../src/telemetry/log.ts'
import { openWorld } from '../src/world.ts'

const [keysText = '100', existing, store = 'sqlite', aliasesText = '0'] = process.argv.slice(2)
const data = existing || mkdtempSync(join(tmpdir(), 'keyward-bench-'))
const started = performance.now()
const config = {
  ...loadConfig({}),
  data,
  store,
  storeTls: 'off' as const,
  logLevel: 'error' as const,
  rootCiphertext: join(data, 'custody', '1'),
  rootPrivateKey: join(data, 'custody', '2'),
  rootUnlockKey: join(data, 'custody', '3', 'unlock-key'),
}
const world = await openWorld(config)
const account = '111122223333'
const scope = { account, region: config.region }
const { credentials, changes } = newAccount(world, account, 'bench', world.clock.now(), {
  token: 'kwt_bench-token-of-the-bench',
  accessKeyId: 'AKIABENCHBENCHBENCH1',
  secretAccessKey: 'bench-secret-bench-secret-bench-secret-1',
})
if ((await world.store.get('account', '*', account)) === undefined) await world.store.commit(changes)

const wish = {
  spec: 'AES_256',
  origin: 'KEYWARD',
  protection: 'SOFTWARE',
  description: '',
  tags: {},
  createdBy: 'bench',
} as const
/** Large, so that the pages of the file are written a few times and not for every few keys. */
const batchKeys = 20_000
let left = Number(keysText) - (await world.store.count('key', `${account}/${config.region}`))
while (left > 0) {
  const batch: Change[] = []
  for (let number = 0; number < Math.min(left, batchKeys); number++) {
    const { key, changes: made } = await newKey(world, scope, wish, world.clock.now())
    batch.push(...made)
    for (let alias = 0; alias < Number(aliasesText); alias++)
      batch.push({
        put: 'alias',
        record: {
          ...scope,
          revision: 1,
          aliasName: `alias/${left - number}-${alias}`,
          keyId: key.keyId,
          createdAt: key.createdAt,
          updatedAt: key.createdAt,
        },
      })
  }
  await world.store.commit(batch)
  left -= batchKeys
}
const [key] = (await world.store.list('key', { partition: `${account}/${config.region}`, index: 'created', limit: 1 }))
  .records
const running = await startService({
  world,
  config,
  operatorAccount: account,
  listeners: [{ host: '127.0.0.1', port: 0 }],
  log: createLog('error', process.stderr),
})
process.stdout.write(
  `${JSON.stringify({ url: running.servers[0]?.url.replace('localhost', '127.0.0.1'), pid: process.pid, keyId: key?.keyId, data, startedMs: performance.now() - started, ...credentials })}\n`,
)
process.on('SIGTERM', async () => {
  await running.stop()
  process.exit(0)
})

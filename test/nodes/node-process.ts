/**
 * One node, in a process of its own: the real service with its own folder, on the store that all share. Its argument is a
 * NodeSettings in JSON; it prints a line of JSON when it is ready, and ends on SIGTERM.
 */
import process from 'node:process'
import { loadConfig } from '../../src/config.ts'
import { newAccount } from '../../src/operations/access/accounts.ts'
import { startService } from '../../src/serve.ts'
import { createLog } from '../../src/telemetry/log.ts'
import { openWorld } from '../../src/world.ts'
import { custodyIn, testAccount } from '../service.ts'

export type NodeSettings = {
  readonly node: string
  readonly store: string
  readonly leaseMs: number
  /** The root key is shared, everything else is the node's own. */
  readonly data: string
  readonly custody: string
  readonly host: string
  readonly token: string
}

export type NodeReady = { readonly port: number; readonly pid: number }

const given = JSON.parse(process.argv[2] ?? '') as NodeSettings
const config = {
  ...loadConfig({}),
  ...given,
  ...custodyIn(given.custody),
  storeTls: 'off' as const,
  choreSeconds: 1,
  logLevel: 'error' as const,
}
const world = await openWorld(config)
if ((await world.store.get('account', '*', testAccount)) === undefined)
  await world.store.commit(newAccount(world, testAccount, 'test', world.clock.now(), { token: given.token }).changes)
const running = await startService({
  world,
  config,
  operatorAccount: testAccount,
  listeners: [{ host: given.host, port: 0 }],
  log: createLog('error', process.stderr),
})
process.on('SIGTERM', async () => {
  await running.stop()
  process.exit(0)
})
const ready: NodeReady = { port: running.servers[0]?.port ?? 0, pid: process.pid }
process.stdout.write(`${JSON.stringify(ready)}\n`)

/** A real service for tests: real listeners, real store, real log; only the clock is the test's own. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Warn } from '../src/audit-logs.ts'
import { doChores } from '../src/chores.ts'
import { type Config, type Environment, loadConfig } from '../src/config.ts'
import { systemRandom, type WorldClock } from '../src/machine.ts'
import { newAccount } from '../src/operations/access/accounts.ts'
import { type RunningService, startService } from '../src/serve.ts'
import { createLog } from '../src/telemetry/log.ts'
import { type OpenWorld, openMemoryWorld, openWorld } from '../src/world.ts'

export const testAccount = '111122223333'

export type TestClock = WorldClock & { set(instant: number): void }

/** Stands still until it is moved. */
export function testClock(start = Date.parse('2026-11-23T12:00:00Z')): TestClock {
  let now = start
  return {
    now: () => now,
    wall: () => Date.now(),
    advance: (milliseconds) => {
      now += milliseconds
    },
    raiseTo: (instant) => {
      now = Math.max(now, instant)
    },
    set: (instant) => {
      now = instant
    },
  }
}

export const days = (count: number): number => count * 86_400_000

// biome-ignore lint/suspicious/noExplicitAny: tests reach into JSON of any shape.
export type Json = Record<string, any>
export type Answer = { readonly status: number; readonly body: Json; readonly headers: Headers }

export type Api = (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>

export type TestService = {
  readonly world: OpenWorld
  readonly running: RunningService
  readonly clock: TestClock
  readonly url: string
  readonly token: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly config: Config
  /** Calls with the administrator's token. */
  readonly api: Api
  /** Calls with another token. */
  as(token: string): Api
  chores(): Promise<number>
  stop(): Promise<void>
}

export type TestServiceOptions = {
  readonly on?: 'memory' | 'sqlite' | `postgres://${string}`
  readonly clock?: TestClock
  /** An earlier service's folder: its installation goes on. */
  readonly data?: string
  /** The folder whose root key it shares; its own without it. */
  readonly custody?: string
  readonly token?: string
  readonly config?: Partial<Config>
  /** Of the process: what the module of an HSM reads from it. */
  readonly environment?: Environment
  /** What the operator should hear of. */
  readonly warn?: Warn
  /** `localhost` for what a browser is to reach. */
  readonly host?: '127.0.0.1' | 'localhost'
  readonly devMode?: true
  /** Takes all that the service logs, at the most talkative level. */
  readonly logTo?: (line: string) => void
}

export async function startTestService(options: TestServiceOptions = {}): Promise<TestService> {
  const on = options.on ?? 'memory'
  const clock = options.clock ?? testClock()
  const data = options.data ?? mkdtempSync(join(tmpdir(), 'keyward-test-'))
  const config: Config = {
    ...loadConfig({}),
    data,
    store: on,
    storeTls: 'off',
    ...custodyIn(options.custody ?? data),
    logLevel: 'error',
    ...options.config,
  }
  const world =
    on === 'memory'
      ? await openMemoryWorld(config, { clock, random: systemRandom() })
      : await openWorld(config, {
          clock,
          environment: options.environment ?? {},
          ...(options.warn === undefined ? {} : { warn: options.warn }),
        })
  let credentials = { token: options.token ?? '', accessKeyId: '', secretAccessKey: '' }
  if ((await world.store.get('account', '*', testAccount)) === undefined) {
    const made = newAccount(world, testAccount, 'test', clock.now())
    credentials = made.credentials
    await world.store.commit(made.changes)
  }
  const running = await startService({
    world,
    config: { ...config, choreSeconds: 3600 },
    operatorAccount: testAccount,
    listeners: [{ host: options.host ?? '127.0.0.1', port: 0 }],
    ...(options.devMode ? { devMode: true } : {}),
    log: options.logTo === undefined ? createLog('fatal') : createLog('trace', { write: options.logTo }),
  })
  const url = `http://127.0.0.1:${running.servers[0]?.port}`
  const as = (token: string): Api => {
    return async (method, path, body, headers = {}) => {
      const response = await fetch(`${url}${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      })
      const text = await response.text()
      return { status: response.status, body: text === '' ? {} : JSON.parse(text), headers: response.headers }
    }
  }
  return {
    world,
    running,
    clock,
    url,
    ...credentials,
    config,
    api: as(credentials.token),
    as,
    chores: () => doChores(world),
    async stop() {
      await running.stop()
      if (options.data === undefined) rmSync(data, { recursive: true, force: true })
    },
  }
}

export function custodyIn(data: string): Pick<Config, 'rootCiphertext' | 'rootPrivateKey' | 'rootUnlockKey'> {
  return {
    rootCiphertext: join(data, 'custody', '1'),
    rootPrivateKey: join(data, 'custody', '2'),
    rootUnlockKey: join(data, 'custody', '3', 'unlock-key'),
  }
}

export const base64 = (text: string | Uint8Array): string => Buffer.from(text).toString('base64')

/** What the commands of a server do: serve, dev, and work on an installation's files. */
import { rmSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import type { Recovery } from './audit/load.ts'
import { noteProgress } from './chores.ts'
import { usageError } from './cli/exit-codes.ts'
import type { Terminal } from './cli/terminal.ts'
import { type Config, type Environment, loadConfig, settings } from './config.ts'
import { devClockFace } from './dev-clock.ts'
import { Problem } from './domain/errors.ts'
import { installation } from './domain/records.ts'
import { accountPattern } from './domain/scope.ts'
import { formatInstant } from './domain/time.ts'
import { monotonic, systemClock, systemRandom } from './machine.ts'
import { type FirstCredentials, newAccount } from './operations/access/accounts.ts'
import type { StartedFacts } from './processes/calls.ts'
import { supervise } from './processes/supervisor.ts'
import { type Listener, requireFree } from './protocols/server.ts'
import { type RotationReport, rotateRootKey } from './root-rotation.ts'
import { startService } from './serve.ts'
import { type DevServer, devFolder, exportLines } from './server-commands.ts'
import { makeSetupLink } from './setup-links.ts'
import { copyStore } from './stores/copy.ts'
import { createLog } from './telemetry/log.ts'
import { tlsFiles } from './tls.ts'
import { version } from './version.ts'
import { addUnlocking, initializeHsmRootKey, type OpenWorld, openMemoryWorld, openStore, openWorld } from './world.ts'

export async function serve(
  environment: Environment,
  terminal: Terminal,
  options: { readonly processes?: string },
): Promise<void> {
  const given = options.processes
  // By the setting's own rules.
  const config = loadConfig(given === undefined ? environment : { ...environment, KEYWARD_PROCESSES: given })
  const processes = processesOf(config)
  // Before anything is made: the first start shows the administrator's credentials once, and only when it serves.
  await requireFree(placesOf(config))
  if (processes > 1) await serveInProcesses(config, processes, terminal)
  else await serveAlone(config, environment, terminal)
}

/** Over PostgreSQL every process is a node, with a name of its own; what is in memory cannot be shared. */
function processesOf({ processes, store }: Config): number {
  if (store === 'sqlite') return processes ?? availableParallelism()
  if (processes !== undefined && processes > 1)
    throw usageError(
      `Several processes serve over SQLite; the store is ${store === 'memory' ? 'memory' : 'PostgreSQL'}.`,
      'Over PostgreSQL run several services, each with its own KEYWARD_NODE and KEYWARD_DATA.',
    )
  return 1
}

async function serveAlone(config: Config, environment: Environment, terminal: Terminal): Promise<void> {
  const log = createLog(config.logLevel)
  const world = await openWorld(config, { environment, warn: (facts, words) => log.warn(facts, words) })
  const facts = await installationFacts(config, world)
  const running = await startService({
    world,
    config,
    operatorAccount: await operatorAccount(world, config),
    log,
    listeners: await listenersOf(config, world),
  })
  const urls = running.servers.map(({ url }) => url)
  terminal.say(serveWords(config, { ...facts, urls }))
  await untilAskedToStop()
  terminal.say('  Ending: answers in flight go out first.')
  await running.stop()
}

async function serveInProcesses(config: Config, processes: number, terminal: Terminal): Promise<void> {
  const log = createLog(config.logLevel)
  const { keeper, serving, stop } = await supervise({
    program: join(import.meta.dirname, 'serve-process.ts'),
    processes,
    drainMs: config.drainSeconds * 1000,
    monotonic,
    onEnded: (facts, words) => log.error(facts, words),
  })
  terminal.say(
    serveWords(config, { ...keeper, urls: serving.urls, words: [`Processes ${processes}`, ...keeper.words] }),
  )
  await untilAskedToStop()
  terminal.say('  Ending: answers in flight go out first.')
  await stop()
}

export async function listenersOf(config: Config, world: OpenWorld): Promise<readonly Listener[]> {
  const [https, http] = placesOf(config)
  return [{ ...https, tls: await tlsFiles(config, world.clock.wall()) }, http]
}

function placesOf({ httpsHost, httpsPort, httpPort }: Config) {
  return [
    { host: httpsHost, port: httpsPort },
    { host: 'localhost', port: httpPort },
  ] as const
}

/** What there is to say of the installation when the service has started; at its first start it is made. */
export async function installationFacts(config: Config, world: OpenWorld): Promise<StartedFacts> {
  const first = await firstStart(world, config)
  const tls = await tlsFiles(config, world.clock.wall())
  const words = [
    `Data      ${config.data}`,
    ...(tls.own ? [`TLS       its own certificate: ${tls.certPath}`] : []),
    `Root key  in three places: ${config.rootCiphertext}, ${config.rootPrivateKey}, ${thirdPlace(config)}`,
    ...world.custody.warnings.map((warning) => `          ${warning}`),
  ]
  if (first === undefined) return { words, urls: [] }
  const setupPath = makeSetupLink(config, world, { principalName: 'admin' }).path
  return { words, urls: [], first: { ...first, setupPath } }
}

function serveWords(config: Config, { urls: [https = '', http = ''], words, first }: StartedFacts): string {
  const httpsPort = Number(new URL(https).port)
  const everywhere = /^https:\/\/(0\.0\.0\.0|\[::\]):/.test(https)
  return [
    '',
    `  Keyward ${version}`,
    '',
    `  HTTPS     ${everywhere ? `https://localhost:${httpsPort}   (and every address of this machine)` : https}`,
    `  HTTP      ${http}   (this machine only)`,
    ...(config.console ? [`  Console   ${consoleAddress(config, httpsPort)}${first?.setupPath ?? '/ui/'}`] : []),
    ...(config.console && first !== undefined
      ? ['            Open it within 15 minutes to set up your passkey; keyward access setup-link makes a new one.']
      : []),
    `  API docs  ${http}/docs/`,
    ...words.map((line) => `  ${line}`),
    ...(first === undefined ? [] : firstWords(first, http)),
    '',
  ].join('\n')
}

/** Of the machine itself where nothing else is known: passkeys belong to names, and localhost is one everywhere. */
function consoleAddress(config: Config, httpsPort: number = config.httpsPort): string {
  return config.consoleUrl ?? `https://localhost:${httpsPort}`
}

/** The service may run meanwhile, or not: it looks for the link when somebody comes with it. */
export function setupLink(
  environment: Environment,
  options: { readonly principal: string; readonly account?: string },
): { readonly url: string; readonly expiresAt: string } {
  const config = loadConfig(environment)
  if (!config.console) throw usageError('The console is off here.', 'Set KEYWARD_CONSOLE=true, and start the service.')
  const clock = systemClock()
  const { path, expiresAt } = makeSetupLink(
    config,
    { clock, random: systemRandom() },
    {
      principalName: options.principal,
      ...(options.account === undefined ? {} : { account: options.account }),
    },
  )
  return { url: consoleAddress(config) + path, expiresAt: formatInstant(expiresAt) }
}

function thirdPlace(config: Config): string {
  if (config.rootPassphraseFile !== undefined) return 'a passphrase'
  if (config.rootUnlockHsm !== undefined) return `key ${config.rootUnlockHsm} of the token`
  return config.rootUnlockCredential ?? config.rootUnlockKey
}

function firstWords(first: FirstCredentials & { readonly account: string }, url: string): string[] {
  return [
    '',
    '  This is the first start. The administrator of account',
    `  ${first.account} has these credentials, shown this once:`,
    '',
    `    export KEYWARD_ADDR=${url}`,
    `    export KEYWARD_TOKEN=${first.token}`,
    `    export AWS_ACCESS_KEY_ID=${first.accessKeyId} AWS_SECRET_ACCESS_KEY=${first.secretAccessKey}`,
    '',
    '  Then try:',
    '',
    '    bin/keyward key create --description "my first key"',
    '    bin/keyward alias create --alias-name alias/first --key-id KEY_ID',
    "    bin/keyward encrypt alias/first --text 'hello'",
  ]
}

/** The operator account, with its administrator: made once, when there is no account yet. */
export async function firstStart(
  world: OpenWorld,
  config: Config,
  fixed: Partial<FirstCredentials> = {},
): Promise<(FirstCredentials & { readonly account: string }) | undefined> {
  if ((await world.store.count('account', installation)) > 0) return undefined
  const account = config.account ?? randomAccount(world)
  const { credentials, changes } = newAccount(world, account, 'operator', world.clock.now(), fixed)
  const noted = { put: 'setting', record: { revision: 1, name: 'operator-account', value: account } } as const
  try {
    await world.store.commit([...changes, noted])
  } catch (error) {
    // Another node, which starts at the same moment, was first.
    if (error instanceof Problem && error.code === 'Conflict') return undefined
    throw error
  }
  return { account, ...credentials }
}

export async function operatorAccount(world: OpenWorld, config: Config): Promise<string> {
  const setting = await world.store.get('setting', installation, 'operator-account')
  if (setting === undefined) throw new Error('the first start notes the operator account')
  if (config.account !== undefined && config.account !== setting.value)
    throw usageError(
      `KEYWARD_ACCOUNT is ${config.account}, but this installation was made for ${setting.value}.`,
      'Leave it out, or mend it.',
    )
  return setting.value
}

function randomAccount(world: OpenWorld): string {
  const digits = Array.from(world.random.bytes(12), (byte) => String(byte % 10)).join('')
  return digits.replace(/^0/, '1')
}

function untilAskedToStop(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGTERM', () => resolve())
    process.once('SIGINT', () => resolve())
  })
}

export async function rotateRoot(environment: Environment): Promise<RotationReport> {
  const world = await openWorld(loadConfig(environment), { environment })
  try {
    await world.engine.lease?.requireAlone()
    return await rotateRootKey(world)
  } finally {
    await world.close()
  }
}

/** The settings by which the service finds the new way. */
export async function addUnlock(
  environment: Environment,
  options: {
    readonly privateKey: string
    readonly unlockKey?: string
    readonly passphraseFile?: string
    readonly hsm?: string
  },
): Promise<Readonly<Record<string, string>>> {
  const third = {
    root_unlock_key: options.unlockKey,
    root_passphrase_file: options.passphraseFile,
    root_unlock_hsm: options.hsm,
  }
  const [only, another] = Object.entries(third).filter(([, value]) => value !== undefined)
  if (only === undefined || another !== undefined)
    throw usageError('Give one of --unlock-key, --passphrase-file and --hsm.')
  const named = { root_private_key: options.privateKey, [only[0]]: only[1] as string }
  const added = Object.fromEntries(
    Object.entries(settings)
      .filter(([, { name }]) => name in named)
      .map(([member, { name, read }]) => [member, read(named[name] as string)]),
  )
  await addUnlocking(loadConfig(environment), added, environment)
  return named
}

/** What it answers is all that is kept of the root key (R32): its index in the token. */
export async function initHsm(
  environment: Environment,
): Promise<{ readonly rootKeyLabel: string; readonly rootKeyId: string }> {
  const world = await openWorld(loadConfig(environment), { environment, withoutHsm: true })
  try {
    return await initializeHsmRootKey(loadConfig(environment), world, environment)
  } finally {
    await world.close()
  }
}

/** Goes on with what is left of the audit log, and puts on record what was lost. The service must not run meanwhile. */
export async function acceptAuditDamage(environment: Environment): Promise<Recovery> {
  const world = await openWorld(loadConfig(environment), { environment, acceptAuditDamage: true })
  try {
    // However short ago something was noted: from now on the log begins with what it holds now.
    await noteProgress(world, world.clock.now(), -1)
    return world.recovery
  } finally {
    await world.close()
  }
}

/** The service must not run on either store meanwhile. */
export async function copyBetween(
  environment: Environment,
  { from, to }: { readonly from: string; readonly to: string },
): Promise<unknown> {
  const needs = { clock: systemClock(), random: systemRandom(), ofEveryNode: true }
  const source = await openStore(loadConfig(environment, { store: from }), needs)
  try {
    const target = await openStore(loadConfig(environment, { store: to }), needs)
    try {
      await Promise.all([source.lease?.requireAlone(), target.lease?.requireAlone()])
      return await copyStore(source, target)
    } finally {
      await target.close()
    }
  } finally {
    await source.close()
  }
}

export async function backupTo(environment: Environment, file: string): Promise<void> {
  const store = await openStore(loadConfig(environment), { clock: systemClock(), random: systemRandom() })
  try {
    await store.backup(file)
  } finally {
    await store.close()
  }
}

// -------------------------------------------------------------------------------------------------------------- dev

export async function dev(
  environment: Environment,
  terminal: Terminal,
  options: { readonly port: string; readonly account: string; readonly tls?: true },
): Promise<void> {
  if (!accountPattern.test(options.account)) throw usageError('--account takes 12 to 16 digits.')
  const port = Number(options.port)
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw usageError('--port takes a port number.')
  const folder = devFolder()
  const overrides = { store: 'memory', account: options.account, data: join(folder, `data-${process.pid}`) } as const
  const config = loadConfig(environment, overrides)
  const world = await openMemoryWorld(config)
  const first = await firstStart(world, config, {
    ...(environment.KEYWARD_DEV_TOKEN === undefined ? {} : { token: environment.KEYWARD_DEV_TOKEN }),
    ...(environment.KEYWARD_DEV_ACCESS_KEY_ID === undefined
      ? {}
      : { accessKeyId: environment.KEYWARD_DEV_ACCESS_KEY_ID }),
    ...(environment.KEYWARD_DEV_SECRET_ACCESS_KEY === undefined
      ? {}
      : { secretAccessKey: environment.KEYWARD_DEV_SECRET_ACCESS_KEY }),
  })
  if (first === undefined) throw new Error('a new world has no account')
  const tls = options.tls ? await tlsFiles(config, world.clock.wall()) : undefined
  const running = await startService({
    world,
    config,
    operatorAccount: options.account,
    // Where scripts read one line of JSON, the log must not disturb them; it goes to stderr.
    log: createLog(config.logLevel === 'info' ? 'warn' : config.logLevel, process.stderr),
    listeners: [
      { host: 'localhost', port },
      ...(tls === undefined ? [] : [{ host: 'localhost', port: port === 0 ? 0 : port + 1, tls }]),
    ],
    moreFaces: [devClockFace(world)],
    devMode: true,
  })
  const [http, https] = running.servers
  const ready: DevServer = {
    endpoint: http?.url ?? '',
    ...(https === undefined ? {} : { httpsEndpoint: https.url, caCert: tls?.certPath ?? '' }),
    token: first.token,
    accessKeyId: first.accessKeyId,
    secretAccessKey: first.secretAccessKey,
    account: first.account,
    region: config.region,
    pid: process.pid,
  }
  const note = join(folder, `${http?.port}.json`)
  writeFileSync(note, JSON.stringify(ready), { mode: 0o600 })
  if (terminal.format === 'json') terminal.out(`${JSON.stringify(ready)}\n`)
  else terminal.say(devWords(ready))
  await untilAskedToStop()
  await running.stop()
  rmSync(note, { force: true })
  rmSync(config.data, { recursive: true, force: true })
}

function devWords(ready: DevServer): string {
  return [
    '',
    `  Keyward dev server ${version}`,
    '',
    `  API       ${ready.endpoint}   REST under /v1, AWS and Alibaba protocols on /`,
    ...(ready.httpsEndpoint === undefined
      ? []
      : [`  HTTPS     ${ready.httpsEndpoint}   (certificate: ${ready.caCert})`]),
    `  Console   ${ready.httpsEndpoint ?? ready.endpoint}/ui/   sign in with the token below`,
    `  API docs  ${ready.endpoint}/docs/`,
    '  Storage   memory: every key is lost when this process ends. Not for real data.',
    '',
    '  Copy into another terminal:',
    '',
    '    eval "$(bin/keyward env)"',
    '',
    '  or these lines:',
    '',
    exportLines(ready).replace(/^(?=.)/gm, '    '),
    '  Then try:',
    '',
    '    bin/keyward key create',
    '    bin/keyward alias create --alias-name alias/dev --key-id KEY_ID',
    "    bin/keyward encrypt alias/dev --text 'hello'",
    '',
  ].join('\n')
}

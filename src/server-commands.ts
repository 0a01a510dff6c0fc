/** The commands that run a server, or work on its files: serve, dev, env, settings, root, audit verify and prove. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import type { Command } from 'commander'
import { addAuditCommands } from './audit-commands.ts'
import { CliError, exitCodes, usageError } from './cli/exit-codes.ts'
import type { Terminal } from './cli/terminal.ts'
import { type Config, type Environment, loadConfig, settings } from './config.ts'
import { devClockFace } from './dev-clock.ts'
import { Problem } from './domain/errors.ts'
import { installation } from './domain/records.ts'
import { accountPattern } from './domain/scope.ts'
import { type FirstCredentials, newAccount } from './operations/access/accounts.ts'
import { rotateRootKey } from './root-rotation.ts'
import { startService } from './serve.ts'
import { createLog } from './telemetry/log.ts'
import { tlsFiles } from './tls.ts'
import { version } from './version.ts'
import { type OpenWorld, openMemoryWorld, openWorld } from './world.ts'

type Needs = { readonly environment: Environment; readonly terminal: Terminal }

/** The account of dev mode, as cloud emulators have it. */
const devAccount = '000000000000'

export function addServerCommands(program: Command, { environment, terminal }: Needs): void {
  program
    .command('serve')
    .description('Run the service. Settings: keyward settings.')
    .action(() => asCliErrors(() => serve(environment, terminal)))

  program
    .command('dev')
    .description('Run a throw-away service in memory, for trying things out and for tests.')
    .option('--port <number>', 'port of plain HTTP on loopback; 0 picks a free one', '8480')
    .option('--account <number>', '12 to 16 digits', devAccount)
    .option('--tls', 'HTTPS too, on the next port, with a certificate of its own')
    .action((options: { port: string; account: string; tls?: true }) =>
      asCliErrors(() => dev(environment, terminal, options)),
    )

  program
    .command('env')
    .description('Print export lines for the dev server that runs on this machine: eval "$(keyward env)"')
    .option('--port <number>', 'of which one, where several run')
    .action((options: { port?: string }) => {
      terminal.out(exportLines(findDevServer(options.port)))
    })

  const root = program.command('root').description('The root key')
  root
    .command('rotate')
    .description('Make a new root key and seal everything again under it. The service must not run meanwhile.')
    .action(() =>
      asCliErrors(async () => {
        const world = await openWorld(loadConfig(environment))
        try {
          terminal.data(await rotateRootKey(world))
        } finally {
          await world.close()
        }
      }),
    )
  addAuditCommands(program, { environment, terminal })

  program
    .command('settings')
    .description('List all settings of the service, with what holds here.')
    .action(() =>
      asCliErrors(async () => {
        const config = loadConfig(environment)
        terminal.data({
          settings: Object.entries(settings).map(([member, { name, summary }]) => ({
            name,
            environment: `KEYWARD_${name.toUpperCase()}`,
            value: String(config[member as keyof Config] ?? ''),
            summary,
          })),
        })
      }),
    )
}

/** Problems of the service's own start look like those of a call. */
async function asCliErrors(run: () => Promise<void>): Promise<void> {
  try {
    await run()
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    throw new CliError(error.code, error.message, { mend: error.mend, exitCode: exitCodes.unexpected })
  }
}

async function serve(environment: Environment, terminal: Terminal): Promise<void> {
  const config = loadConfig(environment)
  const log = createLog(config.logLevel)
  const world = await openWorld(config)
  const first = await firstStart(world, config)
  const tls = await tlsFiles(config, world.clock.wall())
  const running = await startService({
    world,
    config,
    operatorAccount: await operatorAccount(world, config),
    log,
    listeners: [
      { host: config.httpsHost, port: config.httpsPort, tls },
      { host: '127.0.0.1', port: config.httpPort },
    ],
  })
  const [https, http] = running.servers
  terminal.say(
    [
      '',
      `  Keyward ${version}`,
      '',
      `  HTTPS     ${https?.url}${tls.own ? `   (its own certificate: ${tls.certPath})` : ''}`,
      `  HTTP      ${http?.url}   (this machine only)`,
      `  API docs  ${http?.url}/docs/`,
      `  Data      ${config.data}`,
      `  Root key  in three places: ${config.rootCiphertext}, ${config.rootPrivateKey}, ${thirdPlace(config)}`,
      ...world.custody.warnings.map((warning) => `            ${warning}`),
      ...(first === undefined ? [] : firstWords(first, http?.url ?? '')),
      '',
    ].join('\n'),
  )
  await untilAskedToStop()
  terminal.say('  Ending: answers in flight go out first.')
  await running.stop()
}

function thirdPlace(config: Config): string {
  if (config.rootPassphraseFile !== undefined) return 'a passphrase'
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
async function firstStart(
  world: OpenWorld,
  config: Config,
  fixed: Partial<FirstCredentials> = {},
): Promise<(FirstCredentials & { readonly account: string }) | undefined> {
  if ((await world.store.count('account', installation)) > 0) return undefined
  const account = config.account ?? randomAccount(world)
  const { credentials, changes } = newAccount(world, account, 'operator', world.clock.now(), fixed)
  await world.store.commit([
    ...changes,
    { put: 'setting', record: { revision: 1, name: 'operator-account', value: account } },
  ])
  return { account, ...credentials }
}

async function operatorAccount(world: OpenWorld, config: Config): Promise<string> {
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

// -------------------------------------------------------------------------------------------------------------- dev

type DevServer = FirstCredentials & {
  readonly endpoint: string
  readonly httpsEndpoint?: string
  readonly caCert?: string
  readonly account: string
  readonly region: string
  readonly pid: number
}

async function dev(
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
      { host: '127.0.0.1', port },
      ...(tls === undefined ? [] : [{ host: '127.0.0.1', port: port === 0 ? 0 : port + 1, tls }]),
    ],
    moreFaces: [devClockFace(world)],
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

/** Both variables of AWS's region: the CLI of version 1 does not know AWS_REGION. */
function exportLines(server: DevServer): string {
  const lines = {
    KEYWARD_ADDR: server.endpoint,
    KEYWARD_TOKEN: server.token,
    AWS_ENDPOINT_URL_KMS: server.endpoint,
    AWS_ACCESS_KEY_ID: server.accessKeyId,
    AWS_SECRET_ACCESS_KEY: server.secretAccessKey,
    AWS_REGION: server.region,
    AWS_DEFAULT_REGION: server.region,
  }
  return Object.entries(lines)
    .map(([name, value]) => `export ${name}='${value.replaceAll("'", "'\\''")}'\n`)
    .join('')
}

/** Private to the user: notes of running dev servers hold their credentials. */
function devFolder(): string {
  const folder = join(tmpdir(), `keyward-dev-${userInfo().uid}`)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  return folder
}

function findDevServer(port: string | undefined): DevServer {
  const folder = devFolder()
  const notes = (port === undefined ? readdirSync(folder).filter((name) => name.endsWith('.json')) : [`${port}.json`])
    .map((name) => join(folder, name))
    .filter((path) => existsSync(path))
    .map((path) => JSON.parse(readFileSync(path, 'utf8')) as DevServer)
    .filter(({ pid }) => isRunning(pid))
  const [only, another] = notes
  if (only === undefined)
    throw new CliError('NotFound', 'No dev server is running here.', { mend: 'Start one: keyward dev' })
  if (another !== undefined)
    throw usageError(
      'Several dev servers are running.',
      `Say which: ${notes.map(({ endpoint }) => `--port ${new URL(endpoint).port}`).join(', ')}`,
    )
  return only
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** The commands that run a server, or work on its files: serve, dev, env, settings, root, hsm, audit verify and prove. */

import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import type { Command } from 'commander'
import { addAuditCommands } from './audit-commands.ts'
import { CliError, exitCodes, usageError } from './cli/exit-codes.ts'
import type { Terminal } from './cli/terminal.ts'
import { type Environment, loadConfig, shownSettings } from './config.ts'
import { Problem } from './domain/errors.ts'
import type { FirstCredentials } from './operations/access/accounts.ts'

type Needs = { readonly environment: Environment; readonly terminal: Terminal }

/** The account of dev mode, as cloud emulators have it. */
const devAccount = '000000000000'

export function addServerCommands(program: Command, { environment, terminal }: Needs): void {
  program
    .command('serve')
    .description('Run the service. Settings: keyward settings.')
    .option('--processes <number>', 'how many serve, over SQLite; one per core without it')
    .action((options: { processes?: string }) =>
      asCliErrors(async () => (await theService()).serve(environment, terminal, options)),
    )

  program
    .command('dev')
    .description('Run a throw-away service in memory, for trying things out and for tests.')
    .option('--port <number>', 'port of plain HTTP on loopback; 0 picks a free one', '8480')
    .option('--account <number>', '12 to 16 digits', devAccount)
    .option('--tls', 'HTTPS too, on the next port, with a certificate of its own')
    .action((options: { port: string; account: string; tls?: true }) =>
      asCliErrors(async () => (await theService()).dev(environment, terminal, options)),
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
    .action(() => asCliErrors(async () => terminal.data(await (await theService()).rotateRoot(environment))))
  root
    .command('add-unlock')
    .description(
      'Write places 2 and 3 of the root key anew, elsewhere: to move to another kind of place 3, or to keep a second way in.',
    )
    .requiredOption('--private-key <folder>', 'where place 2 is written to')
    .option('--unlock-key <file>', 'place 3 is a file: where it is written to')
    .option('--passphrase-file <file>', 'place 3 is the passphrase in this file')
    .option(
      '--hsm <label>',
      'place 3 is a key of this label in the token of the hsm_ settings; label/id where it has an id',
    )
    .action((options: { privateKey: string; unlockKey?: string; passphraseFile?: string; hsm?: string }) =>
      asCliErrors(async () => terminal.data({ settings: await (await theService()).addUnlock(environment, options) })),
    )
  program
    .command('hsm')
    .description('The hardware protection level')
    .command('init')
    .description('Make the root key in the token that the hsm_ settings name. Only its index is kept.')
    .action(() => asCliErrors(async () => terminal.data(await (await theService()).initHsm(environment))))
  program
    .command('access')
    .description('Principals, credentials, policies, accounts')
    .command('setup-link')
    .description(
      'On the host of the service: a link with which a principal opens the console without passkey. 15 minutes, once.',
    )
    .option('--principal <name>', 'whose passkey it is to be', 'admin')
    .option('--account <number>', 'of the principal; the operator account without it')
    .action((options: { principal: string; account?: string }) =>
      asCliErrors(async () => terminal.data((await theService()).setupLink(environment, options))),
    )
  const store = program.command('store').description('The store of metadata')
  store
    .command('copy')
    .description('Copy everything from one store to another, compare both, and go on where an earlier copy ended.')
    .requiredOption('--from <store>', 'sqlite, or a postgres:// URL')
    .requiredOption('--to <store>', 'sqlite, or a postgres:// URL')
    .action((options: { from: string; to: string }) =>
      asCliErrors(async () => terminal.data(await (await theService()).copyBetween(environment, options))),
    )
  store
    .command('backup')
    .description('A consistent copy of everything in the store, as an SQLite file. For a store that is not in use.')
    .argument('<file>')
    .action((file: string) => asCliErrors(async () => (await theService()).backupTo(environment, file)))
  addAuditCommands(program, { environment, terminal })
    .command('accept-damage')
    .description(
      'Go on with what is left of a damaged audit log, for whoever has looked; what was lost goes on record.',
    )
    .action(() => asCliErrors(async () => terminal.data(await (await theService()).acceptAuditDamage(environment))))

  program
    .command('settings')
    .description('List all settings of the service, with what holds here.')
    .action(() =>
      asCliErrors(async () => {
        terminal.data({ settings: shownSettings(loadConfig(environment)) })
      }),
    )
}

/** Loaded only where it is needed: a client's command starts in a fraction of the time. */
function theService(): Promise<typeof import('./server-runs.ts')> {
  return import('./server-runs.ts')
}

/** What stops a start says where and the mend; a Problem, or an error of the custody of the root key. */
async function asCliErrors(run: () => Promise<void>): Promise<void> {
  try {
    await run()
  } catch (error) {
    if (error instanceof CliError || !(error instanceof Error) || !('mend' in error)) throw error
    const code = error instanceof Problem ? error.code : error.name
    const mend = typeof error.mend === 'string' && !error.message.includes(error.mend) ? error.mend : undefined
    throw new CliError(code, error.message, { mend, exitCode: exitCodes.unexpected })
  }
}

// -------------------------------------------------------------------------------------------------------- dev servers

export type DevServer = FirstCredentials & {
  readonly endpoint: string
  readonly httpsEndpoint?: string
  readonly caCert?: string
  readonly account: string
  readonly region: string
  readonly pid: number
}

/** Both variables of AWS's region: the CLI of version 1 does not know AWS_REGION. */
export function exportLines(server: DevServer): string {
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
export function devFolder(): string {
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

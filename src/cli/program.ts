/** The `keyward` command: what runs a server, what asks one, and what needs none. */
import { Command, CommanderError, Option } from 'commander'
import { operations } from '../operations/index.ts'
import { scheduleKeyDeletion } from '../operations/keys/schedule-key-deletion.ts'
import { getKeyUsage } from '../operations/usage/get-key-usage.ts'
import { type Client, createClient } from './client.ts'
import { addOperationCommands } from './commands.ts'
import { CliError, exitCodes } from './exit-codes.ts'
import { addDataCommands } from './file-commands.ts'
import { addImportCommands } from './import-commands.ts'
import { type Format, formats } from './output.ts'
import { type ConnectionFlags, connectionFrom } from './profile.ts'
import type { Terminal } from './terminal.ts'

export type CliOptions = {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly terminal: Terminal
  readonly randomBytes: (count: number) => Uint8Array
  readonly version: string
  /** The commands that run or inspect a server's own files. */
  readonly addServerCommands: (program: Command) => void
}

/** Commands that are written by hand: they do more than one call. */
const byHand: ReadonlySet<string> = new Set(['Encrypt', 'Decrypt'])

/** Returns the exit code. Everything that goes wrong is told on stderr, with the mend. */
export async function runCli(argv: readonly string[], options: CliOptions): Promise<number> {
  const { terminal } = options
  const program = createProgram(options)
  try {
    await program.parseAsync(argv as string[], { from: 'user' })
    return exitCodes.ok
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
    if (error instanceof CliError) {
      report(error, terminal)
      return error.exitCode
    }
    terminal.say(`error: ${(error as Error).stack ?? String(error)}`)
    return exitCodes.unexpected
  }
}

function report(error: CliError, terminal: Terminal): void {
  if (terminal.format === 'json') {
    const { code, message, mend, requestId } = error
    terminal.say(JSON.stringify({ error: { code, message, mend, requestId } }))
    return
  }
  terminal.say(`error: ${error.code}: ${error.message}`)
  if (error.mend !== undefined) terminal.say(`hint: ${error.mend}`)
  if (error.requestId !== undefined) terminal.say(`request: ${error.requestId}`)
}

function createProgram(options: CliOptions): Command {
  const { terminal, environment } = options
  const program = new Command('keyward')
    .description('A self-hosted key management service.')
    .version(options.version)
    .addOption(new Option('-o, --output <format>', 'how answers are shown').choices([...formats]))
    .option('--field <path>', 'one value of the answer, such as key.keyId')
    .option('--addr <url>', 'the server (KEYWARD_ADDR)')
    .option('--token <token>', 'better in KEYWARD_TOKEN, or a file')
    .option('--token-file <file>', 'file with the token (KEYWARD_TOKEN_FILE)')
    .option('--region <region>', 'the region (KEYWARD_REGION)')
    .option('--cacert <file>', "authority of the server's certificate (KEYWARD_CACERT)")
    .option('--profile <name>', 'profile of ~/.config/keyward/config.yaml (KEYWARD_PROFILE)')
    .exitOverride()
    .configureOutput({ writeErr: (text) => terminal.say(text.trimEnd()) })
    .showHelpAfterError('(add --help for more)')
  program.hook('preAction', () => {
    const { output, field } = program.opts<{ output?: Format; field?: string }>()
    const wanted = output ?? (environment.KEYWARD_FORMAT as Format | undefined)
    if (wanted !== undefined && !formats.includes(wanted))
      throw new CliError('Usage', `KEYWARD_FORMAT must be one of ${formats.join(', ')}.`)
    terminal.format = wanted
    terminal.field = field
  })

  let connected: Client | undefined
  const client = () => {
    connected ??= createClient(connectionFrom(program.opts<ConnectionFlags>(), environment))
    return connected
  }

  options.addServerCommands(program)
  addDataCommands(program, client, terminal, options.randomBytes)
  addOperationCommands(
    program,
    operations.filter(({ name }) => !byHand.has(name)),
    async (operation, input) => {
      if (operation === scheduleKeyDeletion && input.evenIfRecentlyUsed !== true)
        await showWhatWouldBreak(client(), terminal, input)
      terminal.data(await client().call(operation, input))
    },
  )
  addImportCommands(program, client, terminal, options.randomBytes)
  return program
}

/** Before a deletion is scheduled: who still uses the key. On stderr, so that scripts are not disturbed. */
async function showWhatWouldBreak(
  client: Client,
  terminal: Terminal,
  input: Readonly<Record<string, unknown>>,
): Promise<void> {
  const usage = await client.call(getKeyUsage, { keyId: input.keyId })
  const uses = usage.uses as { principal: string; operation: string; alias?: string; count: number; lastAt: string }[]
  if (uses.length === 0) {
    terminal.say('Nobody used this key in the last 90 days.')
    return
  }
  terminal.say('What would break:')
  for (const use of uses.slice(0, 10))
    terminal.say(
      `  ${use.principal} ${use.operation}${use.alias === undefined ? '' : ` through ${use.alias}`}: ${use.count} times, last ${use.lastAt}`,
    )
}

/** The entry point: hands the words of the command line to what they name. */
import process from 'node:process'
import { runCli } from './cli/program.ts'
import { openTerminal } from './cli/terminal.ts'
import { processEnvironment } from './config.ts'
import { monotonic, systemRandom } from './machine.ts'
import { addServerCommands } from './server-commands.ts'
import { version } from './version.ts'

const terminal = openTerminal(process.stdout, process.stderr, monotonic)
const environment = processEnvironment()
process.exitCode = await runCli(process.argv.slice(2), {
  environment,
  terminal,
  randomBytes: (count) => systemRandom().bytes(count),
  version,
  addServerCommands: (program) => addServerCommands(program, { environment, terminal }),
})

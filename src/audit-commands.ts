/** What an auditor does with the files alone: verify the log, prove a record, check a proof. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { logFolder, logsIn, vkeyOfLog, vkeyOfOrigin } from './audit/places.ts'
import { verifyProof } from './audit/proof-text.ts'
import { type LogFiles, proveFromFiles } from './audit/prove.ts'
import { verifyLogs } from './audit/verify-all.ts'
import { shippedLogs } from './audit-shipping.ts'
import { CliError, exitCodes, usageError } from './cli/exit-codes.ts'
import type { Terminal } from './cli/terminal.ts'
import { type Environment, loadConfig, verifierKeyFile } from './config.ts'

type LogOptions = { readonly log?: string; readonly from?: string; readonly verifierKey?: string }

export function addAuditCommands(
  program: Command,
  needs: { readonly environment: Environment; readonly terminal: Terminal },
): Command {
  const { environment, terminal } = needs
  const audit = program.command('audit').description('The audit log: search, verify, prove')
  const verifierKey = (given: string | undefined) => {
    const path = given ?? join(loadConfig(environment).data, verifierKeyFile)
    if (given !== undefined && /\+[0-9a-f]{8}\+/.test(given)) return given
    if (!existsSync(path))
      throw usageError(`There is no verifier key at ${path}.`, 'Give --verifier-key, the key itself or a file of it.')
    return readFileSync(path, 'utf8').trim()
  }
  /** A folder is that of one log, or holds those of all of an installation. */
  const logsOf = async (options: LogOptions): Promise<readonly LogFiles[]> => {
    const vkey = verifierKey(options.verifierKey)
    if (options.from !== undefined && options.log !== undefined)
      throw usageError('--from and --log exclude each other.', 'Give the one that names what you want to look at.')
    if (options.from !== undefined) return shippedLogs(options.from, loadConfig(environment), vkey)
    const folder = options.log ?? loadConfig(environment).data
    if (existsSync(join(folder, 'checkpoint'))) return [{ number: 0, directory: folder, vkey }]
    const numbers = existsSync(folder) ? logsIn(folder) : []
    // None at all is told by what is missing from the first.
    return (numbers.length === 0 ? [0] : numbers).map((number) => ({
      number,
      directory: numbers.length === 0 && options.log !== undefined ? folder : join(folder, logFolder(number)),
      vkey: vkeyOfLog(vkey, number),
    }))
  }

  audit
    .command('verify')
    .description('Recompute all logs from their records: finds what was changed, is missing, out of order, or cut off.')
    .option('--log <folder>', 'folder of a log, or of all; else the data folder')
    .option('--from <place>', 'a copy: a folder, s3://BUCKET/PREFIX (by the audit_ship_ settings), or https://...')
    .option('--verifier-key <key>', 'the key or a file of it; best one that you kept yourself')
    .option('--against <file>', 'checkpoints that you kept: the logs must begin with what they saw')
    .option('--mirror', 'the folder is a copy of what is published, without journals')
    .action(async (options: LogOptions & { readonly against?: string; readonly mirror?: true }) => {
      const report = await verifyLogs(await logsOf(options), {
        ...(options.against === undefined ? {} : { against: readFileSync(options.against, 'utf8') }),
        ...(options.mirror || options.from !== undefined ? { mirror: true } : {}),
      })
      if (!report.valid) {
        for (const finding of report.findings) terminal.say(`${finding.kind}: ${finding.message}`)
        throw new CliError('AuditLogInvalid', `The audit log does not verify: ${report.findings.length} findings.`, {
          exitCode: exitCodes.integrity,
          mend: 'Keep the files as they are. Compare with a checkpoint and a copy from before.',
        })
      }
      const { findings: _, ...shown } = report
      terminal.data(shown)
    })
  audit
    .command('prove')
    .description('A proof that a record is in the log: a text that verifies without the log and without the service.')
    .argument('<record>', 'its place in the log, or its request id')
    .option('--log <folder>', 'folder of a log, or of all; else the data folder')
    .option('--from <place>', 'a copy: a folder, s3://BUCKET/PREFIX (by the audit_ship_ settings), or https://...')
    .option('--verifier-key <key>', 'the key or a file of it')
    .action(async (record: string, options: LogOptions) => {
      const proof = await proveFromFiles({
        logs: await logsOf(options),
        record: /^\d+$/.test(record) ? { place: Number(record) } : { requestId: record },
      })
      terminal.out(proof)
    })
  audit
    .command('verify-proof')
    .description('Check a proof. Needs the proof and the verifier key, and nothing else.')
    .argument('<file>', 'the proof; - is stdin')
    .option('--verifier-key <key>', 'the key or a file of it; best one that you kept yourself')
    .action((file: string, options: { readonly verifierKey?: string }) => {
      const proof = readFileSync(file === '-' ? 0 : file, 'utf8')
      const [origin = ''] = proof.slice(proof.indexOf('\n\n') + 2).split('\n')
      const verdict = verifyProof(proof, vkeyOfOrigin(verifierKey(options.verifierKey), origin))
      if (!verdict.valid) throw new CliError('ProofInvalid', verdict.reason, { exitCode: exitCodes.integrity })
      terminal.data(verdict)
    })
  return audit
}

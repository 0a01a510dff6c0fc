/** What an auditor does with the files alone: verify the log, prove a record, check a proof. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { verifyProof } from './audit/proof-text.ts'
import { proveFromFiles } from './audit/prove.ts'
import { verifyLog } from './audit/verify.ts'
import { CliError, exitCodes, usageError } from './cli/exit-codes.ts'
import type { Terminal } from './cli/terminal.ts'
import { type Environment, loadConfig, verifierKeyFile } from './config.ts'

type LogOptions = { readonly log?: string; readonly verifierKey?: string }

export function addAuditCommands(
  program: Command,
  needs: { readonly environment: Environment; readonly terminal: Terminal },
): Command {
  const { environment, terminal } = needs
  const audit = program.command('audit').description('The audit log: search, verify, prove')
  const logFolder = (options: LogOptions) => options.log ?? join(loadConfig(environment).data, 'audit')
  const verifierKey = (given: string | undefined) => {
    const path = given ?? join(loadConfig(environment).data, verifierKeyFile)
    if (given !== undefined && /\+[0-9a-f]{8}\+/.test(given)) return given
    if (!existsSync(path))
      throw usageError(`There is no verifier key at ${path}.`, 'Give --verifier-key, the key itself or a file of it.')
    return readFileSync(path, 'utf8').trim()
  }

  audit
    .command('verify')
    .description(
      'Recompute the whole log from its records: finds what was changed, is missing, out of order, or cut off.',
    )
    .option('--log <folder>', 'folder of the log; else that of the data folder')
    .option('--verifier-key <key>', 'the key or a file of it; best one that you kept yourself')
    .option('--against <file>', 'a checkpoint that you kept: the log must begin with what it saw')
    .option('--mirror', 'the folder is a copy of the published tiles, without the journal')
    .action(async (options: LogOptions & { readonly against?: string; readonly mirror?: true }) => {
      const report = await verifyLog({
        directory: logFolder(options),
        vkey: verifierKey(options.verifierKey),
        ...(options.against === undefined ? {} : { against: readFileSync(options.against, 'utf8') }),
        ...(options.mirror ? { mirror: true } : {}),
      })
      if (!report.valid) {
        for (const finding of report.findings) terminal.say(`${finding.kind}: ${finding.message}`)
        throw new CliError('AuditLogInvalid', `The log does not verify: ${report.findings.length} findings.`, {
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
    .argument('<record>', 'its index, or its request id')
    .option('--log <folder>', 'folder of the log; else that of the data folder')
    .option('--verifier-key <key>', 'the key or a file of it')
    .action(async (record: string, options: LogOptions) => {
      const proof = await proveFromFiles({
        directory: logFolder(options),
        vkey: verifierKey(options.verifierKey),
        record: /^\d+$/.test(record) ? { index: Number(record) } : { requestId: record },
      })
      terminal.out(proof)
    })
  audit
    .command('verify-proof')
    .description('Check a proof. Needs the proof and the verifier key, and nothing else.')
    .argument('<file>', 'the proof; - is stdin')
    .option('--verifier-key <key>', 'the key or a file of it; best one that you kept yourself')
    .action((file: string, options: { readonly verifierKey?: string }) => {
      const verdict = verifyProof(readFileSync(file === '-' ? 0 : file, 'utf8'), verifierKey(options.verifierKey))
      if (!verdict.valid) throw new CliError('ProofInvalid', verdict.reason, { exitCode: exitCodes.integrity })
      terminal.data(verdict)
    })
  return audit
}

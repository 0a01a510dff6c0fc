/** What an auditor takes away: a checkpoint to remember, and proofs that verify without this service. */
import { z } from 'zod'
import { logAndIndexOf } from '../../domain/audit-places.ts'
import { problem } from '../../domain/errors.ts'
import { operation } from '../operation.ts'
import { none } from '../shapes.ts'

export const getAuditCheckpoint = operation({
  name: 'GetAuditCheckpoint',
  summary: 'A signed checkpoint of the audit log (C2SP). Whoever keeps it notices if the log is ever changed or cut.',
  group: 'audit',
  rest: 'GET /v1/audit/checkpoint',
  cli: 'audit checkpoint',
  key: undefined,
  input: none,
  output: z.object({
    checkpoint: z.string().describe('Of log 0.'),
    verifierKey: z.string(),
    logs: z
      .array(z.object({ log: z.number().int(), checkpoint: z.string(), verifierKey: z.string() }))
      .describe('Of every log there is: each further process has one of its own.'),
  }),
  audit: [],
  async run({ world }) {
    const logs = await Promise.all(
      (await world.logs()).map(async (log) => ({
        log: log.number,
        checkpoint: await log.checkpoint(),
        verifierKey: log.vkey,
      })),
    )
    const [first] = logs
    return { checkpoint: first?.checkpoint ?? '', verifierKey: first?.verifierKey ?? '', logs }
  },
})

export const getAuditProof = operation({
  name: 'GetAuditProof',
  summary: 'A proof that a record is in the log. keyward audit verify-proof checks it offline.',
  group: 'audit',
  rest: 'GET /v1/audit/records/{index}/proof',
  cli: 'audit proof',
  key: undefined,
  input: z.strictObject({ index: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER) }),
  output: z.object({ proof: z.string(), verifierKey: z.string() }),
  audit: ['index'],
  async run({ world, scope, input }) {
    const { log: number, index } = logAndIndexOf(input.index)
    const log = (await world.logs()).find((one) => one.number === number)
    let own = false
    for await (const { record } of log?.read(index, index + 1) ?? []) own = record.account === scope.account
    // Another account's record is not there for this one.
    if (log === undefined || !own)
      throw problem('ResourceNotFound', {
        message: 'There is no such record of this account.',
        mend: 'ListAuditRecords shows their places.',
      })
    return { proof: await log.prove(index), verifierKey: log.vkey }
  },
})

export const getAuditConsistency = operation({
  name: 'GetAuditConsistency',
  summary: 'A proof that the log of now begins with the log of an older checkpoint (RFC 6962).',
  group: 'audit',
  rest: 'GET /v1/audit/consistency/{olderSize}',
  cli: 'audit consistency',
  key: undefined,
  input: z.strictObject({
    olderSize: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
    log: z.coerce.number().int().min(0).max(8191).default(0),
  }),
  output: z.object({ checkpoint: z.string(), path: z.array(z.string()), verifierKey: z.string() }),
  audit: ['olderSize', 'log'],
  async run({ world, input }) {
    const log = (await world.logs()).find(({ number }) => number === input.log)
    if (log === undefined) throw problem('ResourceNotFound', { message: `There is no audit log ${input.log}.` })
    if (input.olderSize > log.size())
      throw problem('InvalidRequest', { member: 'olderSize', message: 'The log is shorter than that.' })
    const { checkpoint, path } = await log.proveConsistency(input.olderSize)
    return { checkpoint, path: [...path], verifierKey: log.vkey }
  },
})

/** What an auditor takes away: a checkpoint to remember, and proofs that verify without this service. */
import { z } from 'zod'
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
  output: z.object({ checkpoint: z.string(), verifierKey: z.string() }),
  audit: [],
  async run({ world }) {
    return { checkpoint: await world.audit.checkpoint(), verifierKey: world.audit.vkey }
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
    let own = false
    for await (const { record } of world.audit.read(input.index, input.index + 1))
      own = record.account === scope.account
    // Another account's record is not there for this one.
    if (!own)
      throw problem('ResourceNotFound', {
        message: 'There is no such record of this account.',
        mend: 'ListAuditRecords shows their places.',
      })
    return { proof: await world.audit.prove(input.index), verifierKey: world.audit.vkey }
  },
})

export const getAuditConsistency = operation({
  name: 'GetAuditConsistency',
  summary: 'A proof that the log of now begins with the log of an older checkpoint (RFC 6962).',
  group: 'audit',
  rest: 'GET /v1/audit/consistency/{olderSize}',
  cli: 'audit consistency',
  key: undefined,
  input: z.strictObject({ olderSize: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER) }),
  output: z.object({ checkpoint: z.string(), path: z.array(z.string()), verifierKey: z.string() }),
  audit: ['olderSize'],
  async run({ world, input }) {
    if (input.olderSize > world.audit.size())
      throw problem('InvalidRequest', { member: 'olderSize', message: 'The log is shorter than that.' })
    const { checkpoint, path } = await world.audit.proveConsistency(input.olderSize)
    return { checkpoint, path: [...path], verifierKey: world.audit.vkey }
  },
})

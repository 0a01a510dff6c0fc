import { z } from 'zod'
import { formatPositions, logAndIndexOf, parsePositions, positionsOf, readBackward } from '../../domain/audit-places.ts'
import { problem } from '../../domain/errors.ts'
import type { AuditRecord } from '../../domain/ports.ts'
import { operation } from '../operation.ts'
import { instant, nextMarker } from '../shapes.ts'

/** One call looks at so many records at the most; the marker goes on from there. */
const mostScanned = 50_000

const auditRecord = z
  .object({
    index: z.number().int().describe('Place in the audit log; GetAuditProof proves the record by it.'),
    time: z.string(),
    requestId: z.string(),
    protocol: z.string(),
    operation: z.string(),
    account: z.string().optional(),
    region: z.string().optional(),
    principal: z.string().optional(),
    credentialId: z.string().optional(),
    sourceAddress: z.string().optional(),
    keyId: z.string().optional(),
    keyVersionId: z.string().optional(),
    alias: z.string().optional(),
    outcome: z.string(),
    input: z.record(z.string(), z.unknown()).optional(),
    recovered: z.boolean().optional(),
  })
  .meta({ id: 'AuditRecord' })

export const listAuditRecords = operation({
  name: 'ListAuditRecords',
  summary: 'Search the audit log of the account, the newest first.',
  group: 'audit',
  rest: 'GET /v1/audit/records',
  cli: 'audit list',
  key: undefined,
  input: z.strictObject({
    keyId: z.string().max(256).optional(),
    principal: z.string().max(256).optional().describe('Resource name, or the end of one.'),
    operation: z.string().max(64).optional(),
    outcome: z
      .string()
      .max(64)
      .optional()
      .describe('ok, a code such as AccessDenied, or failed for all that is not ok.'),
    alias: z.string().max(256).optional().describe('The alias that the caller named the key by.'),
    requestId: z.string().max(64).optional(),
    from: instant().optional(),
    to: instant().optional(),
    limit: z.coerce.number().int().min(1).max(1000).default(100),
    marker: z
      .string()
      .regex(/^\d{1,13}(?:\.\d{1,13}){0,255}$/)
      .optional(),
  }),
  output: z.object({ records: z.array(auditRecord), logSize: z.number().int(), nextMarker }),
  audit: ['keyId', 'principal', 'operation', 'outcome', 'alias', 'requestId', 'from', 'to'],
  async run({ world, scope, input }) {
    const { from, to } = input
    if (from !== undefined && to !== undefined && from > to)
      throw problem('InvalidRequest', { member: 'from', message: 'from is after to.' })
    const matches = (record: AuditRecord) =>
      record.account === scope.account &&
      (record.region === undefined || record.region === scope.region) &&
      (input.keyId === undefined || record.keyId === input.keyId) &&
      (input.principal === undefined || record.principal?.endsWith(input.principal) === true) &&
      (input.operation === undefined || record.operation === input.operation) &&
      (input.outcome === undefined ||
        (input.outcome === 'failed' ? record.outcome !== 'ok' : record.outcome === input.outcome)) &&
      (input.alias === undefined || record.alias === input.alias) &&
      (input.requestId === undefined || record.requestId === input.requestId) &&
      (to === undefined || Date.parse(record.time) <= to)

    const logs = await world.logs()
    const sizes = positionsOf(logs)
    const logSize = sizes.values().reduce((sum, size) => sum + size, 0)
    const asked = input.marker === undefined ? sizes : parsePositions(input.marker)
    const positions = new Map([...sizes].map(([log, size]) => [log, Math.min(size, asked.get(log) ?? 0)]))
    const found: (AuditRecord & { readonly index: number })[] = []
    let scanned = 0
    for await (const { place, record } of readBackward(logs, positions)) {
      const time = Date.parse(record.time)
      // Times never go back in a log: what is older than `from` ends the search.
      if (from !== undefined && time < from - clockSlackMs) return { records: found as never, logSize }
      const { log, index } = logAndIndexOf(place)
      positions.set(log, index)
      scanned++
      if (matches(record) && (from === undefined || time >= from)) found.push({ index: place, ...record })
      if (found.length === input.limit || scanned === mostScanned) break
    }
    const isWhole = positions.values().every((position) => position === 0)
    return { records: found as never, logSize, ...(isWhole ? {} : { nextMarker: formatPositions(positions) }) }
  },
})

/** A record carries the time at which its request began; a slow request stands later in the log than a quick one. */
const clockSlackMs = 120_000

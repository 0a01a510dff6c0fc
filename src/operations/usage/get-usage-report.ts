import { z } from 'zod'
import type { Interval, KeyReport } from '../../domain/ports.ts'
import type { Scope } from '../../domain/scope.ts'
import { formatInstant, type Instant } from '../../domain/time.ts'
import { operation } from '../operation.ts'
import { instant, nextMarker, pageMarker } from '../shapes.ts'
import { csvOf } from './csv.ts'

export const getUsageReport = operation({
  name: 'GetUsageReport',
  summary: 'What fees are counted from: when each key was billable in a month, and the requests for it by day.',
  group: 'usage',
  rest: 'GET /v1/usage-report',
  cli: 'usage report',
  key: undefined,
  input: z.strictObject({
    month: z
      .string()
      .regex(/^(?:19[7-9]\d|2[01]\d\d)-(?:0[1-9]|1[0-2])$/, 'must be a month such as 2026-11')
      .describe('A month such as 2026-11, in UTC.'),
    format: z
      .enum(['json', 'csv'])
      .default('json')
      .describe('csv: the same once more as a table (RFC 4180). Only the first page has the line of names.'),
    limit: z.coerce.number().int().min(1).max(1000).default(1000).describe('So many keys are looked at for a page.'),
    marker: pageMarker,
  }),
  output: z.object({
    account: z.string(),
    region: z.string(),
    month: z.string(),
    keys: z.array(
      z.object({
        keyId: z.string(),
        defaultFor: z.string().optional().describe('A default key of the service: the alias it answers to.'),
        billableSeconds: z.number().describe('Until now where the month is not over.'),
        billable: z.array(z.object({ from: instant(), to: instant().optional() })),
        requests: z.array(
          z.object({ day: z.string(), operation: z.string(), ok: z.number().int(), failed: z.number().int() }),
        ),
      }),
    ),
    csv: z.string().optional(),
    nextMarker,
  }),
  audit: ['month', 'format'],
  async run({ world, scope, now, input }) {
    const [year, month] = input.month.split('-').map(Number) as [number, number]
    const period = { from: Date.UTC(year, month - 1, 1), to: Date.UTC(year, month, 1) }
    const { keys, next } = await world.usage.report(scope, period, { after: input.marker, limit: input.limit })
    return {
      ...scope,
      month: input.month,
      keys: keys.map((key) => ({
        keyId: key.keyId,
        defaultFor: key.defaultFor,
        billableSeconds: key.billable.reduce((sum, one) => sum + secondsOf(one, Math.min(now, period.to)), 0),
        billable: key.billable.map(({ from, to }) => ({ from, to })),
        requests: key.requests.map((one) => ({ ...one })),
      })),
      csv: input.format === 'csv' ? csvOf(linesOf(scope, keys, input.marker === undefined)) : undefined,
      nextMarker: next,
    }
  },
})

function secondsOf({ from, to }: Interval, now: Instant): number {
  return Math.max(0, (to ?? now) - from) / 1000
}

const columns = ['account', 'region', 'keyId', 'kind', 'from', 'to', 'day', 'operation', 'ok', 'failed']

/** A line for each time a key was billable, and one for each day and operation. */
function linesOf({ account, region }: Scope, keys: readonly KeyReport[], withNames: boolean): (readonly string[])[] {
  const lines: (readonly string[])[] = withNames ? [columns] : []
  for (const { keyId, billable, requests } of keys) {
    for (const { from, to } of billable)
      lines.push([
        account,
        region,
        keyId,
        'billable',
        formatInstant(from),
        to === undefined ? '' : formatInstant(to),
        '',
        '',
        '',
        '',
      ])
    for (const { day, operation: name, ok, failed } of requests)
      lines.push([account, region, keyId, 'requests', '', '', day, name, String(ok), String(failed)])
  }
  return lines
}

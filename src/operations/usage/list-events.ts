import { z } from 'zod'
import { eventTypes } from '../../domain/event.ts'
import { operation } from '../operation.ts'
import { instant, nextMarker, pageLimit } from '../shapes.ts'

export const keyEvent = z
  .object({
    eventId: z.string(),
    index: z.number().int().describe('Place of its record in the audit log; GetAuditProof proves it by that.'),
    type: z.enum(eventTypes),
    at: instant(),
    account: z.string(),
    region: z.string(),
    keyId: z.string(),
    principal: z.string().optional().describe('Who did it; absent where the service did by itself.'),
    details: z.record(z.string(), z.union([z.string(), z.number()])),
  })
  .meta({ id: 'KeyEvent' })

export const listEvents = operation({
  name: 'ListEvents',
  summary: 'What happened to keys: rotations, expiries, deletions, denied uses of keys pending deletion. Newest first.',
  group: 'usage',
  rest: 'GET /v1/events',
  cli: 'event list',
  key: undefined,
  input: z.strictObject({
    type: z.enum(eventTypes).optional(),
    keyId: z.string().min(1).max(256).optional().describe('The id of a key, which may be deleted by now.'),
    limit: pageLimit,
    marker: z
      .string()
      .regex(/^\d{1,15}$/)
      .optional()
      .describe('`nextMarker` of the page before.'),
  }),
  output: z.object({ events: z.array(keyEvent), nextMarker }),
  audit: ['type', 'keyId'],
  async run({ world, scope, input }) {
    const { type, keyId, limit } = input
    const before = input.marker === undefined ? undefined : Number(input.marker)
    const found = await world.usage.events(scope, { type, keyId, before, limit: limit + 1 })
    const events = found
      .slice(0, limit)
      .map(({ sequence: _, ...event }) => ({ ...event, principal: event.principal, details: event.details }))
    const last = found.length > limit ? found[limit - 1] : undefined
    return { events: events as never, nextMarker: last && String(last.sequence) }
  },
})

import { z } from 'zod'
import { aliasArn } from '../../domain/key-reference.ts'
import { partitionOf } from '../../domain/scope.ts'
import { operation, present } from '../operation.ts'
import { instant, keyRef } from '../shapes.ts'

export const getKeyUsage = operation({
  name: 'GetKeyUsage',
  summary:
    'What would break without this key: who used it for what, through which alias and version, in the last 90 days.',
  group: 'usage',
  rest: 'GET /v1/keys/{keyId}/usage',
  cli: 'key usage',
  key: present(),
  input: z.strictObject({ keyId: keyRef }),
  output: z.object({
    keyId: z.string(),
    lastUsedAt: instant().optional(),
    aliases: z.array(z.string()),
    uses: z.array(
      z.object({
        principal: z.string(),
        operation: z.string(),
        alias: z.string().optional(),
        keyVersionId: z.string().optional(),
        count: z.number().int(),
        refused: z
          .number()
          .int()
          .describe('Refused because the key was disabled, pending deletion or without material.'),
        firstAt: instant(),
        lastAt: instant(),
      }),
    ),
    days: z
      .array(
        z.object({
          day: z.string().describe('UTC, such as 2026-11-01.'),
          operation: z.string(),
          count: z.number().int(),
          refused: z.number().int(),
        }),
      )
      .describe('The same uses by day, the oldest first; days without any are left out.'),
  }),
  audit: ['keyId'],
  async run({ world, key }) {
    const [uses, days, lastUse, aliases] = await Promise.all([
      world.usage.usesOf(key),
      world.usage.usesByDay(key),
      world.usage.lastUse(key),
      world.store.list('alias', { partition: partitionOf(key), index: 'key', prefix: `${key.keyId}/`, limit: 100 }),
    ])
    return {
      keyId: key.keyId,
      lastUsedAt: lastUse?.at,
      aliases: aliases.records.map(aliasArn),
      uses: uses.map((use) => ({ alias: undefined, keyVersionId: undefined, ...use })),
      days: days.map((day) => ({ ...day })),
    }
  },
})

import { z } from 'zod'
import { problem } from '../../domain/errors.ts'
import { aliasArn, checkAliasName, isReservedAlias } from '../../domain/key-reference.ts'
import { partitionOf } from '../../domain/scope.ts'
import { requireOwn } from '../keys/changed.ts'
import { inState, operation } from '../operation.ts'
import { keyRef } from '../shapes.ts'
import { aliasOfLivingKey } from './living.ts'

export const aliasName = z
  .string()
  .min(1)
  .max(256)
  .describe('alias/ and then letters, digits, slashes, underscores, hyphens.')
const mostAliasesOfAKey = 50

export const createAlias = operation({
  name: 'CreateAlias',
  summary: 'Give a key another name. Unique in the account and region.',
  group: 'aliases',
  rest: 'POST /v1/aliases',
  cli: 'alias create',
  key: inState('Enabled', 'Disabled', 'PendingImport'),
  resource: (input, scope) => aliasArn({ ...scope, aliasName: input.aliasName }),
  input: z.strictObject({ aliasName, keyId: keyRef }),
  output: z.object({ aliasName: z.string(), aliasArn: z.string(), keyId: z.string() }),
  audit: ['aliasName', 'keyId'],
  async run({ world, scope, key, now, input, commit }) {
    const name = ownAliasName(input.aliasName)
    requireOwn(key)
    const stored = await world.store.get('alias', partitionOf(scope), name)
    if (stored !== undefined && (await aliasOfLivingKey(world, stored, now)))
      throw problem('AliasExists', {
        message: `${name} exists already in this account and region.`,
        mend: 'Choose another name, or point the alias at this key with UpdateAlias.',
        facts: { aliasName: name, aliasArn: aliasArn({ ...scope, aliasName: name }), keyId: stored.keyId },
      })
    const { records } = await world.store.list('alias', {
      partition: partitionOf(scope),
      index: 'key',
      prefix: `${key.keyId}/`,
      limit: mostAliasesOfAKey,
    })
    if (records.length >= mostAliasesOfAKey)
      throw problem('LimitExceeded', {
        message: `A key has at most ${mostAliasesOfAKey} aliases.`,
        mend: 'Delete one first.',
      })
    await commit([
      {
        put: 'alias',
        record: {
          ...scope,
          revision: (stored?.revision ?? 0) + 1,
          aliasName: name,
          keyId: key.keyId,
          createdAt: now,
          updatedAt: now,
        },
      },
    ])
    return { aliasName: name, aliasArn: aliasArn({ ...scope, aliasName: name }), keyId: key.keyId }
  },
})

/** A name that users may give out: canonical, and not reserved for default keys (R63, R64). */
export function ownAliasName(text: string): string {
  if (!text.startsWith('alias/'))
    throw problem('InvalidAliasName', {
      member: 'aliasName',
      mend: 'An alias begins with alias/.',
      facts: { aliasName: text, noPrefix: true },
    })
  const name = checkAliasName(text)
  if (isReservedAlias(name)) throw problem('ReservedAlias', { member: 'aliasName', facts: { aliasName: name } })
  return name
}

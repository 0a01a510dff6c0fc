import { z } from 'zod'
import { problem } from '../../domain/errors.ts'
import { aliasArn, keyArn } from '../../domain/key-reference.ts'
import { partitionOf } from '../../domain/scope.ts'
import { requireOwn } from '../keys/changed.ts'
import { inState, operation } from '../operation.ts'
import { keyRef } from '../shapes.ts'
import { aliasName, ownAliasName } from './create-alias.ts'
import { aliasOfLivingKey } from './living.ts'

export const updateAlias = operation({
  name: 'UpdateAlias',
  summary: 'Point an alias at another key. Neither key changes.',
  group: 'aliases',
  rest: 'PUT /v1/aliases/{aliasName}',
  cli: 'alias move',
  key: inState('Enabled', 'Disabled', 'PendingImport'),
  resource: (input, scope) => aliasArn({ ...scope, aliasName: input.aliasName }),
  input: z.strictObject({ aliasName, keyId: keyRef }),
  output: z.object({ aliasName: z.string(), aliasArn: z.string(), keyId: z.string() }),
  audit: ['aliasName', 'keyId'],
  async run({ world, scope, key, now, input, commit, permit, note }) {
    const name = ownAliasName(input.aliasName)
    requireOwn(key)
    const stored = await world.store.get('alias', partitionOf(scope), name)
    if (stored === undefined || !(await aliasOfLivingKey(world, stored, now)))
      throw problem('AliasNotFound', {
        mend: 'Create it with CreateAlias.',
        facts: { aliasName: name, aliasArn: aliasArn({ ...scope, aliasName: name }) },
      })
    // As on AWS: to take a name away from a key needs the right on that key too.
    await permit('UpdateAlias', keyArn({ ...scope, keyId: stored.keyId }))
    const before = await world.store.get('key', partitionOf(scope), stored.keyId)
    if (before !== undefined && before.usage !== key.usage)
      throw problem('KeyUsageMismatch', {
        message: `The alias stands for a key for ${before.usage}; the new one is for ${key.usage}.`,
        mend: 'Choose a key of the same usage, or create another alias.',
        facts: { keyId: key.keyId, usage: key.usage },
      })
    note({ input: { keyIdBefore: stored.keyId } })
    await commit([
      { put: 'alias', record: { ...stored, revision: stored.revision + 1, keyId: key.keyId, updatedAt: now } },
    ])
    return { aliasName: name, aliasArn: aliasArn({ ...scope, aliasName: name }), keyId: key.keyId }
  },
})

import { z } from 'zod'
import { problem } from '../../domain/errors.ts'
import { aliasArn, keyArn } from '../../domain/key-reference.ts'
import { partitionOf } from '../../domain/scope.ts'
import { operation } from '../operation.ts'
import { aliasName, ownAliasName } from './create-alias.ts'
import { aliasOfLivingKey } from './living.ts'

export const deleteAlias = operation({
  name: 'DeleteAlias',
  summary: 'Delete an alias. Its key stays; calls through the alias fail from now on.',
  group: 'aliases',
  rest: 'DELETE /v1/aliases/{aliasName}',
  cli: 'alias delete',
  stepUp: true,
  key: undefined,
  resource: (input, scope) => aliasArn({ ...scope, aliasName: input.aliasName }),
  input: z.strictObject({ aliasName }),
  output: z.object({}),
  audit: ['aliasName'],
  async run({ world, scope, now, input, commit, permit, note }) {
    const name = ownAliasName(input.aliasName)
    const stored = await world.store.get('alias', partitionOf(scope), name)
    if (stored === undefined || !(await aliasOfLivingKey(world, stored, now)))
      throw problem('AliasNotFound', { facts: { aliasName: name, aliasArn: aliasArn({ ...scope, aliasName: name }) } })
    await permit('DeleteAlias', keyArn({ ...scope, keyId: stored.keyId }))
    note({ keyId: stored.keyId })
    await commit([{ remove: 'alias', record: stored }])
    return {}
  },
})

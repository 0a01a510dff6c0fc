import { z } from 'zod'
import { aliasArn } from '../../domain/key-reference.ts'
import { partitionOf } from '../../domain/scope.ts'
import { type KeyNeed, operation } from '../operation.ts'
import { instant, keyRef, nextMarker, pageLimit, pageMarker } from '../shapes.ts'
import { aliasOfLivingKey } from './living.ts'

type ByKey = { readonly keyId?: string | undefined }
const ofTheKey: KeyNeed<ByKey> = { ref: (input) => input.keyId, rotates: false, uses: false, check: () => {} }

export const listAliases = operation({
  name: 'ListAliases',
  summary: 'List the aliases of the account and region, or of one key.',
  group: 'aliases',
  rest: 'GET /v1/aliases',
  cli: 'alias list',
  key: ofTheKey,
  resource: (_, scope) => `arn:aws:kms:${scope.region}:${scope.account}:*`,
  input: z.strictObject({ keyId: keyRef.optional(), limit: pageLimit, marker: pageMarker }),
  output: z.object({
    aliases: z.array(
      z.object({
        aliasName: z.string(),
        aliasArn: z.string(),
        keyId: z.string(),
        createdAt: instant(),
        updatedAt: instant(),
      }),
    ),
    nextMarker,
  }),
  audit: ['keyId'],
  async run({ world, scope, key, now, input }) {
    const page = await world.store.list('alias', {
      partition: partitionOf(scope),
      limit: input.limit,
      ...(key === undefined ? {} : { index: 'key', prefix: `${key.keyId}/` }),
      ...(input.marker === undefined ? {} : { after: input.marker }),
    })
    const living = await Promise.all(page.records.map((alias) => aliasOfLivingKey(world, alias, now)))
    return {
      aliases: page.records
        .filter((_, index) => living[index])
        .map((alias) => ({
          aliasName: alias.aliasName,
          aliasArn: aliasArn(alias),
          keyId: alias.keyId,
          createdAt: alias.createdAt,
          updatedAt: alias.updatedAt,
        })),
      nextMarker: page.next,
    }
  },
})

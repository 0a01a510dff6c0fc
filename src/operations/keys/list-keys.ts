import { z } from 'zod'
import { stateAt } from '../../domain/lifecycle.ts'
import { partitionOf } from '../../domain/scope.ts'
import { operation } from '../operation.ts'
import { nextMarker, pageLimit, pageMarker } from '../shapes.ts'
import { describeKey, keyMetadata } from './metadata.ts'

export const listKeys = operation({
  name: 'ListKeys',
  summary: 'List the keys of the account and region, the oldest first.',
  group: 'keys',
  rest: 'GET /v1/keys',
  cli: 'key list',
  key: undefined,
  input: z.strictObject({
    limit: pageLimit,
    marker: pageMarker,
    order: z.enum(['oldest', 'newest']).default('oldest'),
  }),
  output: z.object({ keys: z.array(keyMetadata), nextMarker }),
  audit: [],
  async run({ world, scope, now, input }) {
    const page = await world.store.list('key', {
      partition: partitionOf(scope),
      index: 'created',
      limit: input.limit,
      reverse: input.order === 'newest',
      ...(input.marker === undefined ? {} : { after: input.marker }),
    })
    return {
      keys: page.records.filter((key) => stateAt(key, now).is !== 'Deleted').map((key) => describeKey(key, now)),
      nextMarker: page.next,
    }
  },
})

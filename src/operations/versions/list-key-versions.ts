import { z } from 'zod'
import { partitionOf } from '../../domain/scope.ts'
import { operation, present } from '../operation.ts'
import { keyRef, nextMarker, pageLimit, pageMarker } from '../shapes.ts'
import { describeVersion, keyVersionFacts } from './version-facts.ts'

export const listKeyVersions = operation({
  name: 'ListKeyVersions',
  summary: 'List the versions of a key, the oldest first.',
  group: 'versions',
  rest: 'GET /v1/keys/{keyId}/versions',
  cli: 'key versions',
  // A due rotation comes first: the list must show the primary version that the next call would use.
  key: { ...present(), rotates: 'ifPossible' },
  input: z.strictObject({
    keyId: keyRef,
    limit: pageLimit,
    marker: pageMarker,
    order: z.enum(['oldest', 'newest']).default('oldest'),
  }),
  output: z.object({ versions: z.array(keyVersionFacts), nextMarker }),
  audit: ['keyId'],
  async run({ world, key, input }) {
    const [page, decryptions] = await Promise.all([
      world.store.list('version', {
        partition: partitionOf(key),
        index: 'number',
        prefix: `${key.keyId}/`,
        limit: input.limit,
        reverse: input.order === 'newest',
        ...(input.marker === undefined ? {} : { after: input.marker }),
      }),
      world.usage.decryptionsByVersion(key),
    ])
    return {
      versions: page.records.map((version) => describeVersion(key, version, decryptions)),
      nextMarker: page.next,
    }
  },
})

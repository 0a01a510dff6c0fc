import { z } from 'zod'
import { problem } from '../../domain/errors.ts'
import { partitionOf } from '../../domain/scope.ts'
import { operation, present } from '../operation.ts'
import { keyRef, keyVersionId } from '../shapes.ts'
import { describeVersion, keyVersionFacts } from './version-facts.ts'

export const describeKeyVersion = operation({
  name: 'DescribeKeyVersion',
  summary: 'Show one version of a key.',
  group: 'versions',
  rest: 'GET /v1/keys/{keyId}/versions/{keyVersionId}',
  cli: 'key version',
  key: { ...present(), rotates: 'ifPossible' },
  input: z.strictObject({ keyId: keyRef, keyVersionId }),
  output: z.object({ version: keyVersionFacts }),
  audit: ['keyId', 'keyVersionId'],
  async run({ world, key, input }) {
    const version = await world.store.get('version', partitionOf(key), `${key.keyId}/${input.keyVersionId}`)
    if (version === undefined)
      throw problem('KeyVersionNotFound', { facts: { keyId: key.keyId, versionId: input.keyVersionId } })
    return { version: describeVersion(key, version, await world.usage.decryptionsByVersion(key)) }
  },
})

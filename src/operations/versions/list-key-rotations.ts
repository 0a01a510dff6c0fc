import { z } from 'zod'
import type { Key, KeyVersion } from '../../domain/key.ts'
import { partitionOf } from '../../domain/scope.ts'
import { operation, present } from '../operation.ts'
import { instant, keyRef, nextMarker, pageLimit, pageMarker } from '../shapes.ts'

const rotationFacts = z
  .object({
    keyId: z.string(),
    keyVersionId: z.string(),
    rotatedAt: instant().optional().describe('Absent of the first version: nothing was replaced by it.'),
    rotationType: z.enum(['AUTOMATIC', 'ON_DEMAND']).optional(),
    materialState: z.enum(['CURRENT', 'NON_CURRENT']),
    importState: z.enum(['IMPORTED', 'PENDING_IMPORT']).optional().describe('Imported material only.'),
    expiresAt: instant().optional(),
  })
  .meta({ id: 'KeyRotation' })

export const listKeyRotations = operation({
  name: 'ListKeyRotations',
  summary: 'List when a key got new material, and whether its time had come or somebody asked; the oldest first.',
  group: 'versions',
  rest: 'GET /v1/keys/{keyId}/rotations',
  cli: 'key rotations',
  key: { ...present(), rotates: 'ifPossible' },
  input: z.strictObject({
    keyId: keyRef,
    include: z
      .enum(['rotations', 'all'])
      .default('rotations')
      .describe('all: the material that the key began with too.'),
    limit: pageLimit,
    marker: pageMarker,
  }),
  output: z.object({ rotations: z.array(rotationFacts), nextMarker }),
  audit: ['keyId'],
  async run({ world, key, input }) {
    const page = await world.store.list('version', {
      partition: partitionOf(key),
      index: 'number',
      prefix: `${key.keyId}/`,
      limit: input.limit,
      ...(input.marker === undefined ? {} : { after: input.marker }),
    })
    return {
      rotations: page.records
        .filter(({ number }) => input.include === 'all' || number > 1)
        .map((version) => describeRotation(key, version)),
      nextMarker: page.next,
    }
  },
})

function describeRotation(key: Key, version: KeyVersion): z.output<typeof rotationFacts> {
  const first = version.number === 1
  const imported = key.origin === 'EXTERNAL'
  return {
    keyId: key.keyId,
    keyVersionId: version.versionId,
    rotatedAt: first ? undefined : version.createdAt,
    rotationType: first ? undefined : (version.madeBy ?? 'ON_DEMAND'),
    materialState: version.versionId === key.currentVersionId ? 'CURRENT' : 'NON_CURRENT',
    importState: imported ? (version.sealed === undefined ? 'PENDING_IMPORT' : 'IMPORTED') : undefined,
    expiresAt: imported && version.sealed !== undefined ? key.materialExpiresAt : undefined,
  }
}

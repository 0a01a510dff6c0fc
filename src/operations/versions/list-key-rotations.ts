import { z } from 'zod'
import type { Key, KeyVersion } from '../../domain/key.ts'
import type { World } from '../../domain/ports.ts'
import { partitionOf } from '../../domain/scope.ts'
import type { Instant } from '../../domain/time.ts'
import { otherCopies } from '../keys/copies.ts'
import { hasMaterial, isPending } from '../material/materials.ts'
import { operation, present } from '../operation.ts'
import { instant, keyRef, nextMarker, pageLimit, pageMarker } from '../shapes.ts'

const rotationFacts = z
  .object({
    keyId: z.string(),
    keyVersionId: z.string(),
    rotatedAt: instant().optional().describe('Absent of the first version: nothing was replaced by it.'),
    rotationType: z.enum(['AUTOMATIC', 'ON_DEMAND']).optional(),
    materialState: z.enum(['CURRENT', 'NON_CURRENT', 'PENDING_ROTATION', 'PENDING_MULTI_REGION_IMPORT_AND_ROTATION']),
    importState: z.enum(['IMPORTED', 'PENDING_IMPORT']).optional().describe('Imported material only.'),
    expiresAt: instant().optional(),
    description: z.string().optional().describe('Of imported material: what its owner said of it.'),
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
  async run({ world, key, now, input }) {
    const page = await world.store.list('version', {
      partition: partitionOf(key),
      index: 'number',
      prefix: `${key.keyId}/`,
      limit: input.limit,
      ...(input.marker === undefined ? {} : { after: input.marker }),
    })
    const listed = page.records.filter(
      (version) => input.include === 'all' || (version.number > 1 && !isPending(version, key)),
    )
    const pendingState = listed.some((version) => isPending(version, key))
      ? await stateOfPending(world, key, now)
      : undefined
    return {
      rotations: listed.map((version) => describeRotation(key, version, now, pendingState)),
      nextMarker: page.next,
    }
  },
})

type MaterialState = z.output<typeof rotationFacts>['materialState']

/** New material of a multi-Region key waits until every copy has it. */
async function stateOfPending(world: World, key: Key, now: Instant): Promise<MaterialState> {
  const copies = [key, ...(await otherCopies(world, key, now))]
  const theirs = await Promise.all(
    copies.map((copy) =>
      world.store.get('version', partitionOf(copy), `${key.keyId}/${key.pendingMaterial?.versionId}`),
    ),
  )
  return theirs.every((version) => version !== undefined && hasMaterial(version, now))
    ? 'PENDING_ROTATION'
    : 'PENDING_MULTI_REGION_IMPORT_AND_ROTATION'
}

function describeRotation(
  key: Key,
  version: KeyVersion,
  now: Instant,
  pendingState: MaterialState | undefined,
): z.output<typeof rotationFacts> {
  const waits = isPending(version, key)
  const first = version.number === 1 || waits
  const imported = key.origin === 'EXTERNAL'
  const isThere = hasMaterial(version, now)
  return {
    keyId: key.keyId,
    keyVersionId: version.versionId,
    rotatedAt: first ? undefined : (version.currentSince ?? version.createdAt),
    rotationType: first ? undefined : (version.madeBy ?? 'ON_DEMAND'),
    materialState:
      waits && pendingState !== undefined
        ? pendingState
        : version.versionId === key.currentVersionId
          ? 'CURRENT'
          : 'NON_CURRENT',
    importState: imported ? (isThere ? 'IMPORTED' : 'PENDING_IMPORT') : undefined,
    expiresAt: isThere ? version.imported?.expiresAt : undefined,
    description: version.imported?.description,
  }
}

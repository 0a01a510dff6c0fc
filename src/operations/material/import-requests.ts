/** Imports under dual control, between the one who asked and the one who approves. */
import { z } from 'zod'
import { problem } from '../../domain/errors.ts'
import { partitionOf } from '../../domain/scope.ts'
import { operation, present } from '../operation.ts'
import { instant, keyRef, nextMarker, pageLimit, pageMarker } from '../shapes.ts'

export const listImportRequests = operation({
  name: 'ListImportRequests',
  summary: 'List the imports that wait for a second principal.',
  group: 'material',
  rest: 'GET /v1/import-requests',
  cli: 'import waiting',
  key: undefined,
  input: z.strictObject({ limit: pageLimit, marker: pageMarker }),
  output: z.object({
    importRequests: z.array(
      z.object({
        keyId: z.string(),
        requestedBy: z.string(),
        requestedAt: instant(),
        expiresAt: instant().describe('The import token ends here, and the request with it.'),
        materialExpiresAt: instant().optional(),
      }),
    ),
    nextMarker,
  }),
  audit: [],
  async run({ world, scope, now, input }) {
    const page = await world.store.list('importRequest', {
      partition: partitionOf(scope),
      limit: input.limit,
      ...(input.marker === undefined ? {} : { after: input.marker }),
    })
    return {
      importRequests: page.records
        .filter(({ expiresAt }) => now < expiresAt)
        .map(({ keyId, requestedBy, requestedAt, expiresAt, materialExpiresAt }) => ({
          keyId,
          requestedBy,
          requestedAt,
          expiresAt,
          materialExpiresAt,
        })),
      nextMarker: page.next,
    }
  },
})

export const rejectImport = operation({
  name: 'RejectImport',
  summary: 'Refuse the import that waits for this key, or take back your own. Nothing is imported.',
  group: 'material',
  rest: 'POST /v1/keys/{keyId}/reject-import',
  cli: 'import reject',
  key: present(),
  input: z.strictObject({ keyId: keyRef }),
  output: z.object({ keyId: z.string(), requestedBy: z.string() }),
  audit: ['keyId'],
  async run({ world, key, now, commit, note }) {
    const request = await world.store.get('importRequest', partitionOf(key), key.keyId)
    if (request === undefined || now >= request.expiresAt)
      throw problem('ResourceNotFound', {
        message: 'No import waits for approval.',
        mend: 'ListImportRequests shows those that wait.',
      })
    note({ input: { requestedBy: request.requestedBy } })
    await commit([{ remove: 'importRequest', record: request }])
    return { keyId: key.keyId, requestedBy: request.requestedBy }
  },
})

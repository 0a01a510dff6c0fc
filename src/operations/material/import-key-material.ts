import { z } from 'zod'
import { problem } from '../../domain/errors.ts'
import type { ImportRequest } from '../../domain/key.ts'
import { partitionOf } from '../../domain/scope.ts'
import { operation } from '../operation.ts'
import { bytes, encodeBase64, instant, keyRef } from '../shapes.ts'
import { external } from './external.ts'
import { importInto } from './import-into.ts'
import { openImportToken } from './import-token.ts'
import { keyMaterialId, versionOfMaterial } from './key-material-id.ts'

export const importKeyMaterial = operation({
  name: 'ImportKeyMaterial',
  summary: 'Import wrapped key material. The first material a key gets is its material for ever.',
  group: 'material',
  rest: 'POST /v1/keys/{keyId}/import',
  cli: 'import upload',
  stepUp: true,
  key: external('Enabled', 'Disabled', 'PendingImport'),
  input: z.strictObject({
    keyId: keyRef,
    importToken: bytes({ min: 1, max: 6144 }),
    encryptedKeyMaterial: bytes({ min: 1, max: 6144 }),
    importType: z
      .enum(['EXISTING_KEY_MATERIAL', 'NEW_KEY_MATERIAL'])
      .optional()
      .describe('New material for a key that has some is for the face of AWS alone.'),
    keyMaterialId,
    materialDescription: z.string().max(256).optional(),
    materialExpiresAt: instant().optional().describe('The material is deleted at this instant. Without it: never.'),
  }),
  output: z.object({
    keyId: z.string(),
    status: z.enum(['Imported', 'PendingApproval']),
    keyVersionId: z.string().optional(),
    materialExpiresAt: instant().optional(),
  }),
  audit: ['keyId', 'importType', 'keyMaterialId', 'materialDescription', 'materialExpiresAt'],
  async run({ world, caller, key, now, input, commit, note, differences }) {
    const isNew = input.importType === 'NEW_KEY_MATERIAL'
    if (isNew && input.keyMaterialId !== undefined)
      throw problem('InvalidRequest', {
        member: 'keyMaterialId',
        message: 'New key material has no id yet.',
        mend: 'Leave keyMaterialId out.',
      })
    if (isNew && key.versionCount > 0 && !differences.importsNewMaterial)
      throw problem('IncorrectKeyMaterial', {
        member: 'importType',
        mend: 'A key keeps its first material for ever. Create another key, import the new material there, and point the alias at it.',
      })
    await versionOfMaterial(world, key, input.keyMaterialId)
    const token = openImportToken(world.sealer, input.importToken, now)
    if (key.importApproval) {
      const stored = await world.store.get('importRequest', partitionOf(key), key.keyId)
      const request: ImportRequest = {
        account: key.account,
        region: key.region,
        revision: (stored?.revision ?? 0) + 1,
        keyId: key.keyId,
        importToken: encodeBase64(input.importToken),
        encryptedKeyMaterial: encodeBase64(input.encryptedKeyMaterial),
        ...(input.materialExpiresAt === undefined ? {} : { materialExpiresAt: input.materialExpiresAt }),
        ...(isNew ? { isNew } : {}),
        ...(input.keyMaterialId === undefined ? {} : { keyMaterialId: input.keyMaterialId }),
        ...(input.materialDescription === undefined ? {} : { materialDescription: input.materialDescription }),
        requestedBy: caller.principalArn,
        requestedAt: now,
        expiresAt: token.expiresAt,
      }
      await commit([{ put: 'importRequest', record: request }])
      return {
        keyId: key.keyId,
        status: 'PendingApproval' as const,
        keyVersionId: undefined,
        materialExpiresAt: input.materialExpiresAt,
      }
    }
    const { versionId, changes } = await importInto(world, key, { ...input, isNew, token }, now)
    note({ keyVersionId: versionId })
    await commit(changes)
    return {
      keyId: key.keyId,
      status: 'Imported' as const,
      keyVersionId: versionId,
      materialExpiresAt: input.materialExpiresAt,
    }
  },
})

export const approveImport = operation({
  name: 'ApproveImport',
  summary: 'Approve, as a second principal, the import that waits for this key.',
  group: 'material',
  rest: 'POST /v1/keys/{keyId}/approve-import',
  cli: 'import approve',
  stepUp: true,
  key: external('Enabled', 'Disabled', 'PendingImport'),
  input: z.strictObject({ keyId: keyRef }),
  output: z.object({ keyId: z.string(), keyVersionId: z.string(), requestedBy: z.string() }),
  audit: ['keyId'],
  async run({ world, caller, key, now, commit, note }) {
    const request = await world.store.get('importRequest', partitionOf(key), key.keyId)
    if (request === undefined || now >= request.expiresAt)
      throw problem('ResourceNotFound', {
        message: 'No import waits for approval.',
        mend: 'Somebody must call ImportKeyMaterial first.',
      })
    if (request.requestedBy === caller.principalArn)
      throw problem('ApprovalRequired', {
        message: 'Whoever asked for an import cannot approve it.',
        mend: 'Let a second principal with the right kms:ApproveImport do it.',
      })
    const { versionId, changes } = await importInto(
      world,
      key,
      {
        ...request,
        token: openImportToken(world.sealer, Buffer.from(request.importToken, 'base64'), now),
        encryptedKeyMaterial: Buffer.from(request.encryptedKeyMaterial, 'base64'),
      },
      now,
    )
    note({ keyVersionId: versionId, input: { requestedBy: request.requestedBy } })
    await commit([...changes, { remove: 'importRequest', record: request }])
    return { keyId: key.keyId, keyVersionId: versionId, requestedBy: request.requestedBy }
  },
})

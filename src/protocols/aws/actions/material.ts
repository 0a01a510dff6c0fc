import { keyMaterialIdOf } from '../../../operations/material/key-material-id.ts'
import {
  arnOf,
  as,
  base64,
  heeded,
  limit,
  materialIdOf,
  nextMarker,
  type Output,
  pageOf,
  type Rows,
  seconds,
  secondsOf,
  truncated,
} from '../binding.ts'
import { refusal } from '../errors.ts'
import type { Given } from '../validation.ts'
import { expirationModel, instantOf } from './keys.ts'

/** Days between two rotations where the caller names none. */
const usualRotationDays = 365

/** Material that expires is what AWS takes it for, unless it is told otherwise. */
function expiryOf(given: Given): Given {
  const expires = (given.ExpirationModel ?? 'KEY_MATERIAL_EXPIRES') === 'KEY_MATERIAL_EXPIRES'
  if (expires && given.ValidTo === undefined)
    throw refusal('ValidationException', 'A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES')
  if (!expires && given.ValidTo !== undefined)
    throw refusal(
      'ValidationException',
      'A validTo date cannot be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE',
    )
  return {}
}

export const material = {
  EnableKeyRotation: {
    operation: 'UpdateRotationPolicy',
    takes: { KeyId: 'keyId', RotationPeriodInDays: 'periodDays' },
    also: (given) => ({ enabled: true, periodDays: given.RotationPeriodInDays ?? usualRotationDays }),
    gives: {},
  },
  DisableKeyRotation: {
    operation: 'UpdateRotationPolicy',
    takes: { KeyId: 'keyId' },
    also: () => ({ enabled: false }),
    gives: {},
  },
  GetKeyRotationStatus: {
    operation: 'GetKeyRotationStatus',
    takes: { KeyId: 'keyId' },
    gives: {
      KeyRotationEnabled: 'enabled',
      KeyId: arnOf('keyId'),
      RotationPeriodInDays: (output) => (output.enabled === true ? output.periodDays : undefined),
      NextRotationDate: secondsOf('nextRotationAt'),
      OnDemandRotationStartDate: { never: 'a rotation on demand is done when it is answered' },
    },
  },
  RotateKeyOnDemand: {
    operation: 'RotateKey',
    takes: { KeyId: 'keyId' },
    gives: { KeyId: arnOf('keyId') },
  },
  ListKeyRotations: {
    operation: 'ListKeyRotations',
    takes: {
      KeyId: 'keyId',
      IncludeKeyMaterial: as('include', (value) => (value === 'ALL_KEY_MATERIAL' ? 'all' : 'rotations')),
      Limit: limit,
      Marker: 'marker',
    },
    also: pageOf(100, 1000),
    gives: {
      Rotations: (output, { arn }) =>
        (output.rotations as readonly Output[]).map((rotation) => ({
          KeyId: arn(rotation.keyId as string),
          KeyMaterialId: keyMaterialIdOf(rotation.keyVersionId as string),
          KeyMaterialDescription: rotation.description,
          ImportState: rotation.importState,
          KeyMaterialState: rotation.materialState,
          ExpirationModel: rotation.importState === undefined ? undefined : expirationModel(rotation.expiresAt),
          ValidTo: seconds(rotation.expiresAt),
          RotationDate: seconds(rotation.rotatedAt),
          RotationType: rotation.rotationType,
        })),
      NextMarker: nextMarker,
      Truncated: truncated,
    },
  },
  GetKeyLastUsage: {
    operation: 'GetKeyLastUsage',
    takes: { KeyId: 'keyId' },
    gives: {
      KeyId: arnOf('keyId'),
      KeyLastUsage: (output) => {
        const use = output.lastUse as Output | undefined
        return use === undefined
          ? undefined
          : { Operation: usedFor(use.operation as string), Timestamp: seconds(use.at), KmsRequestId: use.requestId }
      },
      TrackingStartDate: secondsOf('trackedSince'),
      KeyCreationDate: secondsOf('createdAt'),
    },
  },
  GetParametersForImport: {
    operation: 'GetParametersForImport',
    takes: {
      KeyId: 'keyId',
      WrappingAlgorithm: 'wrappingAlgorithm',
      WrappingKeySpec: 'wrappingKeySpec',
    },
    gives: {
      KeyId: arnOf('keyId'),
      ImportToken: base64('importToken'),
      PublicKey: base64('publicKey'),
      ParametersValidTo: secondsOf('expiresAt'),
    },
  },
  ImportKeyMaterial: {
    operation: 'ImportKeyMaterial',
    takes: {
      KeyId: 'keyId',
      ImportToken: 'importToken',
      EncryptedKeyMaterial: 'encryptedKeyMaterial',
      ValidTo: as('materialExpiresAt', instantOf),
      ExpirationModel: heeded('KEY_MATERIAL_EXPIRES, which needs ValidTo, without it'),
      ImportType: 'importType',
      KeyMaterialDescription: 'materialDescription',
      KeyMaterialId: 'keyMaterialId',
    },
    also: expiryOf,
    afterwards: (output) => {
      // The cloud knows no such thing; an answer of 200 would let the caller believe that the key can be used.
      if (output.status === 'PendingApproval')
        throw refusal(
          'KMSInvalidStateException',
          'The key material was received, and waits for the approval of a second principal (ApproveImport).',
        )
    },
    gives: { KeyId: arnOf('keyId'), KeyMaterialId: materialIdOf('keyVersionId') },
  },
  DeleteImportedKeyMaterial: {
    operation: 'DeleteKeyMaterial',
    takes: { KeyId: 'keyId', KeyMaterialId: 'keyMaterialId' },
    gives: { KeyId: arnOf('keyId'), KeyMaterialId: materialIdOf('keyVersionId') },
  },
} satisfies Partial<Rows>

/** AWS has one name for the symmetric and the asymmetric form. */
function usedFor(operation: string): string {
  return operation.replace(/^Asymmetric/, '')
}

/** Versions of keys, and their automatic rotation. */
import type { Binding } from '../action.ts'
import { nothing } from '../action.ts'
import { rejectsMisuse } from '../errors.ts'
import { boolean, interval, type Members, required, text } from '../members.ts'
import { pageParameters } from '../pages.ts'
import { neededInterval } from './keys.ts'

const keyId = required(text('keyId'))

function keyVersion({ KeyId, KeyVersionId, CreatedAt }: Members): Members {
  return { KeyId, KeyVersionId, CreationDate: CreatedAt }
}

export const versionActions = {
  CreateKeyVersion: {
    operation: 'CreateKeyVersion',
    parameters: { KeyId: keyId },
    answer: ({ Version }) => ({ KeyVersion: keyVersion(Version as Members) }),
    rewording: rejectsMisuse,
  },
  DescribeKeyVersion: {
    operation: 'DescribeKeyVersion',
    parameters: { KeyId: keyId, KeyVersionId: required(text('keyVersionId')) },
    answer: ({ Version }) => ({ KeyVersion: keyVersion(Version as Members) }),
  },
  ListKeyVersions: {
    operation: 'ListKeyVersions',
    parameters: { KeyId: keyId, ...pageParameters },
    list: { items: 'versions', member: 'KeyVersions', element: 'KeyVersion' },
    answer: keyVersion,
  },
  UpdateRotationPolicy: {
    operation: 'UpdateRotationPolicy',
    parameters: {
      KeyId: keyId,
      EnableAutomaticRotation: required(boolean('enabled')),
      RotationInterval: interval('periodDays'),
    },
    input: ({ enabled, periodDays, ...members }) => ({
      ...members,
      enabled,
      // Switching off keeps the period that was set.
      ...(enabled === true ? { periodDays: neededInterval(periodDays) } : {}),
    }),
    answer: nothing,
  },
} satisfies Record<string, Binding>

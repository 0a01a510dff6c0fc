/**
 * What each action answers by the state of the key: the table of the documentation of 2021, and below it the actions it
 * leaves out, which follow Encrypt. The test walks it cell by cell; docs/compatibility/alibaba.md is made from it.
 */
import type { StateName } from './keys.ts'

export type Outcome =
  | 'Success'
  | 'Rejected.Disabled'
  | 'Rejected.PendingDeletion'
  | 'Rejected.PendingImport'
  | 'Rejected.StateModifiedFailed'

export type StateRow = {
  readonly action: string
  readonly outcomes: Readonly<Record<StateName, Outcome>>
  /** Keys of external origin only. */
  readonly external?: true
  /** Not in the table of the documentation. */
  readonly added?: true
}

const row = (Enabled: Outcome, Disabled: Outcome, PendingDeletion: Outcome, PendingImport: Outcome) => ({
  Enabled,
  Disabled,
  PendingDeletion,
  PendingImport,
})
const always = row('Success', 'Success', 'Success', 'Success')
const whileEnabled = row('Success', 'Rejected.Disabled', 'Rejected.PendingDeletion', 'Rejected.PendingImport')
const unlessPendingDeletion = row('Success', 'Success', 'Rejected.PendingDeletion', 'Success')
const failed = 'Rejected.StateModifiedFailed'

export const stateTable: readonly StateRow[] = [
  { action: 'CreateKey', outcomes: always },
  { action: 'Encrypt', outcomes: whileEnabled },
  { action: 'Decrypt', outcomes: whileEnabled },
  { action: 'GenerateDataKey', outcomes: whileEnabled },
  { action: 'GenerateDataKeyWithoutPlaintext', outcomes: whileEnabled },
  { action: 'ListKeys', outcomes: always },
  { action: 'DescribeKey', outcomes: always },
  { action: 'UpdateKeyDescription', outcomes: unlessPendingDeletion },
  { action: 'EnableKey', outcomes: row('Success', 'Success', failed, failed) },
  { action: 'DisableKey', outcomes: row('Success', 'Success', failed, failed) },
  { action: 'ScheduleKeyDeletion', outcomes: row('Success', 'Success', failed, 'Success') },
  { action: 'CancelKeyDeletion', outcomes: row(failed, failed, 'Success', failed) },
  { action: 'CreateAlias', outcomes: row('Success', 'Success', failed, 'Success') },
  { action: 'DeleteAlias', outcomes: always },
  { action: 'ListAliases', outcomes: always },
  { action: 'UpdateAlias', outcomes: unlessPendingDeletion },
  { action: 'TagResource', outcomes: unlessPendingDeletion },
  { action: 'UntagResource', outcomes: unlessPendingDeletion },
  { action: 'ListResourceTags', outcomes: always },
  { action: 'CreateKeyVersion', outcomes: whileEnabled },
  { action: 'DescribeKeyVersion', outcomes: always },
  { action: 'ListKeyVersions', outcomes: always },
  { action: 'UpdateRotationPolicy', outcomes: whileEnabled },
  { action: 'GetParametersForImport', outcomes: always, external: true },
  { action: 'ImportKeyMaterial', outcomes: row('Success', 'Success', failed, 'Success'), external: true },
  { action: 'DeleteKeyMaterial', outcomes: always, external: true },
  { action: 'ReEncrypt', outcomes: whileEnabled, added: true },
  { action: 'ExportDataKey', outcomes: whileEnabled, added: true },
  { action: 'GenerateAndExportDataKey', outcomes: whileEnabled, added: true },
  { action: 'SetDeletionProtection', outcomes: unlessPendingDeletion, added: true },
  { action: 'ListAliasesByKeyId', outcomes: always, added: true },
]

/** Keys of these are never imported, so they have three states only. */
export const pairTable: readonly StateRow[] = [
  'AsymmetricEncrypt',
  'AsymmetricDecrypt',
  'AsymmetricSign',
  'AsymmetricVerify',
  'GetPublicKey',
  'CreateKeyVersion',
  'GenerateMac',
  'VerifyMac',
].map((action) => ({ action, outcomes: whileEnabled, added: true }))

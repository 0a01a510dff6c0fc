/** Policies that every account has. They cannot be changed, so that a name means the same everywhere. */
import { type CompiledPolicy, parsePolicy } from './policy-document.ts'

export type ManagedPolicy = {
  readonly description: string
  /** In the IAM JSON policy language. */
  readonly document: string
  readonly policy: CompiledPolicy
}

/** Who one is, and what the service is: nothing of any key. AWS asks no right for the former either. */
const everyone = ['DescribeAccountKmsStatus', 'DescribeRegions', 'DescribeService', 'GetCallerIdentity', 'GetOwnRights']

const seeKeys = [
  'DescribeKey',
  'DescribeKeyVersion',
  'GetKeyLastUsage',
  'GetKeyRotationStatus',
  'GetPublicKey',
  'ListAliases',
  'ListKeyRotations',
  'ListKeyVersions',
  'ListKeys',
  'ListResourceTags',
]

const seeRightsOverKeys = [
  'ExplainAccess',
  'ExplainPolicy',
  'GetKeyPolicy',
  'ListGrants',
  'ListKeyPolicies',
  'ListRetirableGrants',
]

const useKeys = [
  'AsymmetricDecrypt',
  'AsymmetricEncrypt',
  'BatchDecrypt',
  'BatchEncrypt',
  'Decapsulate',
  'Decrypt',
  'DeriveSharedSecret',
  'Encapsulate',
  'Encrypt',
  'ExportDataKey',
  'GenerateAndExportDataKey',
  'GenerateDataKey',
  'GenerateDataKeyPair',
  'GenerateDataKeyPairWithoutPlaintext',
  'GenerateDataKeyWithoutPlaintext',
  'GenerateMac',
  'GenerateRandom',
  'ReEncrypt',
  'ReEncryptFrom',
  'ReEncryptTo',
  'Sign',
  'Verify',
  'VerifyMac',
]

/** No CreateGrant: who can grant the use of keys can use them. */
const manageKeys = [
  'ApproveImport',
  'CancelKeyDeletion',
  'ConnectCustomKeyStore',
  'CreateAlias',
  'CreateCustomKeyStore',
  'CreateKey',
  'CreateKeyVersion',
  'DeleteAlias',
  'DeleteCustomKeyStore',
  'DeleteImportedKeyMaterial',
  'DeleteKeyMaterial',
  'DescribeCustomKeyStores',
  'DisableKey',
  'DisableKeyRotation',
  'DisconnectCustomKeyStore',
  'EnableKey',
  'EnableKeyRotation',
  'GetKeyUsage',
  'GetOverview',
  'GetParametersForImport',
  'GetUsageReport',
  'ImportKeyMaterial',
  'ListEvents',
  'ListImportRequests',
  'PutKeyPolicy',
  'RejectImport',
  'ReplicateKey',
  'RetireGrant',
  'RevokeGrant',
  'RotateKey',
  'RotateKeyOnDemand',
  'ScheduleKeyDeletion',
  'SetDeletionProtection',
  'TagResource',
  'UntagResource',
  'UpdateAlias',
  'UpdateCustomKeyStore',
  'UpdateKeyDescription',
  'UpdatePrimaryRegion',
  'UpdateRotationPolicy',
]

/** Not all of Get*: GetParametersForImport makes something. Nothing that begins with the other words ever may. */
const readEverything = ['Describe*', 'List*', 'GetAudit*', 'GetKeyUsage', 'GetOverview', 'GetPolicy', 'GetUsageReport']

function managed(name: string, description: string, operations: readonly string[]): readonly [string, ManagedPolicy] {
  const document = JSON.stringify(
    {
      Version: '2012-10-17',
      Statement: [
        {
          Sid: name,
          Effect: 'Allow',
          Action: operations.map((operation) => `kms:${operation}`),
          Resource: '*',
        },
      ],
    },
    null,
    2,
  )
  return [name, { description, document, policy: parsePolicy(document, { kind: 'identity', name }) }]
}

/** By name. Without a prototype: `constructor` is no policy. */
export const managedPolicies: Readonly<Record<string, ManagedPolicy>> = Object.freeze(
  Object.assign(
    Object.create(null) as Record<string, ManagedPolicy>,
    Object.fromEntries([
      managed('KeywardAdministrator', 'Everything in the account: keys, principals, policies, audit.', ['*']),
      managed(
        'KeyAdministrator',
        'Creates and manages keys, aliases, imports, rotation, tags and key policies. Uses no key, manages no principals.',
        [...everyone, ...seeKeys, ...seeRightsOverKeys, ...manageKeys].sort(),
      ),
      managed(
        'KeyUser',
        'Encrypts, decrypts, signs, verifies and makes data keys. Manages nothing.',
        [...everyone, ...seeKeys, ...useKeys].sort(),
      ),
      managed(
        'Auditor',
        'Sees keys, rights, usage and the audit log. Uses no key, changes nothing.',
        [...everyone, ...seeKeys, ...seeRightsOverKeys, ...readEverything].sort(),
      ),
    ]),
  ),
)

/** The operations that the console calls. A name or a route that is not the operation's own does not compile. */

import type {
  createAccessKey as CreateAccessKey,
  createToken as CreateToken,
  deleteCredential as DeleteCredential,
  listCredentials as ListCredentials,
} from '../../../src/operations/access/credentials.ts'
import type { explainAccess as ExplainAccess } from '../../../src/operations/access/explain-access.ts'
import type { explainPolicy as ExplainPolicy } from '../../../src/operations/access/explain-policy.ts'
import type { getOwnRights as GetOwnRights } from '../../../src/operations/access/get-own-rights.ts'
import type {
  createGrant as CreateGrant,
  listGrants as ListGrants,
  revokeGrant as RevokeGrant,
} from '../../../src/operations/access/grants.ts'
import type {
  getKeyPolicy as GetKeyPolicy,
  putKeyPolicy as PutKeyPolicy,
} from '../../../src/operations/access/key-policy.ts'
import type {
  deletePolicy as DeletePolicy,
  getPolicy as GetPolicy,
  listPolicies as ListPolicies,
  putPolicy as PutPolicy,
} from '../../../src/operations/access/policies.ts'
import type {
  createPrincipal as CreatePrincipal,
  deletePrincipal as DeletePrincipal,
  listPrincipals as ListPrincipals,
  updatePrincipal as UpdatePrincipal,
} from '../../../src/operations/access/principals.ts'
import type { createAlias as CreateAlias } from '../../../src/operations/aliases/create-alias.ts'
import type { deleteAlias as DeleteAlias } from '../../../src/operations/aliases/delete-alias.ts'
import type { listAliases as ListAliases } from '../../../src/operations/aliases/list-aliases.ts'
import type { updateAlias as UpdateAlias } from '../../../src/operations/aliases/update-alias.ts'
import type { listAuditRecords as ListAuditRecords } from '../../../src/operations/audit/list-audit-records.ts'
import type {
  getAuditCheckpoint as GetAuditCheckpoint,
  getAuditConsistency as GetAuditConsistency,
  getAuditProof as GetAuditProof,
} from '../../../src/operations/audit/proofs.ts'
import type {
  asymmetricDecrypt as AsymmetricDecrypt,
  asymmetricEncrypt as AsymmetricEncrypt,
  sign as Sign,
  verify as Verify,
} from '../../../src/operations/cryptography/asymmetric.ts'
import type { decrypt as Decrypt } from '../../../src/operations/cryptography/decrypt.ts'
import type { encrypt as Encrypt } from '../../../src/operations/cryptography/encrypt.ts'
import type { getPublicKey as GetPublicKey } from '../../../src/operations/cryptography/get-public-key.ts'
import type { generateMac as GenerateMac, verifyMac as VerifyMac } from '../../../src/operations/cryptography/mac.ts'
import type { reEncrypt as ReEncrypt } from '../../../src/operations/cryptography/re-encrypt.ts'
import type { cancelKeyDeletion as CancelKeyDeletion } from '../../../src/operations/keys/cancel-key-deletion.ts'
import type { createKey as CreateKey } from '../../../src/operations/keys/create-key.ts'
import type { describeKey as DescribeKey } from '../../../src/operations/keys/describe-key.ts'
import type { disableKey as DisableKey } from '../../../src/operations/keys/disable-key.ts'
import type { enableKey as EnableKey } from '../../../src/operations/keys/enable-key.ts'
import type { listKeys as ListKeys } from '../../../src/operations/keys/list-keys.ts'
import type { scheduleKeyDeletion as ScheduleKeyDeletion } from '../../../src/operations/keys/schedule-key-deletion.ts'
import type { setDeletionProtection as SetDeletionProtection } from '../../../src/operations/keys/set-deletion-protection.ts'
import type { tagResource as TagResource } from '../../../src/operations/keys/tag-resource.ts'
import type { untagResource as UntagResource } from '../../../src/operations/keys/untag-resource.ts'
import type { updateKeyDescription as UpdateKeyDescription } from '../../../src/operations/keys/update-key-description.ts'
import type { deleteKeyMaterial as DeleteKeyMaterial } from '../../../src/operations/material/delete-key-material.ts'
import type { getParametersForImport as GetParametersForImport } from '../../../src/operations/material/get-parameters-for-import.ts'
import type {
  approveImport as ApproveImport,
  importKeyMaterial as ImportKeyMaterial,
} from '../../../src/operations/material/import-key-material.ts'
import type {
  listImportRequests as ListImportRequests,
  rejectImport as RejectImport,
} from '../../../src/operations/material/import-requests.ts'
import type { getKeyUsage as GetKeyUsage } from '../../../src/operations/usage/get-key-usage.ts'
import type { getOverview as GetOverview } from '../../../src/operations/usage/get-overview.ts'
import type { getUsageReport as GetUsageReport } from '../../../src/operations/usage/get-usage-report.ts'
import type { listEvents as ListEvents } from '../../../src/operations/usage/list-events.ts'
import type { createKeyVersion as CreateKeyVersion } from '../../../src/operations/versions/create-key-version.ts'
import type { describeKeyVersion as DescribeKeyVersion } from '../../../src/operations/versions/describe-key-version.ts'
import type { listKeyRotations as ListKeyRotations } from '../../../src/operations/versions/list-key-rotations.ts'
import type { listKeyVersions as ListKeyVersions } from '../../../src/operations/versions/list-key-versions.ts'
import type { rotateKey as RotateKey } from '../../../src/operations/versions/rotate-key.ts'
import type { updateRotationPolicy as UpdateRotationPolicy } from '../../../src/operations/versions/update-rotation-policy.ts'
import { type Answered, endpoint } from './client.ts'

export const getOwnRights = endpoint<typeof GetOwnRights>('GetOwnRights', 'POST /v1/access/rights', 'access rights')
export const listKeys = endpoint<typeof ListKeys>('ListKeys', 'GET /v1/keys', 'key list')
export const createKey = endpoint<typeof CreateKey>('CreateKey', 'POST /v1/keys', 'key create')
export const describeKey = endpoint<typeof DescribeKey>('DescribeKey', 'GET /v1/keys/{keyId}', 'key describe')
export const enableKey = endpoint<typeof EnableKey>('EnableKey', 'POST /v1/keys/{keyId}/enable', 'key enable')
export const disableKey = endpoint<typeof DisableKey>('DisableKey', 'POST /v1/keys/{keyId}/disable', 'key disable')
export const scheduleKeyDeletion = endpoint<typeof ScheduleKeyDeletion>(
  'ScheduleKeyDeletion',
  'POST /v1/keys/{keyId}/schedule-deletion',
  'key schedule-deletion',
)
export const cancelKeyDeletion = endpoint<typeof CancelKeyDeletion>(
  'CancelKeyDeletion',
  'POST /v1/keys/{keyId}/cancel-deletion',
  'key cancel-deletion',
)
export const setDeletionProtection = endpoint<typeof SetDeletionProtection>(
  'SetDeletionProtection',
  'PUT /v1/keys/{keyId}/deletion-protection',
  'key protect',
)
export const tagResource = endpoint<typeof TagResource>('TagResource', 'PUT /v1/keys/{keyId}/tags', 'key tag')
export const untagResource = endpoint<typeof UntagResource>('UntagResource', 'POST /v1/keys/{keyId}/untag', 'key untag')
export const updateKeyDescription = endpoint<typeof UpdateKeyDescription>(
  'UpdateKeyDescription',
  'PATCH /v1/keys/{keyId}',
  'key update',
)
export const listAliases = endpoint<typeof ListAliases>('ListAliases', 'GET /v1/aliases', 'alias list')
export const createAlias = endpoint<typeof CreateAlias>('CreateAlias', 'POST /v1/aliases', 'alias create')
export const updateAlias = endpoint<typeof UpdateAlias>('UpdateAlias', 'PUT /v1/aliases/{aliasName}', 'alias move')
export const deleteAlias = endpoint<typeof DeleteAlias>('DeleteAlias', 'DELETE /v1/aliases/{aliasName}', 'alias delete')
export const listKeyVersions = endpoint<typeof ListKeyVersions>(
  'ListKeyVersions',
  'GET /v1/keys/{keyId}/versions',
  'key versions',
)
export const describeKeyVersion = endpoint<typeof DescribeKeyVersion>(
  'DescribeKeyVersion',
  'GET /v1/keys/{keyId}/versions/{keyVersionId}',
  'key version',
)
export const createKeyVersion = endpoint<typeof CreateKeyVersion>(
  'CreateKeyVersion',
  'POST /v1/keys/{keyId}/versions',
  'key new-version',
)
export const rotateKey = endpoint<typeof RotateKey>('RotateKey', 'POST /v1/keys/{keyId}/rotate', 'key rotate')
export const updateRotationPolicy = endpoint<typeof UpdateRotationPolicy>(
  'UpdateRotationPolicy',
  'PUT /v1/keys/{keyId}/rotation-policy',
  'key rotation',
)
export const listKeyRotations = endpoint<typeof ListKeyRotations>(
  'ListKeyRotations',
  'GET /v1/keys/{keyId}/rotations',
  'key rotations',
)
export const getKeyUsage = endpoint<typeof GetKeyUsage>('GetKeyUsage', 'GET /v1/keys/{keyId}/usage', 'key usage')
export const getPublicKey = endpoint<typeof GetPublicKey>(
  'GetPublicKey',
  'GET /v1/keys/{keyId}/public-key',
  'key public',
)
export const getParametersForImport = endpoint<typeof GetParametersForImport>(
  'GetParametersForImport',
  'POST /v1/keys/{keyId}/import-parameters',
  'import params',
)
export const importKeyMaterial = endpoint<typeof ImportKeyMaterial>(
  'ImportKeyMaterial',
  'POST /v1/keys/{keyId}/import',
  'import upload',
)
export const approveImport = endpoint<typeof ApproveImport>(
  'ApproveImport',
  'POST /v1/keys/{keyId}/approve-import',
  'import approve',
)
export const deleteKeyMaterial = endpoint<typeof DeleteKeyMaterial>(
  'DeleteKeyMaterial',
  'DELETE /v1/keys/{keyId}/material',
  'import delete',
)
export const getKeyPolicy = endpoint<typeof GetKeyPolicy>(
  'GetKeyPolicy',
  'GET /v1/keys/{keyId}/policy',
  'key policy get',
)
export const listGrants = endpoint<typeof ListGrants>('ListGrants', 'GET /v1/keys/{keyId}/grants', 'grant list')
export const revokeGrant = endpoint<typeof RevokeGrant>(
  'RevokeGrant',
  'DELETE /v1/keys/{keyId}/grants/{grantId}',
  'grant revoke',
)
export const listAuditRecords = endpoint<typeof ListAuditRecords>(
  'ListAuditRecords',
  'GET /v1/audit/records',
  'audit list',
)
export const getOverview = endpoint<typeof GetOverview>('GetOverview', 'GET /v1/overview', 'usage overview')
export const encrypt = endpoint<typeof Encrypt>('Encrypt', 'POST /v1/keys/{keyId}/encrypt', 'encrypt')
export const decrypt = endpoint<typeof Decrypt>('Decrypt', 'POST /v1/decrypt', 'decrypt')
export const reEncrypt = endpoint<typeof ReEncrypt>('ReEncrypt', 'POST /v1/re-encrypt', 're-encrypt')
export const asymmetricEncrypt = endpoint<typeof AsymmetricEncrypt>(
  'AsymmetricEncrypt',
  'POST /v1/keys/{keyId}/asymmetric-encrypt',
  'asymmetric encrypt',
)
export const asymmetricDecrypt = endpoint<typeof AsymmetricDecrypt>(
  'AsymmetricDecrypt',
  'POST /v1/keys/{keyId}/asymmetric-decrypt',
  'asymmetric decrypt',
)
export const sign = endpoint<typeof Sign>('Sign', 'POST /v1/keys/{keyId}/sign', 'sign')
export const verify = endpoint<typeof Verify>('Verify', 'POST /v1/keys/{keyId}/verify', 'verify')
export const generateMac = endpoint<typeof GenerateMac>(
  'GenerateMac',
  'POST /v1/keys/{keyId}/generate-mac',
  'mac create',
)
export const verifyMac = endpoint<typeof VerifyMac>('VerifyMac', 'POST /v1/keys/{keyId}/verify-mac', 'mac verify')
export const getAuditCheckpoint = endpoint<typeof GetAuditCheckpoint>(
  'GetAuditCheckpoint',
  'GET /v1/audit/checkpoint',
  'audit checkpoint',
)
export const getAuditProof = endpoint<typeof GetAuditProof>(
  'GetAuditProof',
  'GET /v1/audit/records/{index}/proof',
  'audit proof',
)
export const getAuditConsistency = endpoint<typeof GetAuditConsistency>(
  'GetAuditConsistency',
  'GET /v1/audit/consistency/{olderSize}',
  'audit consistency',
)
export const listPrincipals = endpoint<typeof ListPrincipals>(
  'ListPrincipals',
  'GET /v1/principals',
  'access principal list',
)
export const createPrincipal = endpoint<typeof CreatePrincipal>(
  'CreatePrincipal',
  'POST /v1/principals',
  'access principal create',
)
export const updatePrincipal = endpoint<typeof UpdatePrincipal>(
  'UpdatePrincipal',
  'PATCH /v1/principals/{principalName}',
  'access principal update',
)
export const deletePrincipal = endpoint<typeof DeletePrincipal>(
  'DeletePrincipal',
  'DELETE /v1/principals/{principalName}',
  'access principal delete',
)
export const listCredentials = endpoint<typeof ListCredentials>(
  'ListCredentials',
  'GET /v1/principals/{principalName}/credentials',
  'access credential list',
)
export const createToken = endpoint<typeof CreateToken>(
  'CreateToken',
  'POST /v1/principals/{principalName}/tokens',
  'access token create',
)
export const createAccessKey = endpoint<typeof CreateAccessKey>(
  'CreateAccessKey',
  'POST /v1/principals/{principalName}/access-keys',
  'access key create',
)
export const deleteCredential = endpoint<typeof DeleteCredential>(
  'DeleteCredential',
  'DELETE /v1/principals/{principalName}/credentials/{credentialId}',
  'access credential delete',
)
export const listPolicies = endpoint<typeof ListPolicies>('ListPolicies', 'GET /v1/policies', 'access policy list')
export const getPolicy = endpoint<typeof GetPolicy>('GetPolicy', 'GET /v1/policies/{policyName}', 'access policy get')
export const putPolicy = endpoint<typeof PutPolicy>('PutPolicy', 'PUT /v1/policies/{policyName}', 'access policy put')
export const deletePolicy = endpoint<typeof DeletePolicy>(
  'DeletePolicy',
  'DELETE /v1/policies/{policyName}',
  'access policy delete',
)
export const explainAccess = endpoint<typeof ExplainAccess>('ExplainAccess', 'POST /v1/access/explain', 'access test')
export const explainPolicy = endpoint<typeof ExplainPolicy>(
  'ExplainPolicy',
  'POST /v1/access/explain-policy',
  'access policy check',
)
export const listImportRequests = endpoint<typeof ListImportRequests>(
  'ListImportRequests',
  'GET /v1/import-requests',
  'import waiting',
)
export const rejectImport = endpoint<typeof RejectImport>(
  'RejectImport',
  'POST /v1/keys/{keyId}/reject-import',
  'import reject',
)
export const listEvents = endpoint<typeof ListEvents>('ListEvents', 'GET /v1/events', 'event list')
export const getUsageReport = endpoint<typeof GetUsageReport>('GetUsageReport', 'GET /v1/usage-report', 'usage report')
export const putKeyPolicy = endpoint<typeof PutKeyPolicy>(
  'PutKeyPolicy',
  'PUT /v1/keys/{keyId}/policy',
  'key policy put',
)
export const createGrant = endpoint<typeof CreateGrant>('CreateGrant', 'POST /v1/keys/{keyId}/grants', 'grant create')

export type KeyMetadata = Answered<typeof createKey>['key']
export type ListedKey = Answered<typeof listKeys>['keys'][number]

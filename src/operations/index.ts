/** All operations there are. REST, OpenAPI, the CLI, the audit schema and the rights are read off this list. */
import { createAccount, listAccounts } from './access/accounts.ts'
import { createAccessKey, createToken, deleteCredential, listCredentials } from './access/credentials.ts'
import { explainAccess } from './access/explain-access.ts'
import { explainPolicy } from './access/explain-policy.ts'
import { getCallerIdentity } from './access/get-caller-identity.ts'
import { getOwnRights } from './access/get-own-rights.ts'
import { createGrant, listGrants, listRetirableGrants, retireGrant, revokeGrant } from './access/grants.ts'
import { getKeyPolicy, listKeyPolicies, putKeyPolicy } from './access/key-policy.ts'
import { listSettings } from './access/list-settings.ts'
import { createSetupCode, deletePasskey, listPasskeys } from './access/passkeys.ts'
import { deletePolicy, getPolicy, listPolicies, putPolicy } from './access/policies.ts'
import { createPrincipal, deletePrincipal, listPrincipals, updatePrincipal } from './access/principals.ts'
import { endSession, listSessions } from './access/sessions.ts'
import { createAlias } from './aliases/create-alias.ts'
import { deleteAlias } from './aliases/delete-alias.ts'
import { listAliases } from './aliases/list-aliases.ts'
import { updateAlias } from './aliases/update-alias.ts'
import { listAuditRecords } from './audit/list-audit-records.ts'
import { getAuditCheckpoint, getAuditConsistency, getAuditProof } from './audit/proofs.ts'
import { decapsulate, deriveSharedSecret, encapsulate } from './cryptography/agreement.ts'
import { asymmetricDecrypt, asymmetricEncrypt, sign, verify } from './cryptography/asymmetric.ts'
import { batchDecrypt, batchEncrypt } from './cryptography/batch.ts'
import { decrypt } from './cryptography/decrypt.ts'
import { encrypt } from './cryptography/encrypt.ts'
import { exportDataKey, generateAndExportDataKey } from './cryptography/export-data-key.ts'
import { generateDataKey, generateDataKeyWithoutPlaintext } from './cryptography/generate-data-key.ts'
import { generateDataKeyPair, generateDataKeyPairWithoutPlaintext } from './cryptography/generate-data-key-pair.ts'
import { generateRandom } from './cryptography/generate-random.ts'
import { getPublicKey } from './cryptography/get-public-key.ts'
import { generateMac, verifyMac } from './cryptography/mac.ts'
import { reEncrypt } from './cryptography/re-encrypt.ts'
import { connectCustomKeyStore, disconnectCustomKeyStore } from './key-stores/connection.ts'
import { createCustomKeyStore } from './key-stores/create-custom-key-store.ts'
import { deleteCustomKeyStore } from './key-stores/delete-custom-key-store.ts'
import { describeCustomKeyStores } from './key-stores/describe-custom-key-stores.ts'
import { updateCustomKeyStore } from './key-stores/update-custom-key-store.ts'
import { cancelKeyDeletion } from './keys/cancel-key-deletion.ts'
import { createKey } from './keys/create-key.ts'
import { describeKey } from './keys/describe-key.ts'
import { disableKey } from './keys/disable-key.ts'
import { enableKey } from './keys/enable-key.ts'
import { listKeys } from './keys/list-keys.ts'
import { listResourceTags } from './keys/list-resource-tags.ts'
import { replicateKey } from './keys/replicate-key.ts'
import { scheduleKeyDeletion } from './keys/schedule-key-deletion.ts'
import { setDeletionProtection } from './keys/set-deletion-protection.ts'
import { tagResource } from './keys/tag-resource.ts'
import { untagResource } from './keys/untag-resource.ts'
import { updateKeyDescription } from './keys/update-key-description.ts'
import { updatePrimaryRegion } from './keys/update-primary-region.ts'
import { deleteKeyMaterial } from './material/delete-key-material.ts'
import { getParametersForImport } from './material/get-parameters-for-import.ts'
import { approveImport, importKeyMaterial } from './material/import-key-material.ts'
import { listImportRequests, rejectImport } from './material/import-requests.ts'
import type { AnyOperation } from './operation.ts'
import { getKeyLastUsage } from './usage/get-key-last-usage.ts'
import { getKeyUsage } from './usage/get-key-usage.ts'
import { getOverview } from './usage/get-overview.ts'
import { getUsageReport } from './usage/get-usage-report.ts'
import { listEvents } from './usage/list-events.ts'
import { createKeyVersion } from './versions/create-key-version.ts'
import { describeKeyVersion } from './versions/describe-key-version.ts'
import { getKeyRotationStatus } from './versions/get-key-rotation-status.ts'
import { listKeyRotations } from './versions/list-key-rotations.ts'
import { listKeyVersions } from './versions/list-key-versions.ts'
import { rotateKey } from './versions/rotate-key.ts'
import { updateRotationPolicy } from './versions/update-rotation-policy.ts'

export const operations: readonly AnyOperation[] = [
  createKey,
  describeKey,
  listKeys,
  updateKeyDescription,
  enableKey,
  disableKey,
  scheduleKeyDeletion,
  cancelKeyDeletion,
  setDeletionProtection,
  tagResource,
  untagResource,
  listResourceTags,
  encrypt,
  decrypt,
  reEncrypt,
  batchEncrypt,
  batchDecrypt,
  generateDataKey,
  generateDataKeyWithoutPlaintext,
  exportDataKey,
  generateAndExportDataKey,
  generateDataKeyPair,
  generateDataKeyPairWithoutPlaintext,
  generateRandom,
  asymmetricEncrypt,
  asymmetricDecrypt,
  sign,
  verify,
  getPublicKey,
  generateMac,
  verifyMac,
  deriveSharedSecret,
  encapsulate,
  decapsulate,
  createAlias,
  updateAlias,
  deleteAlias,
  listAliases,
  listKeyVersions,
  describeKeyVersion,
  createKeyVersion,
  rotateKey,
  updateRotationPolicy,
  getKeyRotationStatus,
  listKeyRotations,
  getKeyLastUsage,
  replicateKey,
  updatePrimaryRegion,
  putKeyPolicy,
  getKeyPolicy,
  listKeyPolicies,
  createGrant,
  listGrants,
  listRetirableGrants,
  retireGrant,
  revokeGrant,
  getKeyUsage,
  getOverview,
  getUsageReport,
  listEvents,
  getParametersForImport,
  importKeyMaterial,
  approveImport,
  rejectImport,
  listImportRequests,
  deleteKeyMaterial,
  createCustomKeyStore,
  describeCustomKeyStores,
  updateCustomKeyStore,
  deleteCustomKeyStore,
  connectCustomKeyStore,
  disconnectCustomKeyStore,
  getCallerIdentity,
  createPrincipal,
  listPrincipals,
  updatePrincipal,
  deletePrincipal,
  createToken,
  createAccessKey,
  listCredentials,
  deleteCredential,
  createSetupCode,
  listPasskeys,
  deletePasskey,
  listSessions,
  endSession,
  putPolicy,
  getPolicy,
  listPolicies,
  deletePolicy,
  createAccount,
  listAccounts,
  listSettings,
  explainAccess,
  explainPolicy,
  getOwnRights,
  listAuditRecords,
  getAuditCheckpoint,
  getAuditProof,
  getAuditConsistency,
]

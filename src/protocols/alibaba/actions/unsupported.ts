/** Actions that this cloud has and this service has not, each with the reason that its answer gives. */
import type { Unsupported } from '../action.ts'

const secrets = 'Secrets are another product: this service keeps keys only.'
const certificates = 'Certificates are another product: this service keeps keys only.'
const instances = 'There are no instances to order or connect: the service runs where its operator put it.'
const access = 'Access is given by principals, policies and access keys, through the REST API or the CLI.'
const keyPolicies =
  "Key policies name principals in this service's own language: set them through the REST API or the AWS protocol."
const managedDataKeys = 'Data keys are not kept here: make them with GenerateDataKey, and keep the ciphertext.'

export const unsupportedActions: Readonly<Record<string, Unsupported>> = {
  ...each(secrets, [
    'BatchGetSecretValue',
    'CreateSecret',
    'DeleteSecret',
    'DescribeSecret',
    'GetRandomPassword',
    'GetSecretPolicy',
    'GetSecretValue',
    'ListSecretVersionIds',
    'ListSecrets',
    'PutSecretValue',
    'RestoreSecret',
    'RotateSecret',
    'SetSecretPolicy',
    'UpdateSecret',
    'UpdateSecretRotationPolicy',
    'UpdateSecretVersionStage',
  ]),
  ...each(certificates, [
    'CertificatePrivateKeyDecrypt',
    'CertificatePrivateKeySign',
    'CertificatePublicKeyEncrypt',
    'CertificatePublicKeyVerify',
    'CreateCertificate',
    'DeleteCertificate',
    'DescribeCertificate',
    'ExportCertificate',
    'GetCertificate',
    'ImportCertificate',
    'ImportEncryptionCertificate',
    'ListCertificates',
    'UpdateCertificateStatus',
    'UploadCertificate',
  ]),
  ...each(instances, [
    'ConnectKmsInstance',
    'GetDefaultKmsInstance',
    'GetKmsInstance',
    'GetKmsInstanceQuotaInfos',
    'ListKmsInstances',
    'ReleaseKmsInstance',
    'UpdateKmsInstanceBindVpc',
  ]),
  ...each(access, [
    'CreateApplicationAccessPoint',
    'CreateClientKey',
    'CreateNetworkRule',
    'CreatePolicy',
    'DeleteApplicationAccessPoint',
    'DeleteClientKey',
    'DeleteNetworkRule',
    'DeletePolicy',
    'DescribeApplicationAccessPoint',
    'DescribeNetworkRule',
    'DescribePolicy',
    'GetClientKey',
    'ListApplicationAccessPoints',
    'ListClientKeys',
    'ListNetworkRules',
    'ListPolicies',
    'UpdateApplicationAccessPoint',
    'UpdateNetworkRule',
    'UpdatePolicy',
  ]),
  ...each(keyPolicies, ['GetKeyPolicy', 'ListKeyPolicies', 'SetKeyPolicy']),
  ...each(managedDataKeys, ['GetManagedDataKey', 'ListManagedDataKeyVersions']),
}

function each(reason: string, names: readonly string[]): Record<string, Unsupported> {
  return Object.fromEntries(names.map((name) => [name, { unsupported: reason }]))
}

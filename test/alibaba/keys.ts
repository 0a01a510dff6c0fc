/** Keys in every state, made through the face itself. */
import assert from 'node:assert/strict'
import { constants, createPublicKey, publicEncrypt } from 'node:crypto'
import { asked, type How, type TestService } from './service.ts'

type Metadata = Readonly<Record<string, unknown>>

export async function createKey(
  service: TestService,
  parameters: Readonly<Record<string, string | number | boolean>> = {},
  how: How = {},
): Promise<string> {
  const { KeyMetadata } = await asked(service, 'CreateKey', parameters, how)
  return (KeyMetadata as Metadata).KeyId as string
}

export async function describe(service: TestService, keyId: string, how: How = {}): Promise<Metadata> {
  return (await asked(service, 'DescribeKey', { KeyId: keyId }, how)).KeyMetadata as Metadata
}

export async function newestVersion(service: TestService, keyId: string): Promise<string> {
  const { KeyVersions } = await asked(service, 'ListKeyVersions', { KeyId: keyId, PageSize: 100 })
  const versions = (KeyVersions as { readonly KeyVersion: readonly { readonly KeyVersionId: string }[] }).KeyVersion
  return versions.at(-1)?.KeyVersionId as string
}

export const material = Buffer.alloc(32, 7)

export type ImportParameters = { readonly ImportToken: string; readonly EncryptedKeyMaterial: string }

/** What ImportKeyMaterial takes: fresh parameters, and the material wrapped with them. */
export async function importParameters(
  service: TestService,
  keyId: string,
  bytes: Uint8Array = material,
): Promise<ImportParameters> {
  const parameters = await asked(service, 'GetParametersForImport', {
    KeyId: keyId,
    WrappingAlgorithm: 'RSAES_OAEP_SHA_256',
    WrappingKeySpec: 'RSA_2048',
  })
  const key = createPublicKey({
    key: Buffer.from(parameters.PublicKey as string, 'base64'),
    format: 'der',
    type: 'spki',
  })
  const wrapped = publicEncrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }, bytes)
  return { ImportToken: parameters.ImportToken as string, EncryptedKeyMaterial: wrapped.toString('base64') }
}

export async function importMaterial(service: TestService, keyId: string): Promise<void> {
  await asked(service, 'ImportKeyMaterial', { KeyId: keyId, ...(await importParameters(service, keyId)) })
}

export const states = ['Enabled', 'Disabled', 'PendingDeletion', 'PendingImport'] as const
export type StateName = (typeof states)[number]

/** From Enabled. */
export async function bringInto(service: TestService, keyId: string, state: StateName): Promise<void> {
  switch (state) {
    case 'Disabled':
      await asked(service, 'DisableKey', { KeyId: keyId })
      break
    case 'PendingDeletion':
      await asked(service, 'ScheduleKeyDeletion', { KeyId: keyId, PendingWindowInDays: 7 })
      break
    case 'PendingImport':
      await asked(service, 'DeleteKeyMaterial', { KeyId: keyId })
      break
  }
  assert.equal((await describe(service, keyId)).KeyState, state)
}

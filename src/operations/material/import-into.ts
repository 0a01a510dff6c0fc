import { problem } from '../../domain/errors.ts'
import type { Key, KeyVersion } from '../../domain/key.ts'
import { stateAt } from '../../domain/lifecycle.ts'
import type { Change, World } from '../../domain/ports.ts'
import { partitionOf } from '../../domain/scope.ts'
import type { Instant } from '../../domain/time.ts'
import { changed } from '../keys/changed.ts'
import { deviceOf } from '../material.ts'
import type { ImportToken } from './import-token.ts'

export type Import = {
  readonly token: ImportToken
  readonly encryptedKeyMaterial: Uint8Array
  readonly materialExpiresAt?: Instant | undefined
}

/** The changes that an import makes, once token, wrapping and material are found to belong to this key. */
export async function importInto(
  world: World,
  key: Key,
  wanted: Import,
  now: Instant,
): Promise<{ readonly versionId: string; readonly changes: readonly Change[] }> {
  const { token } = wanted
  if (token.keyId !== key.keyId || token.account !== key.account || token.region !== key.region)
    throw problem('InvalidImportToken', {
      member: 'importToken',
      message: 'The import token was given out for another key.',
      mend: 'Get parameters for this key, and wrap the material with their public key.',
    })
  if (wanted.materialExpiresAt !== undefined && wanted.materialExpiresAt <= now)
    throw problem('InvalidRequest', {
      member: 'materialExpiresAt',
      message: 'materialExpiresAt is in the past.',
      mend: 'Leave it out for material that never expires.',
    })
  const wrappingKey = await world.store.get('wrappingKey', partitionOf(key), `${key.keyId}/${token.wrappingKeyId}`)
  if (wrappingKey === undefined || now >= wrappingKey.expiresAt)
    throw problem('ExpiredImportToken', {
      member: 'importToken',
      mend: 'Get new parameters with GetParametersForImport.',
    })

  const stored =
    key.currentVersionId === undefined
      ? undefined
      : await world.store.get('version', partitionOf(key), `${key.keyId}/${key.currentVersionId}`)
  // Reading 6: one fixed version. Coming back, the material serves the old ciphertexts again (R52).
  const versionId = stored?.versionId ?? world.random.uuid()
  const binding = { account: key.account, region: key.region, keyId: key.keyId, versionId, spec: key.spec }
  const { sealed, publicKey, fingerprint } = await deviceOf(world, key).importMaterial({
    wrappingKeySpec: wrappingKey.wrappingKeySpec,
    wrappingAlgorithm: token.wrappingAlgorithm,
    sealedWrappingKey: wrappingKey.sealed,
    wrappingKeyBinding: {
      account: key.account,
      region: key.region,
      keyId: key.keyId,
      versionId: wrappingKey.wrappingKeyId,
      spec: key.spec,
    },
    encryptedKeyMaterial: wanted.encryptedKeyMaterial,
    binding,
  })
  if (key.materialFingerprint !== undefined && key.materialFingerprint !== fingerprint)
    throw problem('IncorrectKeyMaterial', {
      member: 'encryptedKeyMaterial',
      mend: 'Import the material this key had at first. For other material create another key.',
    })
  const version: KeyVersion = {
    ...binding,
    revision: (stored?.revision ?? 0) + 1,
    number: 1,
    createdAt: stored?.createdAt ?? now,
    sealed,
    ...(publicKey === undefined ? {} : { publicKey: Buffer.from(publicKey).toString('base64') }),
  }
  return {
    versionId,
    changes: [
      { put: 'version', record: version },
      changed(key, {
        currentVersionId: versionId,
        versionCount: 1,
        materialFingerprint: fingerprint,
        materialExpiresAt: wanted.materialExpiresAt,
        state: stateAt(key, now).is === 'PendingImport' ? { is: 'Enabled' } : key.state,
        ...(stored === undefined ? { lastRotatedAt: now } : {}),
      }),
    ],
  }
}

import { problem } from '../../domain/errors.ts'
import type { ImportedFacts, Key, KeyVersion } from '../../domain/key.ts'
import type { Change, ImportedMaterial, World } from '../../domain/ports.ts'
import { partitionOf } from '../../domain/scope.ts'
import { specs } from '../../domain/specs.ts'
import type { Instant } from '../../domain/time.ts'
import { copyOf, otherCopies, requirePrimary } from '../keys/copies.ts'
import { deviceOf } from '../material.ts'
import { allVersions } from '../versions/all-versions.ts'
import type { ImportToken } from './import-token.ts'
import { keyMaterialIdOf } from './key-material-id.ts'
import { hasMaterial, keyWithMaterials } from './materials.ts'

export type Import = {
  readonly token: ImportToken
  readonly encryptedKeyMaterial: Uint8Array
  readonly materialExpiresAt?: Instant | undefined
  readonly materialDescription?: string | undefined
  /** Other material than before, for the next rotation on demand. */
  readonly isNew?: boolean | undefined
  /** It must be this material. */
  readonly keyMaterialId?: string | undefined
}

type Imported = { readonly versionId: string; readonly changes: readonly Change[] }

/** The changes that an import makes, once token, wrapping and material are found to belong to this key. */
export async function importInto(world: World, key: Key, wanted: Import, now: Instant): Promise<Imported> {
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
  const versions = await allVersions(world, key)
  return wanted.isNew === true && versions.length > 0
    ? importNew(world, key, versions, wanted, now)
    : importAgain(world, key, versions, wanted, now)
}

/** The first material of a key, or material that it had before (R52, R53). */
async function importAgain(
  world: World,
  key: Key,
  versions: readonly KeyVersion[],
  wanted: Import,
  now: Instant,
): Promise<Imported> {
  // Sealed for the likeliest version; which one it belongs to is known when it is unwrapped.
  const likeliest =
    versions.find(({ versionId }) => keyMaterialIdOf(versionId) === wanted.keyMaterialId) ??
    versions.find((version) => !hasMaterial(version, now)) ??
    versions.at(-1)
  const material = await unwrapped(world, key, wanted, likeliest?.versionId ?? world.random.uuid(), now)
  const stored = versions.find(({ imported }) => imported?.fingerprint === material.fingerprint)
  if (versions.length > 0 && stored === undefined)
    throw problem('IncorrectKeyMaterial', {
      member: 'encryptedKeyMaterial',
      mend: 'Import the material this key had at first. For other material create another key.',
    })
  if (
    stored !== undefined &&
    wanted.keyMaterialId !== undefined &&
    keyMaterialIdOf(stored.versionId) !== wanted.keyMaterialId
  )
    throw problem('IncorrectKeyMaterial', {
      member: 'keyMaterialId',
      message: `This is the key material ${keyMaterialIdOf(stored.versionId)}.`,
      mend: 'Import the material that keyMaterialId names, or leave keyMaterialId out.',
    })
  const version =
    stored === undefined || stored.versionId === material.versionId
      ? versionWith(key, material, stored, 1, wanted, now)
      : versionWith(key, await rebound(world, key, material, stored.versionId), stored, 1, wanted, now)
  const all = [...versions.filter(({ versionId }) => versionId !== version.versionId), version]
  const first = stored === undefined ? { currentVersionId: version.versionId, lastRotatedAt: now } : {}
  return {
    versionId: version.versionId,
    changes: [{ put: 'version', record: version }, keyWithMaterials(key, all, now, first)],
  }
}

/** Material for the next rotation. Copies in other regions learn of it, and get it from their owner, who alone has it. */
async function importNew(
  world: World,
  key: Key,
  versions: readonly KeyVersion[],
  wanted: Import,
  now: Instant,
): Promise<Imported> {
  if (!specs[key.spec].rotates)
    throw problem('UnsupportedOperation', {
      member: 'importType',
      message: `A key of spec ${key.spec} has one key material for ever.`,
      mend: 'Create another key, and import the new material there.',
    })
  requirePrimary(key, 'Import new key material')
  const material = await unwrapped(world, key, wanted, world.random.uuid(), now)
  const { versionId } = material
  const waiting = key.pendingMaterial
  if (waiting !== undefined && (waiting.expiresAt === undefined || now < waiting.expiresAt))
    throw problem('KeyStateConflict', {
      message: `New key material (id: ${keyMaterialIdOf(versionId)}) cannot be imported into KMS key ${key.keyId}, because another key material (id: ${keyMaterialIdOf(waiting.versionId)}) is pending rotation.`,
    })
  if (versions.some(({ imported }) => imported?.fingerprint === material.fingerprint))
    throw problem('IncorrectKeyMaterial', {
      member: 'encryptedKeyMaterial',
      message: 'The key has this key material already.',
      mend: 'Import other material, or import this one as EXISTING_KEY_MATERIAL.',
    })
  const lasting = versions.filter((version) => version.versionId !== waiting?.versionId)
  const number = 1 + Math.max(...versions.map((version) => version.number))
  const version = versionWith(key, material, undefined, number, wanted, now)
  const pending = { pendingMaterial: { versionId } }
  const changes: Change[] = [
    { put: 'version', record: version },
    keyWithMaterials(key, [...lasting, version], now, pending),
    ...versions.filter((old) => !lasting.includes(old)).map((old): Change => ({ remove: 'version', record: old })),
  ]
  for (const copy of await otherCopies(world, key, now)) {
    const theirs = await allVersions(world, copy)
    const stale = theirs.filter((old) => old.versionId === waiting?.versionId)
    const bare = await copyOf(world, copy, version, copy.region, true)
    const kept = [...theirs.filter((old) => !stale.includes(old)), bare]
    changes.push(
      { put: 'version', record: bare },
      keyWithMaterials(copy, kept, now, pending),
      ...stale.map((old): Change => ({ remove: 'version', record: old })),
    )
  }
  return { versionId, changes }
}

type Unwrapped = ImportedMaterial & { readonly versionId: string }

async function unwrapped(
  world: World,
  key: Key,
  { token, encryptedKeyMaterial }: Import,
  versionId: string,
  now: Instant,
): Promise<Unwrapped> {
  const wrappingKey = await world.store.get('wrappingKey', partitionOf(key), `${key.keyId}/${token.wrappingKeyId}`)
  if (wrappingKey === undefined || now >= wrappingKey.expiresAt)
    throw problem('ExpiredImportToken', {
      member: 'importToken',
      mend: 'Get new parameters with GetParametersForImport.',
    })
  const material = await deviceOf(world, key).importMaterial({
    wrappingKeySpec: wrappingKey.wrappingKeySpec,
    wrappingAlgorithm: token.wrappingAlgorithm,
    sealedWrappingKey: wrappingKey.sealed,
    wrappingKeyBinding: bindingOf(key, wrappingKey.wrappingKeyId),
    encryptedKeyMaterial,
    binding: bindingOf(key, versionId),
  })
  return { ...material, versionId }
}

/** The same material for the version that it turned out to be of. */
async function rebound(world: World, key: Key, material: Unwrapped, versionId: string): Promise<Unwrapped> {
  const { sealed } = material
  const from: KeyVersion = { ...bindingOf(key, material.versionId), revision: 1, number: 1, createdAt: 0, sealed }
  return { ...material, versionId, sealed: await deviceOf(world, key).rebind(from, bindingOf(key, versionId)) }
}

function bindingOf({ account, region, keyId, spec }: Key, versionId: string) {
  return { account, region, keyId, versionId, spec }
}

function versionWith(
  key: Key,
  { versionId, sealed, publicKey, fingerprint }: Unwrapped,
  stored: KeyVersion | undefined,
  number: number,
  wanted: Import,
  now: Instant,
): KeyVersion {
  const description = wanted.materialDescription ?? stored?.imported?.description
  const imported: ImportedFacts = {
    fingerprint,
    ...(wanted.materialExpiresAt === undefined ? {} : { expiresAt: wanted.materialExpiresAt }),
    ...(description === undefined ? {} : { description }),
  }
  return {
    ...(stored ?? { ...bindingOf(key, versionId), number, createdAt: now }),
    revision: (stored?.revision ?? 0) + 1,
    sealed,
    imported,
    ...(publicKey === undefined ? {} : { publicKey: Buffer.from(publicKey).toString('base64') }),
  }
}

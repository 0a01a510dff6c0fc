/** From a key to what computes with it: its device, its versions, its envelopes. */
import { type Awaitable, andThen } from '../domain/awaitable.ts'
import {
  associatedData,
  decodeEnvelope,
  type EncryptionContext,
  type Envelope,
  encodeHeader,
} from '../domain/envelope.ts'
import { problem } from '../domain/errors.ts'
import type { Key, KeyVersion } from '../domain/key.ts'
import type { Device, World } from '../domain/ports.ts'
import { partitionOf } from '../domain/scope.ts'
import { specs } from '../domain/specs.ts'
import type { Context, Differences } from './operation.ts'

export function deviceOf(world: Pick<World, 'devices'>, key: Pick<Key, 'protection'>): Device {
  const device = world.devices.get(key.protection)
  if (device === undefined)
    throw problem('DeviceUnavailable', {
      message: `No device of protection level ${key.protection} is configured.`,
      mend:
        key.protection === 'EXTERNAL'
          ? 'Let the operator allow the address of its key store (docs/operating/external-key-stores.md).'
          : 'Configure one (docs/operating/hsm.md), or use protection level SOFTWARE.',
    })
  return device
}

export function findVersion(world: Pick<World, 'store'>, key: Key, versionId: string): Awaitable<KeyVersion> {
  const found = world.store.get('version', partitionOf(key), `${key.keyId}/${versionId}`)
  return andThen(found, (version) => requireVersion(version, key, versionId))
}

function requireVersion(version: KeyVersion | undefined, key: Key, versionId: string): KeyVersion {
  if (version === undefined)
    throw problem('KeyVersionNotFound', {
      mend: 'List the versions of the key.',
      facts: { keyId: key.keyId, versionId },
    })
  if (version.sealed === undefined) throw problem('KeyPendingImport', { mend: 'Import the key material first.' })
  return version
}

/** The version that encrypts: the primary one (R72). */
export function currentVersion(world: Pick<World, 'store'>, key: Key): Awaitable<KeyVersion> {
  if (key.currentVersionId === undefined)
    throw problem('KeyPendingImport', { mend: 'Import the key material first.', facts: { keyId: key.keyId } })
  return findVersion(world, key, key.currentVersionId)
}

/** Asymmetric keys have no primary version: the caller names one (R42), unless the face's cloud knows no versions. */
export function namedVersion(
  world: Pick<World, 'store'>,
  key: Key,
  versionId: string | undefined,
  differences: Differences,
): Awaitable<KeyVersion> {
  if (versionId !== undefined) return findVersion(world, key, versionId)
  if (differences.newestVersionServes) return currentVersion(world, key)
  throw problem('KeyVersionRequired', {
    member: 'keyVersionId',
    mend: `Give keyVersionId; the newest is ${key.currentVersionId}. ListKeyVersions lists them all.`,
    facts: { keyId: key.keyId },
  })
}

type Asking = Pick<Context, 'world' | 'onBehalf'>

/** The same for every message under a version; by the identity of its record, as the store keeps it. */
const headers = new WeakMap<KeyVersion, Uint8Array>()

function headerOf(device: Device, version: KeyVersion): Uint8Array {
  let header = headers.get(version)
  if (header === undefined) {
    const { spec, keyId, versionId } = version
    // A copy, since a slice would keep all of the pool that it was cut from.
    header = new Uint8Array(encodeHeader({ algorithm: device.envelopeAlgorithm(spec), keyId, versionId }))
    headers.set(version, header)
  }
  return header
}

/** Header and body in one piece. */
export async function encryptUnder(
  { world, onBehalf }: Asking,
  key: Key,
  plaintext: Uint8Array,
  context: EncryptionContext | undefined,
): Promise<{ readonly ciphertextBlob: Uint8Array; readonly keyVersionId: string }> {
  const current = currentVersion(world, key)
  const version = current instanceof Promise ? await current : current
  const device = deviceOf(world, key)
  const header = headerOf(device, version)
  const body = await device.encrypt(version, plaintext, associatedData(header, context), onBehalf)
  return { ciphertextBlob: Buffer.concat([header, body]), keyVersionId: version.versionId }
}

/** Whatever of key, version, algorithm, context or bytes does not fit: `InvalidCiphertext`, and nothing more is told. */
export async function decryptUnder(
  { world, onBehalf }: Asking,
  key: Key,
  envelope: Envelope,
  context: EncryptionContext | undefined,
): Promise<{ readonly plaintext: Uint8Array; readonly keyVersionId: string }> {
  const { header, headerBytes, body } = envelope
  if (header.keyId !== key.keyId) throw problem('IncorrectKey', { mend: 'Name the key that encrypted this, or none.' })
  const found = world.store.get('version', partitionOf(key), `${key.keyId}/${header.versionId}`)
  const version = found instanceof Promise ? await found : found
  const device = deviceOf(world, key)
  if (version === undefined || device.envelopeAlgorithm(version.spec) !== header.algorithm)
    throw problem('InvalidCiphertext')
  if (version.sealed === undefined) throw problem('KeyPendingImport', { mend: 'Import the key material first.' })
  const plaintext = await device.decrypt(version, body, associatedData(headerBytes, context), onBehalf)
  return { plaintext, keyVersionId: version.versionId }
}

/** The key that a ciphertext was made with; the caller may name it too, and is then held to it. */
export function keyOfCiphertext(input: {
  readonly ciphertextBlob: Uint8Array
  readonly keyId?: string | undefined
}): string {
  const { header } = decodeEnvelope(input.ciphertextBlob)
  return input.keyId ?? header.keyId
}

/** Encrypt and the data keys are for symmetric keys; a key pair has its own operations. */
export function requireSymmetric(key: Key): void {
  if (specs[key.spec].family !== 'symmetric')
    throw problem('KeySpecMismatch', {
      message: `A key of spec ${key.spec} does not do this.`,
      mend: 'Use AsymmetricEncrypt and AsymmetricDecrypt with a key version.',
      facts: { keyId: key.keyId, spec: key.spec },
    })
}

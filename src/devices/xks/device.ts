/**
 * Keys in external key stores. Data is encrypted twice: first here, under material of this service's that belongs to the
 * key, then by the key manager of the owner, which so never sees any plaintext. Without either nothing opens.
 *
 * The body of an envelope, lengths in bytes:
 *
 *     metadata length (1) | metadata (0 to 20) | IV length (1) | IV (12 or 16) | tag (16) | ciphertext
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { problem } from '../../domain/errors.ts'
import type { KeyVersion } from '../../domain/key.ts'
import { keyArn } from '../../domain/key-reference.ts'
import { type KeyStore, proxyFailed } from '../../domain/key-store.ts'
import type { Device, KeyStoreAddress, KeyStoreProxies, OnBehalf } from '../../domain/ports.ts'
import type { Scope } from '../../domain/scope.ts'
import { type Members, openProxy, type ProxyNeeds, requestMetadata } from './proxy.ts'

export type XksDevice = Device & { readonly proxies: KeyStoreProxies }

export type XksNeeds = ProxyNeeds & {
  /** Makes the material, and encrypts first. It is opened and closed by somebody else. */
  readonly inner: Device
  readonly findStore: (scope: Scope, keyStoreId: string) => Promise<KeyStore | undefined>
}

/** Ours, in the header of envelopes (docs/ciphertext.md). */
const envelopeAlgorithm = 4
/** What every proxy must take (XKS Proxy API, Encrypt). */
const mostBytes = 4300
/** Of AES-GCM and of the API. */
const tagBytes = 16
const ivLengths = [12, 16]
const mostMetadataBytes = 20

export function createXksDevice(needs: XksNeeds): XksDevice {
  const { inner, findStore, allowedEndpoints } = needs
  const proxy = openProxy(needs)
  let closed = false

  async function connected(version: KeyVersion): Promise<{ readonly store: KeyStoreAddress; readonly key: string }> {
    if (closed) throw problem('DeviceUnavailable')
    if (version.external === undefined) throw new Error('a key of this device has an external key')
    const { keyStoreId, externalKeyId } = version.external
    const store = await findStore(version, keyStoreId)
    if (store?.connection.is !== 'CONNECTED')
      throw problem('KeyStoreStateConflict', {
        message: 'The key is in a key store that is not connected to its proxy.',
        mend: 'Connect the key store, and try again.',
        facts: { keyId: version.keyId, keyStoreId },
      })
    const { account, region } = version
    return { store: { account, region, keyStoreId, proxy: store.proxy }, key: externalKeyId }
  }

  const asked = (version: KeyVersion, onBehalf: OnBehalf | undefined) => {
    if (onBehalf === undefined) throw new Error('an external key manager is told who asks')
    return { ...requestMetadata(onBehalf), kmsKeyArn: keyArn(version) }
  }

  const refuse = (): never => {
    throw problem('KeySpecMismatch', { message: 'A key in an external key store encrypts and decrypts, and no more.' })
  }
  const refuseImport = (): never => {
    throw problem('KeyOriginMismatch', { message: 'Nothing is imported into a key of an external key store.' })
  }

  return {
    protection: 'EXTERNAL',
    supports: (spec, usage) => spec === 'AES_256' && usage === 'ENCRYPT_DECRYPT',
    async generate(binding) {
      if (closed) throw problem('DeviceUnavailable')
      return inner.generate(binding)
    },
    envelopeAlgorithm: (spec) => (spec === 'AES_256' ? envelopeAlgorithm : refuse()),

    async encrypt(version, plaintext, associatedData, onBehalf) {
      const { store, key } = await connected(version)
      const sealed = await inner.encrypt(version, plaintext, associatedData)
      if (sealed.length > mostBytes)
        throw problem('InvalidRequest', {
          member: 'plaintext',
          message: `Under a key in an external key store at most ${mostBytes - (sealed.length - plaintext.length)} bytes are encrypted.`,
          mend: 'Encrypt more under a data key.',
        })
      const external = digestOf(associatedData)
      const answer = await proxy.ask(store, `/keys/${key}/encrypt`, {
        requestMetadata: asked(version, onBehalf),
        additionalAuthenticatedData: base64(external),
        plaintext: base64(sealed),
        encryptionAlgorithm: 'AES_GCM',
        ciphertextDataIntegrityValueAlgorithm: 'SHA_256',
      })
      const ciphertext = bytesOf(answer.ciphertext, sealed.length)
      const tag = bytesOf(answer.authenticationTag, tagBytes)
      const iv = bytesOf(answer.initializationVector)
      const metadata = answer.ciphertextMetadata === undefined ? noBytes : bytesOf(answer.ciphertextMetadata)
      const integrity = bytesOf(answer.ciphertextDataIntegrityValue, 32)
      // By this the proxy vouches for having opened what it made, and that nothing was turned over on the way.
      const expected = digestOf(external, metadata, iv, ciphertext, tag)
      if (
        !ivLengths.includes(iv.length) ||
        metadata.length > mostMetadataBytes ||
        !timingSafeEqual(expected, integrity)
      )
        throw proxyFailed('InvalidResponse')
      return Buffer.concat([Buffer.of(metadata.length), metadata, Buffer.of(iv.length), iv, tag, ciphertext])
    },

    async decrypt(version, body, associatedData, onBehalf) {
      const { store, key } = await connected(version)
      const parts = partsOf(body)
      const answer = await proxy.ask(store, `/keys/${key}/decrypt`, {
        requestMetadata: asked(version, onBehalf),
        additionalAuthenticatedData: base64(digestOf(associatedData)),
        encryptionAlgorithm: 'AES_GCM',
        ciphertext: base64(parts.ciphertext),
        ...(parts.metadata.length === 0 ? {} : { ciphertextMetadata: base64(parts.metadata) }),
        initializationVector: base64(parts.iv),
        authenticationTag: base64(parts.tag),
      })
      return inner.decrypt(version, bytesOf(answer.plaintext, parts.ciphertext.length), associatedData)
    },

    asymmetricEncrypt: async () => refuse(),
    asymmetricDecrypt: async () => refuse(),
    sign: async () => refuse(),
    verify: async () => refuse(),
    mac: async () => refuse(),
    verifyMac: async () => refuse(),
    agree: async () => refuse(),
    encapsulate: async () => refuse(),
    decapsulate: async () => refuse(),
    generateKeyPair: async () => refuse(),
    unwraps: () => false,
    generateWrappingKey: async () => refuseImport(),
    importMaterial: async () => refuseImport(),
    rebind: async () => refuseImport(),

    // What computes here is the inner device, which has tested itself; whether a proxy answers is a matter of its store.
    selfTest: async () => {},
    healthy: () => !closed,
    async close() {
      closed = true
      proxy.close()
    },

    proxies: {
      allowedEndpoints,
      async check(store, onBehalf) {
        const { kmsOperation, kmsRequestId } = requestMetadata(onBehalf)
        requireHealth(await proxy.ask(store, '/health', { requestMetadata: { kmsOperation, kmsRequestId } }))
      },
      async checkKey(store, externalKeyId, onBehalf) {
        requireFit(
          await proxy.ask(store, `/keys/${externalKeyId}/metadata`, { requestMetadata: requestMetadata(onBehalf) }),
        )
      },
    },
  }
}

const noBytes = new Uint8Array()

function digestOf(...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}

function bytesOf(value: unknown, length?: number): Uint8Array {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'base64') : undefined
  if (bytes === undefined || (length !== undefined && bytes.length !== length)) throw proxyFailed('InvalidResponse')
  return bytes
}

type Parts = Readonly<Record<'metadata' | 'iv' | 'tag' | 'ciphertext', Uint8Array>>

function partsOf(body: Uint8Array): Parts {
  const metadataLength = body[0] ?? 0
  const ivAt = 1 + metadataLength
  const ivLength = body[ivAt] ?? 0
  const tagAt = ivAt + 1 + ivLength
  const ciphertext = body.subarray(tagAt + tagBytes)
  if (metadataLength > mostMetadataBytes || !ivLengths.includes(ivLength) || ciphertext.length === 0)
    throw problem('InvalidCiphertext')
  return {
    metadata: body.subarray(1, ivAt),
    iv: body.subarray(ivAt + 1, tagAt),
    tag: body.subarray(tagAt, tagAt + tagBytes),
    ciphertext,
  }
}

const managerStates: readonly unknown[] = ['ACTIVE', 'DEGRADED', 'UNAVAILABLE']

function requireHealth({ xksProxyFleetSize, xksProxyVendor, ekmVendor, ekmFleetDetails }: Members): void {
  const managers = Array.isArray(ekmFleetDetails) ? (ekmFleetDetails as readonly Members[]) : []
  const states = managers.map((manager) => manager?.healthStatus)
  if (
    !Number.isInteger(xksProxyFleetSize) ||
    typeof xksProxyVendor !== 'string' ||
    typeof ekmVendor !== 'string' ||
    states.length === 0 ||
    !states.every((state) => managerStates.includes(state))
  )
    throw proxyFailed('InvalidResponse')
  if (states.every((state) => state === 'UNAVAILABLE')) throw proxyFailed('ManagerUnavailable')
}

function requireFit({ keySpec, keyUsage, keyStatus }: Members): void {
  if (typeof keySpec !== 'string' || !Array.isArray(keyUsage) || typeof keyStatus !== 'string')
    throw proxyFailed('InvalidResponse')
  const wants =
    keySpec !== 'AES_256'
      ? `is of spec ${keySpec.slice(0, 64)}, and must be AES_256`
      : !keyUsage.includes('ENCRYPT') || !keyUsage.includes('DECRYPT')
        ? 'must be for ENCRYPT and DECRYPT'
        : keyStatus !== 'ENABLED'
          ? 'is not enabled'
          : undefined
  if (wants !== undefined)
    throw problem('ExternalKeyUnfit', {
      message: `The external key ${wants}.`,
      mend: 'Mend it in its key manager, or name another one.',
    })
}

/**
 * The software device: key material sealed under the root key, opened in this process, and computed with by the OpenSSL
 * inside Node. Which kind of key computes what is told by one table, and by nothing else here.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { problem } from '../../domain/errors.ts'
import type { KeyVersion, MaterialBinding, SealedMaterial, WrappingKey } from '../../domain/key.ts'
import type { Device, ImportedMaterial, NewMaterial, Random, WrappingKeySpec } from '../../domain/ports.ts'
import { type Algorithm, algorithmsOf, type KeySpec, type KeyUsage, specs } from '../../domain/specs.ts'
import { aesAlgorithms } from './aes.ts'
import type { Algorithms, Material, OpenedKey } from './algorithms.ts'
import { frame } from './framing.ts'
import { checkKnownAnswers } from './known-answers.ts'
import { checkPairAnswers } from './known-answers-pairs.ts'
import { macAlgorithms } from './mac.ts'
import { Unsealed } from './material.ts'
import { encryptUnderPublicKey, pairAlgorithms } from './pairs.ts'
import { createPool, type Pool } from './pool.ts'
import type { RootKeys } from './root-keys.ts'
import { createSealing } from './sealing.ts'
import { algorithmMismatch } from './signable.ts'
import { sm4Algorithms } from './sm4.ts'
import { canWrap, unwrapMaterial } from './wrapping.ts'

export type SoftwareDevice = Device & {
  /**
   * The same material under the newest root key; undefined where it is under that one already, where there is none, and
   * where another device sealed it: its own root key is not rotated here.
   */
  reseal(version: KeyVersion): SealedMaterial | undefined
  resealWrappingKey(wrappingKey: WrappingKey): SealedMaterial | undefined
}

/** Threads start at first use; `close` ends them. */
export function createSoftwareDevice({
  rootKeys,
  random,
  pool = createPool(),
}: {
  readonly rootKeys: RootKeys
  readonly random: Random
  readonly pool?: Pool
}): SoftwareDevice {
  const table: Readonly<Record<KeySpec, Algorithms>> = {
    AES_256: aesAlgorithms(random),
    SM4: sm4Algorithms(random),
    ...macAlgorithms(random),
    ...pairAlgorithms(pool),
  }
  const sealing = createSealing('key material', { rootKeys, random })
  /** By the identity of the record: a record that was read anew, after a change, is opened anew. */
  const openedKeys = new WeakMap<KeyVersion, OpenedKey>()
  let closed = false

  function openedKey(version: KeyVersion): OpenedKey {
    if (closed) throw problem('DeviceUnavailable')
    const known = openedKeys.get(version)
    if (known !== undefined) return known
    const material = unseal(version)
    try {
      const opened = table[version.spec].open(material)
      openedKeys.set(version, opened)
      return opened
    } finally {
      material.wipe()
    }
  }

  /** The operation, once the key is known to have it and the algorithm to be one of its own. */
  function operation<O extends keyof OpenedKey>(version: KeyVersion, name: O, algorithm?: Algorithm) {
    const { usage, verb } = operations[name]
    const algorithms = algorithmsOf(version.spec, usage)
    if (algorithms.length === 0) throw specMismatch(version.spec, verb)
    if (algorithm !== undefined && !algorithms.includes(algorithm)) throw algorithmMismatch(algorithm, version.spec)
    const compute = openedKey(version)[name]
    if (compute === undefined) throw specMismatch(version.spec, verb)
    return compute as NonNullable<OpenedKey[O]>
  }

  function seal(purpose: readonly string[], material: Unsealed): SealedMaterial {
    return toText(material.use((bytes) => sealing.seal(purpose, bytes)))
  }

  function unseal(version: KeyVersion): Unsealed {
    // Only imported material goes away while its key stays (R50).
    if (version.sealed === undefined) throw problem('KeyPendingImport')
    return new Unsealed(sealing.open(ofKey(version), fromText(version.sealed)))
  }

  function sealAndWipe(purpose: readonly string[], { material, publicKey }: Material): NewMaterial {
    try {
      return { sealed: seal(purpose, material), ...(publicKey === undefined ? {} : { publicKey }) }
    } finally {
      material.wipe()
    }
  }

  function resealed(purpose: readonly string[], sealed: SealedMaterial): SealedMaterial | undefined {
    const bytes = fromText(sealed)
    const again = sealing.isOurs(bytes) ? sealing.reseal(purpose, bytes) : undefined
    return again === undefined ? undefined : toText(again)
  }

  /** Bound to account and key id, so that equal material of two keys does not show. Survives rotations of the root key. */
  function fingerprint({ account, keyId }: MaterialBinding, material: Unsealed): string {
    const key = rootKeys.deriveLasting(['fingerprint of imported material'])
    try {
      return material.use((bytes) => {
        const framed = frame([account, keyId, bytes])
        try {
          return createHmac('sha256', key).update(framed).digest('hex')
        } finally {
          framed.fill(0)
        }
      })
    } finally {
      key.fill(0)
    }
  }

  return {
    protection: 'SOFTWARE',
    supports: (spec, usage) => algorithmsOf(spec, usage).length > 0,

    async generate(binding) {
      if (closed) throw problem('DeviceUnavailable')
      return sealAndWipe(ofKey(binding), await table[binding.spec].generate())
    },

    envelopeAlgorithm(spec) {
      const { envelopeAlgorithm } = table[spec]
      if (envelopeAlgorithm === undefined) throw specMismatch(spec, operations.encrypt.verb)
      return envelopeAlgorithm
    },
    encrypt: async (version, plaintext, associatedData) => operation(version, 'encrypt')(plaintext, associatedData),
    decrypt: async (version, body, associatedData) => operation(version, 'decrypt')(body, associatedData),

    asymmetricEncrypt: async (version, algorithm, plaintext) =>
      operation(version, 'asymmetricEncrypt', algorithm)(algorithm, plaintext),
    asymmetricDecrypt: async (version, algorithm, ciphertext) =>
      operation(version, 'asymmetricDecrypt', algorithm)(algorithm, ciphertext),
    sign: async (version, algorithm, message, options) =>
      operation(version, 'sign', algorithm)(algorithm, message, options),
    verify: async (version, algorithm, message, signature, options) =>
      operation(version, 'verify', algorithm)(algorithm, message, signature, options),

    mac: async (version, algorithm, message) => operation(version, 'mac', algorithm)(message),
    async verifyMac(version, algorithm, message, mac) {
      const expected = operation(version, 'mac', algorithm)(message)
      return expected.length === mac.length && timingSafeEqual(expected, mac)
    },

    agree: async (version, peerPublicKey) => operation(version, 'agree')(peerPublicKey),
    encapsulate: async (version) => operation(version, 'encapsulate')(),
    decapsulate: async (version, ciphertext) => operation(version, 'decapsulate')(ciphertext),

    async generateKeyPair(spec) {
      if (closed) throw problem('DeviceUnavailable')
      if (specs[spec].family !== 'asymmetric') throw specMismatch(spec, 'be made as a key pair')
      const { material, publicKey } = await table[spec].generate()
      try {
        if (publicKey === undefined) throw new Error(`${spec} has no public key`)
        return { privateKey: material.use((bytes) => Uint8Array.from(bytes)), publicKey }
      } finally {
        material.wipe()
      }
    },

    async encryptFor(spec, publicKey, algorithm, plaintext) {
      if (closed) throw problem('DeviceUnavailable')
      return encryptUnderPublicKey(pool, spec, publicKey, algorithm, plaintext)
    },

    unwraps: canWrap,
    async generateWrappingKey(wrappingKeySpec, binding) {
      if (closed) throw problem('DeviceUnavailable')
      const { sealed, publicKey } = sealAndWipe(
        ofWrappingKey(wrappingKeySpec, binding),
        await table[wrappingKeySpec].generate(),
      )
      if (publicKey === undefined) throw new Error(`${wrappingKeySpec} has no public key`)
      return { sealed, publicKey }
    },

    async importMaterial(wrapped): Promise<ImportedMaterial> {
      if (closed) throw problem('DeviceUnavailable')
      const { wrappingKeySpec, wrappingAlgorithm, encryptedKeyMaterial, binding } = wrapped
      const purpose = ofWrappingKey(wrappingKeySpec, wrapped.wrappingKeyBinding)
      const wrappingKey = new Unsealed(sealing.open(purpose, fromText(wrapped.sealedWrappingKey)))
      let unwrapped: Unsealed
      try {
        const { spec } = binding
        unwrapped = await unwrapMaterial(pool, {
          spec,
          wrappingKeySpec,
          wrappingAlgorithm,
          wrappingKey,
          encryptedKeyMaterial,
        })
      } finally {
        wrappingKey.wipe()
      }
      const admitted = await table[binding.spec].admit(unwrapped)
      const tie = fingerprint(binding, admitted.material)
      return { ...sealAndWipe(ofKey(binding), admitted), fingerprint: tie }
    },

    async rebind(version, binding) {
      if (closed) throw problem('DeviceUnavailable')
      if (version.spec !== binding.spec)
        throw problem('KeySpecMismatch', { message: `Material of spec ${version.spec} is none of ${binding.spec}.` })
      return sealAndWipe(ofKey(binding), { material: unseal(version) }).sealed
    },

    reseal(version) {
      return version.sealed === undefined ? undefined : resealed(ofKey(version), version.sealed)
    },
    resealWrappingKey(wrappingKey) {
      return resealed(ofWrappingKey(wrappingKey.wrappingKeySpec, wrappingKey), wrappingKey.sealed)
    },

    async selfTest() {
      checkKnownAnswers(table)
      await checkPairAnswers(table)
    },
    healthy: () => !closed,
    async close() {
      closed = true
      await pool.close()
    },
  }
}

/** What each operation is for: the usage whose algorithms it takes, and how it reads in a refusal. */
const operations: Readonly<Record<keyof OpenedKey, { readonly usage: KeyUsage; readonly verb: string }>> = {
  encrypt: { usage: 'ENCRYPT_DECRYPT', verb: 'encrypt data with a symmetric key' },
  decrypt: { usage: 'ENCRYPT_DECRYPT', verb: 'decrypt data with a symmetric key' },
  asymmetricEncrypt: { usage: 'ENCRYPT_DECRYPT', verb: 'encrypt with a public key' },
  asymmetricDecrypt: { usage: 'ENCRYPT_DECRYPT', verb: 'decrypt with a private key' },
  sign: { usage: 'SIGN_VERIFY', verb: 'sign' },
  verify: { usage: 'SIGN_VERIFY', verb: 'verify signatures' },
  mac: { usage: 'GENERATE_VERIFY_MAC', verb: 'make MACs' },
  agree: { usage: 'KEY_AGREEMENT', verb: 'agree on a secret' },
  encapsulate: { usage: 'ENCAPSULATE_DECAPSULATE', verb: 'encapsulate' },
  decapsulate: { usage: 'ENCAPSULATE_DECAPSULATE', verb: 'decapsulate' },
}

function specMismatch(spec: KeySpec, verb: string): Error {
  return problem('KeySpecMismatch', { message: `A key of spec ${spec} cannot ${verb}.` })
}

/** The words that sealed material is bound to; the version's number, state and time may change, these never do. */
function ofKey({ account, region, keyId, versionId, spec }: MaterialBinding): readonly string[] {
  return ['key', account, region, keyId, versionId, spec]
}

/** Other first words: no wrapping key opens as a key of the same spec and name, nor the other way round. */
function ofWrappingKey(wrappingKeySpec: WrappingKeySpec, binding: MaterialBinding): readonly string[] {
  return ['wrapping key', wrappingKeySpec, ...ofKey(binding)]
}

function toText(bytes: Uint8Array): SealedMaterial {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64') as SealedMaterial
}

function fromText(sealed: SealedMaterial): Uint8Array {
  return Buffer.from(sealed, 'base64')
}

/**
 * The hardware protection level: a device whose keys never leave a PKCS#11 token. This process holds sealed text, names of
 * open keys, and public keys; everything with a secret in it happens in the token, which the agent speaks to.
 */
import { createPublicKey, type KeyObject, publicEncrypt, timingSafeEqual } from 'node:crypto'
import { problem } from '../../domain/errors.ts'
import type { KeyVersion, MaterialBinding, SealedMaterial } from '../../domain/key.ts'
import type { Device, Random, Signable, WrappingKeySpec } from '../../domain/ports.ts'
import {
  type Algorithm,
  algorithmsOf,
  type EncryptionAlgorithm,
  type KeySpec,
  type KeyUsage,
  keyUsages,
  type SigningAlgorithm,
  specs,
} from '../../domain/specs.ts'
import { type CurveSpec, curvePoint, invalidPeer } from '../software/curve-point.ts'
import { algorithmMismatch, digestOf, messageTypeMismatch } from '../software/signable.ts'
import type { AgentProcess } from './agent-process.ts'
import type { Capabilities } from './capabilities.ts'
import { joinFields } from './frames.ts'
import { type CachedKey, keyCache } from './key-cache.ts'
import { generatePlainKeyPair } from './key-pair.ts'
import { hashBytes, oaepHashes, signings } from './mechanisms.ts'
import { nonces } from './nonces.ts'

/** AES-256-GCM computed by a hardware security module, with a nonce of 96 bits (docs/ciphertext.md). */
export const hsmEnvelopeAlgorithm = 3

export type Pkcs11Device = Device & {
  readonly protection: 'HSM'
  /** What the token showed that it can do, at the start. */
  readonly capabilities: Capabilities
  /** Process id of the agent; undefined while none runs. */
  agentProcessId(): number | undefined
  /** How many keys are open in the token. */
  openKeys(): number
}

export function pkcs11Device({
  agent,
  capabilities,
  random,
  capacity,
}: {
  readonly agent: AgentProcess
  readonly capabilities: Capabilities
  readonly random: Random
  /** How many keys are open in the token at once. */
  readonly capacity: number
}): Pkcs11Device {
  const nextNonce = nonces(random)
  let closed = false
  const cache = keyCache({
    capacity,
    generation: () => agent.generation(),
    async open(version) {
      const fields = [Buffer.from(version.spec), ofKey(version), fromText(sealedOf(version))]
      const [name, publicKey] = await agent.call('open', ...fields)
      if (name === undefined || publicKey === undefined) throw new Error('the HSM agent left something out')
      return {
        name,
        generation: agent.generation(),
        publicKey: publicKey.length === 0 ? undefined : readPublicKey(publicKey),
      }
    },
    close({ name, generation }) {
      // With the agent that opened it, the key is gone already.
      if (generation === agent.generation()) agent.call('close', name).catch(() => {})
    },
  })

  /** The work with the key open in the token, once both can do the algorithm. */
  function using<T>(
    version: KeyVersion,
    operation: keyof typeof operations,
    algorithm: Algorithm | undefined,
    work: (key: CachedKey) => Promise<T>,
  ): Promise<T> {
    const { usage, verb } = operations[operation]
    const all = algorithmsOf(version.spec, usage)
    if (all.length === 0 || (specs[version.spec].family === 'symmetric') !== isSymmetric(operation))
      throw specMismatch(version.spec, verb)
    const wanted = algorithm ?? (all[0] as Algorithm)
    if (!all.includes(wanted)) throw algorithmMismatch(wanted, version.spec)
    if (!supports(version.spec, usage)) throw beyondToken(version.spec, verb)
    return cache.use(version, work)
  }

  /** Every algorithm of the usage, since a key promises them all: SoftHSM, which has OAEP with SHA-1 only, encrypts with no RSA key. */
  function supports(spec: KeySpec, usage: KeyUsage): boolean {
    const promised = algorithmsOf(spec, usage)
    return promised.length > 0 && promised.every((each) => capabilities.algorithms[spec]?.includes(each) === true)
  }

  async function one(calling: Promise<readonly Buffer[]>): Promise<Uint8Array> {
    const [result] = await calling
    if (result === undefined) throw new Error('the HSM agent left something out')
    // A copy: the field is a part of a frame that holds others' answers too.
    return Uint8Array.from(result)
  }

  const device: Pkcs11Device = {
    protection: 'HSM',
    capabilities,
    supports,

    async generate(binding) {
      if (!keyUsages.some((usage) => supports(binding.spec, usage))) throw beyondToken(binding.spec, 'make keys')
      const [sealed, publicKey] = await agent.call('generate', Buffer.from(binding.spec), ofKey(binding), nextNonce())
      if (sealed === undefined || publicKey === undefined) throw new Error('the HSM agent left something out')
      return { sealed: toText(sealed), ...(publicKey.length === 0 ? {} : { publicKey: Uint8Array.from(publicKey) }) }
    },

    envelopeAlgorithm(spec) {
      if (spec !== 'AES_256') throw specMismatch(spec, operations.encrypt.verb)
      return hsmEnvelopeAlgorithm
    },
    encrypt: async (version, plaintext, associatedData) =>
      using(version, 'encrypt', undefined, ({ name }) =>
        one(agent.call('encrypt', name, nextNonce(), associatedData, plaintext)),
      ),
    decrypt: async (version, body, associatedData) =>
      using(version, 'decrypt', undefined, ({ name }) => one(agent.call('decrypt', name, associatedData, body))),

    // In this process, with the public key that was sealed with the private one: it is no secret.
    asymmetricEncrypt: async (version, algorithm, plaintext) =>
      using(version, 'asymmetricEncrypt', algorithm, async ({ publicKey }) =>
        encryptOaep(publicKey as KeyObject, version.spec, algorithm, plaintext),
      ),
    asymmetricDecrypt: async (version, algorithm, ciphertext) =>
      using(version, 'asymmetricDecrypt', algorithm, ({ name, publicKey }) => {
        if (ciphertext.length !== modulusBytes(publicKey as KeyObject)) throw problem('InvalidCiphertext')
        return one(agent.call('rsaDecrypt', name, Buffer.from(algorithm), ciphertext))
      }),

    async sign(version, algorithm, message) {
      return using(version, 'sign', algorithm, ({ name }) =>
        one(agent.call('sign', name, Buffer.from(algorithm), tokenInput(algorithm, message))),
      )
    },
    async verify(version, algorithm, message, signature) {
      return using(version, 'verify', algorithm, async ({ name }) => {
        const input = tokenInput(algorithm, message)
        const [verified] = await agent.call('verify', name, Buffer.from(algorithm), input, signature)
        return verified?.[0] === 1
      })
    },

    mac: async (version, algorithm, message) =>
      using(version, 'mac', algorithm, ({ name }) => one(agent.call('mac', name, Buffer.from(algorithm), message))),
    async verifyMac(version, algorithm, message, mac) {
      const expected = await device.mac(version, algorithm, message)
      return expected.length === mac.length && timingSafeEqual(expected, mac)
    },

    agree: async (version, peerPublicKey) =>
      using(version, 'agree', undefined, ({ name }) => {
        // One form of a key and no other, as at the software level; whether the point is on the curve is looked at there.
        const { spec } = version
        if (curvePoint(spec as CurveSpec, peerPublicKey) === undefined) throw invalidPeer(spec as CurveSpec)
        return one(agent.call('agree', name, peerPublicKey))
      }),
    // No token of PKCS#11 v3.1 or older has ML-KEM, and so no key of it is ever made here.
    encapsulate: async (version) => using(version, 'encapsulate', undefined, neverReached),
    decapsulate: async (version) => using(version, 'decapsulate', undefined, neverReached),
    async generateKeyPair(spec) {
      if (closed) throw problem('DeviceUnavailable')
      return generatePlainKeyPair(spec)
    },

    // Imported material is unwrapped by the token into a key of its own: whether that works is tried with AES_256.
    unwraps: (spec, wrappingKeySpec, algorithm) =>
      spec === 'AES_256' &&
      capabilities.algorithms[wrappingKeySpec] !== undefined &&
      capabilities.imports.includes(algorithm),
    async generateWrappingKey(wrappingKeySpec, binding) {
      if (!capabilities.imports.some((algorithm) => device.unwraps('AES_256', wrappingKeySpec, algorithm)))
        throw problem('UnsupportedOperation', {
          message: `This hardware security module does not unwrap key material with ${wrappingKeySpec} keys.`,
          mend: 'Import into a key of protection level SOFTWARE, or choose an RSA wrapping key.',
        })
      const fields = [Buffer.from(wrappingKeySpec), ofWrappingKey(wrappingKeySpec, binding), nextNonce()]
      const [sealed, publicKey] = await agent.call('generateWrappingKey', ...fields)
      if (sealed === undefined || publicKey === undefined) throw new Error('the HSM agent left something out')
      return { sealed: toText(sealed), publicKey: Uint8Array.from(publicKey) }
    },

    async importMaterial(wrapped) {
      const { wrappingKeySpec, wrappingAlgorithm, binding } = wrapped
      if (!capabilities.imports.includes(wrappingAlgorithm))
        throw problem('UnsupportedOperation', {
          message: `This hardware security module does not import material wrapped with ${wrappingAlgorithm}.`,
          mend: `Get import parameters for one of: ${capabilities.imports.join(', ')}.`,
        })
      const [sealed, fingerprint] = await agent.call(
        'importMaterial',
        Buffer.from(wrappingKeySpec),
        ofWrappingKey(wrappingKeySpec, wrapped.wrappingKeyBinding),
        fromText(wrapped.sealedWrappingKey),
        Buffer.from(wrappingAlgorithm),
        wrapped.encryptedKeyMaterial,
        Buffer.from(binding.spec),
        ofKey(binding),
        nextNonce(),
        // Not the version: the same material is the same in whatever version it comes again.
        words(['fingerprint', binding.account, binding.keyId]),
      )
      if (sealed === undefined || fingerprint === undefined) throw new Error('the HSM agent left something out')
      return { sealed: toText(sealed), fingerprint: fingerprint.toString('utf8') }
    },

    async rebind(version, binding) {
      if (version.spec !== binding.spec)
        throw problem('KeySpecMismatch', { message: `Material of spec ${version.spec} is none of ${binding.spec}.` })
      const fields = [ofKey(version), fromText(sealedOf(version)), ofKey(binding), nextNonce()]
      const [sealed] = await agent.call('rebind', ...fields)
      if (sealed === undefined) throw new Error('the HSM agent left something out')
      return toText(sealed)
    },

    /** Everything that was tried at the start is tried again: the token must be able to do all of it still. */
    async selfTest() {
      const [answer] = await agent.call('selfTest')
      const now = JSON.parse(answer?.toString('utf8') ?? '{}') as Capabilities
      for (const [spec, algorithms] of Object.entries(capabilities.algorithms)) {
        const lost = algorithms.filter((algorithm) => now.algorithms[spec as KeySpec]?.includes(algorithm) !== true)
        if (lost.length > 0) throw new Error(`the HSM no longer computes ${lost.join(', ')} with ${spec} keys`)
      }
      const lost = capabilities.imports.filter((algorithm) => !now.imports.includes(algorithm))
      if (lost.length > 0) throw new Error(`the HSM no longer imports what is wrapped with ${lost.join(', ')}`)
    },
    healthy: () => agent.healthy(),
    agentProcessId: () => agent.processId(),
    openKeys: () => cache.size(),
    close() {
      closed = true
      return agent.close()
    },
  }
  return device
}

/** What each operation is for, and how it reads in a refusal. */
const operations = {
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
} as const satisfies Record<string, { readonly usage: KeyUsage; readonly verb: string }>

function isSymmetric(operation: keyof typeof operations): boolean {
  return operation === 'encrypt' || operation === 'decrypt'
}

function specMismatch(spec: KeySpec, verb: string): Error {
  return problem('KeySpecMismatch', { message: `A key of spec ${spec} cannot ${verb}.` })
}

function beyondToken(spec: KeySpec, verb: string): Error {
  return problem('KeySpecMismatch', {
    message: `This hardware security module cannot ${verb} of spec ${spec}.`,
    mend: 'Choose another key spec, or a key of protection level SOFTWARE.',
  })
}

function neverReached(): Promise<never> {
  return Promise.reject(new Error('a token computed with a key that it cannot have made'))
}

/** What the token signs: the digest, made here where the caller gave the message; Ed25519 takes the message itself. */
function tokenInput(algorithm: SigningAlgorithm, message: Signable): Uint8Array {
  const hash = signings[algorithm]?.hash
  if (hash !== undefined) return digestOf(message, algorithm, hash)
  if (message.type !== 'RAW') throw messageTypeMismatch(algorithm, message.type, 'RAW')
  return message.message
}

function readPublicKey(spki: Buffer): KeyObject {
  return createPublicKey({ key: spki, format: 'der', type: 'spki' })
}

function modulusBytes(key: KeyObject): number {
  return (key.asymmetricKeyDetails?.modulusLength ?? 0) / 8
}

/** RFC 8017, 7.1.1: the longest message is shorter than the modulus by two hashes and two bytes. */
function encryptOaep(key: KeyObject, spec: KeySpec, algorithm: EncryptionAlgorithm, plaintext: Uint8Array): Uint8Array {
  const oaepHash = oaepHashes[algorithm]
  if (oaepHash === undefined) throw algorithmMismatch(algorithm, spec)
  const most = modulusBytes(key) - 2 * hashBytes(oaepHash) - 2
  if (plaintext.length > most)
    throw problem('InvalidRequest', {
      message: `${algorithm} with ${spec} takes at most ${most} bytes, but the plaintext has ${plaintext.length}.`,
      mend: 'Encrypt the data under a data key, and the data key under this key.',
      member: 'plaintext',
    })
  return Uint8Array.from(publicEncrypt({ key, oaepHash }, plaintext))
}

function sealedOf(version: KeyVersion): SealedMaterial {
  // Only imported material goes away while its key stays (R50).
  if (version.sealed === undefined) throw problem('KeyPendingImport')
  return version.sealed
}

/** The words that sealed material is bound to; the version's number, state and time may change, these never do. */
function ofKey({ account, region, keyId, versionId, spec }: MaterialBinding): Buffer {
  return words(['key', account, region, keyId, versionId, spec])
}

/** Other first words: no wrapping key opens as a key of the same spec and name, nor the other way round. */
function ofWrappingKey(wrappingKeySpec: WrappingKeySpec, binding: MaterialBinding): Buffer {
  const { account, region, keyId, versionId, spec } = binding
  return words(['wrapping key', wrappingKeySpec, account, region, keyId, versionId, spec])
}

function words(all: readonly string[]): Buffer {
  return joinFields(all.map((word) => Buffer.from(word, 'utf8')))
}

function toText(bytes: Buffer): SealedMaterial {
  return bytes.toString('base64') as SealedMaterial
}

function fromText(sealed: SealedMaterial): Buffer {
  return Buffer.from(sealed, 'base64')
}

/**
 * What the software device must know of a kind of key. The device dispatches through one table of these, keyed by spec
 * (`Record<KeySpec, Algorithms>`); it has no other way to tell kinds apart.
 */
import type { Signable, SignOptions } from '../../domain/ports.ts'
import type { EncryptionAlgorithm, SigningAlgorithm } from '../../domain/specs.ts'
import type { Unsealed } from './material.ts'

/** Whoever gets it wipes the material. */
export type Material = {
  readonly material: Unsealed
  /** Key pairs only: DER SubjectPublicKeyInfo. */
  readonly publicKey?: Uint8Array
}

export type Algorithms = {
  /** The number in the header of an envelope; symmetric keys only. */
  readonly envelopeAlgorithm?: number
  generate(): Promise<Material>
  /**
   * Material of ours, ready to compute with. Called once per key version and cached with it. The material is wiped
   * after the call: what is kept is a KeyObject. Material that is not of the spec is a Problem `Internal`.
   */
  open(material: Unsealed): OpenedKey
  /**
   * Material of others, once it is found to be sound and of the spec, in the one encoding that `open` takes: the same
   * key is the same bytes. Takes the material over. Throws a Problem `InvalidKeyMaterial` that says the mend.
   */
  admit(material: Unsealed): Promise<Material>
}

/**
 * A key that computes; a member that is absent is an operation that the spec does not have. The device has checked that
 * the algorithm is one of the spec's (domain/specs.ts). Everything else that can be wrong with the input is a Problem.
 * What takes longer than some 50 microseconds leaves the event loop.
 */
export type OpenedKey = {
  /** Draws the nonce. */
  readonly encrypt?: (plaintext: Uint8Array, associatedData: Uint8Array) => Uint8Array
  /** Throws `InvalidCiphertext`, always with the same words. */
  readonly decrypt?: (body: Uint8Array, associatedData: Uint8Array) => Uint8Array
  readonly mac?: (message: Uint8Array) => Uint8Array
  readonly asymmetricEncrypt?: (algorithm: EncryptionAlgorithm, plaintext: Uint8Array) => Promise<Uint8Array>
  readonly asymmetricDecrypt?: (algorithm: EncryptionAlgorithm, ciphertext: Uint8Array) => Promise<Uint8Array>
  readonly sign?: (algorithm: SigningAlgorithm, message: Signable, options?: SignOptions) => Promise<Uint8Array>
  readonly verify?: (
    algorithm: SigningAlgorithm,
    message: Signable,
    signature: Uint8Array,
    options?: SignOptions,
  ) => Promise<boolean>
  readonly agree?: (peerPublicKey: Uint8Array) => Promise<Uint8Array>
  readonly encapsulate?: () => Promise<{ readonly ciphertext: Uint8Array; readonly sharedSecret: Uint8Array }>
  readonly decapsulate?: (ciphertext: Uint8Array) => Promise<Uint8Array>
}

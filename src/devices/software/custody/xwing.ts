/**
 * X-Wing (draft-connolly-cfrg-xwing-kem, with a proof in https://eprint.iacr.org/2024/039): a key encapsulation out of
 * ML-KEM-768 (FIPS 203) and X25519 (RFC 7748). What it encapsulates stays secret as long as either of the two holds.
 * The private key is a seed of 32 bytes.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  decapsulate,
  diffieHellman,
  encapsulate,
  type KeyObject,
} from 'node:crypto'
import type { Random } from '../../../domain/ports.ts'
import { drawSecret } from '../draw.ts'

export const xwingSeedBytes = 32
export const xwingPublicKeyBytes = 1216
export const xwingCiphertextBytes = 1120

const mlKemSeedBytes = 64
const mlKemPublicKeyBytes = 1184
const mlKemCiphertextBytes = 1088
const x25519Bytes = 32
/** The six characters of the draft's little drawing: \.//^\ */
const label = Buffer.from('5c2e2f2f5e5c', 'hex')

export type XwingKey = {
  /** 1,216 bytes. */
  readonly publicKey: Uint8Array
  /** 32 bytes. Of an altered ciphertext come other 32 bytes (implicit rejection); undefined where it is malformed. */
  decapsulate(ciphertext: Uint8Array): Uint8Array | undefined
}

/** The caller wipes the seed. */
export function openXwing(seed: Uint8Array): XwingKey {
  if (seed.length !== xwingSeedBytes) throw new Error(`an X-Wing seed has ${xwingSeedBytes} bytes`)
  const expanded = createHash('shake256', { outputLength: mlKemSeedBytes + x25519Bytes })
    .update(seed)
    .digest()
  const mlKem = createPrivateKey({
    key: expanded.subarray(0, mlKemSeedBytes),
    format: 'raw-seed',
    asymmetricKeyType: 'ml-kem-768',
  })
  const x25519 = x25519Key(expanded.subarray(mlKemSeedBytes))
  expanded.fill(0)
  const publicKey = Buffer.concat([rawPublicKey(mlKem), rawPublicKey(x25519)])
  return {
    publicKey,
    decapsulate(ciphertext) {
      if (ciphertext.length !== xwingCiphertextBytes) return undefined
      const mlKemCiphertext = ciphertext.subarray(0, mlKemCiphertextBytes)
      const ephemeral = ciphertext.subarray(mlKemCiphertextBytes)
      try {
        const mlKemSecret = decapsulate(mlKem, mlKemCiphertext)
        const x25519Secret = agree(x25519, ephemeral)
        return combine(mlKemSecret, x25519Secret, ephemeral, publicKey.subarray(mlKemPublicKeyBytes))
      } catch {
        // A point of small order: OpenSSL refuses the all-zero secret (RFC 7748, 6.1).
        return undefined
      }
    },
  }
}

/** A secret of 32 bytes that only the holder of the private key gets out of the ciphertext. */
export function encapsulateXwing(
  publicKey: Uint8Array,
  random: Random,
): { readonly ciphertext: Uint8Array; readonly sharedSecret: Uint8Array } {
  if (publicKey.length !== xwingPublicKeyBytes) throw new Error(`an X-Wing public key has ${xwingPublicKeyBytes} bytes`)
  const x25519PublicKey = publicKey.subarray(mlKemPublicKeyBytes)
  // ML-KEM's own coins come from OpenSSL: node:crypto takes no others.
  const { ciphertext, sharedKey } = encapsulate(
    createPublicKey({
      key: Buffer.from(publicKey.subarray(0, mlKemPublicKeyBytes)),
      format: 'raw-public',
      asymmetricKeyType: 'ml-kem-768',
    }),
  )
  const ephemeralKey = x25519Key(Buffer.from(drawSecret(random, x25519Bytes).buffer))
  const ephemeral = rawPublicKey(ephemeralKey)
  const sharedSecret = combine(sharedKey, agree(ephemeralKey, x25519PublicKey), ephemeral, x25519PublicKey)
  return { ciphertext: Buffer.concat([ciphertext, ephemeral]), sharedSecret }
}

/** The combiner of the draft: SHA3-256. Wipes the two secrets. */
function combine(
  mlKemSecret: Uint8Array,
  x25519Secret: Uint8Array,
  ephemeral: Uint8Array,
  x25519PublicKey: Uint8Array,
): Uint8Array {
  const combined = createHash('sha3-256')
    .update(mlKemSecret)
    .update(x25519Secret)
    .update(ephemeral)
    .update(x25519PublicKey)
    .update(label)
    .digest()
  mlKemSecret.fill(0)
  x25519Secret.fill(0)
  return combined
}

function x25519Key(scalar: Buffer): KeyObject {
  const key = createPrivateKey({ key: scalar, format: 'raw-private', asymmetricKeyType: 'x25519' })
  scalar.fill(0)
  return key
}

function agree(privateKey: KeyObject, peer: Uint8Array): Uint8Array {
  const publicKey = createPublicKey({ key: Buffer.from(peer), format: 'raw-public', asymmetricKeyType: 'x25519' })
  return diffieHellman({ privateKey, publicKey })
}

function rawPublicKey(privateKey: KeyObject): Uint8Array {
  return createPublicKey(privateKey).export({ format: 'raw-public' })
}

/** The rows of key pairs in the device's table: what each spec computes with, bound to the pool that it computes on. */
import type { WrappingKeySpec } from '../../domain/key.ts'
import type { EncryptionAlgorithm } from '../../domain/specs.ts'
import type { Algorithms, OpenedKey } from './algorithms.ts'
import { agreeEc, signEc, verifyEc } from './ec.ts'
import { signEd25519, verifyEd25519 } from './ed25519.ts'
import { generatePair, type KeyPair, openForeignPair, openPair, openPublicHalf, type PairSpec } from './key-pair.ts'
import type { Pool } from './pool.ts'
import { decapsulateMlKem, encapsulateMlKem, signMlDsa, verifyMlDsa } from './pqc.ts'
import { decryptRsa, encryptRsa, signRsa, verifyRsa } from './rsa.ts'
import { agreeSm2, decryptSm2, encryptSm2, signSm2, verifySm2 } from './sm2.ts'

type Compute = (pool: Pool, pair: KeyPair) => OpenedKey

const rsa: Compute = (pool, pair) => ({
  asymmetricEncrypt: (algorithm, plaintext) => encryptRsa(pair, algorithm, plaintext),
  asymmetricDecrypt: (algorithm, ciphertext) => decryptRsa(pool, pair, algorithm, ciphertext),
  sign: (algorithm, message) => signRsa(pool, pair, algorithm, message),
  verify: (algorithm, message, signature) => verifyRsa(pool, pair, algorithm, message, signature),
})

const ecdsa: Compute = (pool, pair) => ({
  sign: (algorithm, message) => signEc(pool, pair, algorithm, message),
  verify: (algorithm, message, signature) => verifyEc(pool, pair, algorithm, message, signature),
})

const ec: Compute = (pool, pair) => ({
  ...ecdsa(pool, pair),
  agree: (peerPublicKey) => agreeEc(pool, pair, peerPublicKey),
})

const ed25519: Compute = (pool, pair) => ({
  sign: (algorithm, message) => signEd25519(pool, pair, algorithm, message),
  verify: (algorithm, message, signature) => verifyEd25519(pool, pair, algorithm, message, signature),
})

const sm2: Compute = (pool, pair) => ({
  asymmetricEncrypt: (algorithm, plaintext) => encryptSm2(pool, pair, algorithm, plaintext),
  asymmetricDecrypt: (algorithm, ciphertext) => decryptSm2(pool, pair, algorithm, ciphertext),
  sign: (algorithm, message, options) => signSm2(pool, pair, algorithm, message, options),
  verify: (algorithm, message, signature, options) => verifySm2(pool, pair, algorithm, message, signature, options),
  agree: (peerPublicKey) => agreeSm2(pool, pair, peerPublicKey),
})

const mlDsa: Compute = (pool, pair) => ({
  sign: (algorithm, message) => signMlDsa(pool, pair, algorithm, message),
  verify: (algorithm, message, signature) => verifyMlDsa(pool, pair, algorithm, message, signature),
})

const mlKem: Compute = (_pool, pair) => ({
  encapsulate: () => encapsulateMlKem(pair),
  decapsulate: (ciphertext) => decapsulateMlKem(pair, ciphertext),
})

const computes: Readonly<Record<PairSpec, Compute>> = {
  RSA_2048: rsa,
  RSA_3072: rsa,
  RSA_4096: rsa,
  EC_P256: ec,
  EC_P384: ec,
  EC_P521: ec,
  EC_SECP256K1: ecdsa,
  ED25519: ed25519,
  SM2: sm2,
  ML_DSA_44: mlDsa,
  ML_DSA_65: mlDsa,
  ML_DSA_87: mlDsa,
  ML_KEM_512: mlKem,
  ML_KEM_768: mlKem,
  ML_KEM_1024: mlKem,
}

/** Under somebody else's public key: a data key for export. `InvalidPublicKey` where it is not of the spec. */
export async function encryptUnderPublicKey(
  pool: Pool,
  spec: WrappingKeySpec,
  publicKey: Uint8Array,
  algorithm: EncryptionAlgorithm,
  plaintext: Uint8Array,
): Promise<Uint8Array> {
  const half = openPublicHalf(spec, publicKey)
  return spec === 'SM2' ? encryptSm2(pool, half, algorithm, plaintext) : encryptRsa(half, algorithm, plaintext)
}

export function pairAlgorithms(pool: Pool): Readonly<Record<PairSpec, Algorithms>> {
  const rows = Object.entries(computes).map(([spec, compute]) => [spec, row(pool, spec as PairSpec, compute)])
  return Object.fromEntries(rows)
}

function row(pool: Pool, spec: PairSpec, compute: Compute): Algorithms {
  return {
    generate: () => generatePair(pool, spec),
    open: (material) => compute(pool, openPair(spec, material)),
    async admit(material) {
      try {
        const pair = await openForeignPair(pool, spec, material)
        return { material: pair.exportPrivateKey(), publicKey: pair.exportPublicKey() }
      } finally {
        material.wipe()
      }
    },
  }
}

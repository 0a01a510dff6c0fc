/** The vectors of wycheproof for key pairs, run against the functions that the software device computes with. */
import { hash } from 'node:crypto'
import { after } from 'node:test'
import { agreeEc, verifyEc } from '../../src/devices/software/ec.ts'
import { verifyEd25519 } from '../../src/devices/software/ed25519.ts'
import {
  type EcSpec,
  type KeyPair,
  openPair,
  openPublicHalf,
  type PairSpec,
  type PublicHalf,
} from '../../src/devices/software/key-pair.ts'
import { openKw, openKwp } from '../../src/devices/software/key-wrap.ts'
import { Unsealed } from '../../src/devices/software/material.ts'
import { createPool } from '../../src/devices/software/pool.ts'
import { decapsulateMlKem, verifyMlDsa } from '../../src/devices/software/pqc.ts'
import { decryptRsa, verifyRsa } from '../../src/devices/software/rsa.ts'
import { Problem, type ProblemCode } from '../../src/domain/errors.ts'
import type { Signable } from '../../src/domain/ports.ts'
import type { EncryptionAlgorithm, SigningAlgorithm } from '../../src/domain/specs.ts'
import { fromHex, type Vector, type Verdict, wycheproof } from './wycheproof.ts'

const pool = createPool({ threads: 2 })
after(() => pool.close())

// --------------------------------------------------------------------------------------------------------- signatures

type Signed = Vector & { readonly msg: string; readonly sig: string }
type Signers = { readonly publicKeyDer: string }
type Check = (key: PublicHalf, message: Signable, signature: Uint8Array) => Promise<boolean>

const halves = new Map<string, PublicHalf>()

/** Opened once for its many vectors. */
function halfOf(spec: PairSpec, publicKeyDer: string): PublicHalf {
  const known = halves.get(publicKeyDer) ?? openPublicHalf(spec, fromHex(publicKeyDer))
  halves.set(publicKeyDer, known)
  return known
}

/** Every vector as the message itself, and again as its digest: a digest must be signed as it is given. */
function signatures(file: string, spec: PairSpec, digest: string, atLeast: number, check: Check): void {
  for (const type of ['RAW', 'DIGEST'] as const) {
    wycheproof<Signers, Signed>(file, {
      name: `wycheproof: ${file}, ${type}`,
      atLeast,
      async answer({ publicKeyDer }, { msg, sig }) {
        const message = fromHex(msg)
        const signable: Signable =
          type === 'RAW' ? { type, message } : { type, digest: hash(digest, message, 'buffer') }
        return accepts(await check(halfOf(spec, publicKeyDer), signable, fromHex(sig)))
      },
    })
  }
}

function accepts(valid: boolean): Verdict {
  return valid ? 'accepted' : 'refused'
}

function rsaSignatures(file: string, spec: PairSpec, digest: string, algorithm: SigningAlgorithm): void {
  signatures(file, spec, digest, 100, (key, message, signature) => verifyRsa(pool, key, algorithm, message, signature))
}

rsaSignatures('rsa_pss_2048_sha256_mgf1_32_test.json', 'RSA_2048', 'sha256', 'RSASSA_PSS_SHA_256')
rsaSignatures('rsa_pss_3072_sha256_mgf1_32_test.json', 'RSA_3072', 'sha256', 'RSASSA_PSS_SHA_256')
rsaSignatures('rsa_pss_4096_sha512_mgf1_64_test.json', 'RSA_4096', 'sha512', 'RSASSA_PSS_SHA_512')
rsaSignatures('rsa_signature_2048_sha256_test.json', 'RSA_2048', 'sha256', 'RSASSA_PKCS1_V1_5_SHA_256')
rsaSignatures('rsa_signature_3072_sha256_test.json', 'RSA_3072', 'sha256', 'RSASSA_PKCS1_V1_5_SHA_256')
rsaSignatures('rsa_signature_4096_sha512_test.json', 'RSA_4096', 'sha512', 'RSASSA_PKCS1_V1_5_SHA_512')

function ecSignatures(file: string, spec: EcSpec, digest: string, algorithm: SigningAlgorithm): void {
  signatures(file, spec, digest, 450, (key, message, signature) => verifyEc(pool, key, algorithm, message, signature))
}

ecSignatures('ecdsa_secp256r1_sha256_test.json', 'EC_P256', 'sha256', 'ECDSA_SHA_256')
ecSignatures('ecdsa_secp384r1_sha384_test.json', 'EC_P384', 'sha384', 'ECDSA_SHA_384')
ecSignatures('ecdsa_secp521r1_sha512_test.json', 'EC_P521', 'sha512', 'ECDSA_SHA_512')
ecSignatures('ecdsa_secp256k1_sha256_test.json', 'EC_SECP256K1', 'sha256', 'ECDSA_SHA_256')

wycheproof<Signers, Signed>('ed25519_test.json', {
  atLeast: 150,
  async answer({ publicKeyDer }, { msg, sig }) {
    const message = { type: 'RAW', message: fromHex(msg) } as const
    return accepts(await verifyEd25519(pool, halfOf('ED25519', publicKeyDer), 'ED25519_SHA_512', message, fromHex(sig)))
  },
})

for (const [file, spec] of [
  ['mldsa_44_verify_test.json', 'ML_DSA_44'],
  ['mldsa_65_verify_test.json', 'ML_DSA_65'],
] as const) {
  wycheproof<Signers, Signed & { readonly ctx?: string }>(file, {
    atLeast: 150,
    async answer({ publicKeyDer }, { msg, sig, ctx }) {
      // The service signs with an empty context only.
      if (ctx) return undefined
      const key = refusal(() => halfOf(spec, publicKeyDer), 'InvalidPublicKey')
      if (key === 'refused') return key
      const message = { type: 'RAW', message: fromHex(msg) } as const
      return accepts(await verifyMlDsa(pool, key, 'ML_DSA_SHAKE_256', message, fromHex(sig)))
    },
  })
}

/** What it gives, or `refused` where it throws the Problem of this code; anything else fails the test. */
function refusal<T>(attempt: () => T, code: ProblemCode): T | 'refused' {
  try {
    return attempt()
  } catch (error) {
    if (error instanceof Problem && error.code === code) return 'refused'
    throw error
  }
}

async function laterRefusal<T>(attempt: () => Promise<T>, code: ProblemCode): Promise<T | 'refused'> {
  try {
    return await attempt()
  } catch (error) {
    return refusal(() => {
      throw error
    }, code)
  }
}

// --------------------------------------------------------------------------------------- encryption and encapsulation

const pairs = new Map<string, KeyPair>()

function pairOf(spec: PairSpec, pkcs8: string): KeyPair {
  const known = pairs.get(pkcs8) ?? openPair(spec, new Unsealed(fromHex(pkcs8)))
  pairs.set(pkcs8, known)
  return known
}

function gives(found: Uint8Array | 'refused', expected: string): Verdict {
  return found !== 'refused' && Buffer.from(found).equals(fromHex(expected)) ? 'accepted' : 'refused'
}

type Encrypted = Vector & { readonly msg: string; readonly ct: string; readonly label: string }

function oaep(file: string, spec: PairSpec, algorithm: EncryptionAlgorithm): void {
  wycheproof<{ readonly privateKeyPkcs8: string }, Encrypted>(file, {
    atLeast: 28,
    async answer({ privateKeyPkcs8 }, { msg, ct, label }) {
      // The service has no labels.
      if (label !== '') return undefined
      const pair = pairOf(spec, privateKeyPkcs8)
      return gives(await laterRefusal(() => decryptRsa(pool, pair, algorithm, fromHex(ct)), 'InvalidCiphertext'), msg)
    },
  })
}

oaep('rsa_oaep_2048_sha1_mgf1sha1_test.json', 'RSA_2048', 'RSAES_OAEP_SHA_1')
oaep('rsa_oaep_2048_sha256_mgf1sha256_test.json', 'RSA_2048', 'RSAES_OAEP_SHA_256')
oaep('rsa_oaep_3072_sha256_mgf1sha256_test.json', 'RSA_3072', 'RSAES_OAEP_SHA_256')
oaep('rsa_oaep_4096_sha256_mgf1sha256_test.json', 'RSA_4096', 'RSAES_OAEP_SHA_256')

type Encapsulated = Vector & { readonly seed: string; readonly c: string; readonly K: string }

/** PKCS#8 of ML-KEM-768 with the seed alone (RFC 9935), up to the seed. */
const mlKem768Head = '3054020100300b0609608648016503040402044280' + '40'

wycheproof<object, Encapsulated>('mlkem_768_test.json', {
  atLeast: 150,
  async answer(_group, { seed, c, K }) {
    if (seed.length !== 128) return undefined
    const pair = pairOf('ML_KEM_768', mlKem768Head + seed)
    return gives(await laterRefusal(() => decapsulateMlKem(pair, fromHex(c)), 'InvalidCiphertext'), K)
  },
})

// ------------------------------------------------------------------------------------------------------ key agreement

type Agreed = Vector & { readonly public: string; readonly private: string; readonly shared: string }

/** SEC 1 and PKCS#8 around a scalar of 32 bytes; the public half is derived from it. */
const p256Head = '3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420'

wycheproof<object, Agreed>('ecdh_secp256r1_test.json', {
  atLeast: 600,
  async answer(_group, { public: peer, private: scalar, shared }) {
    const pair = pairOf('EC_P256', p256Head + BigInt(`0x${scalar}`).toString(16).padStart(64, '0'))
    return gives(await laterRefusal(() => agreeEc(pool, pair, fromHex(peer)), 'InvalidPublicKey'), shared)
  },
})

// ----------------------------------------------------------------------------------------------------------- key wrap

type KeyWrapped = Vector & { readonly key: string; readonly msg: string; readonly ct: string }

wycheproof<object, KeyWrapped>('aes_kwp_test.json', {
  atLeast: 254,
  answer: (_group, { key, msg, ct }) => gives(openKwp(fromHex(key), fromHex(ct)) ?? 'refused', msg),
})

wycheproof<object, KeyWrapped>('aes_wrap_test.json', {
  atLeast: 165,
  answer: (_group, { key, msg, ct }) => gives(openKw(fromHex(key), fromHex(ct)) ?? 'refused', msg),
})

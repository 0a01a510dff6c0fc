/** AWS's names for what we name otherwise. Names that are the same on both sides stand in the tables too: they are total. */
import type { KeyOrigin } from '../../domain/key.ts'
import type { KeySpec } from '../../domain/specs.ts'

/** Specs that AWS does not have keep our name: whoever made such a key elsewhere sees what it is. */
const specWords: Readonly<Record<KeySpec, string>> = {
  AES_256: 'SYMMETRIC_DEFAULT',
  SM4: 'SM4',
  RSA_2048: 'RSA_2048',
  RSA_3072: 'RSA_3072',
  RSA_4096: 'RSA_4096',
  EC_P256: 'ECC_NIST_P256',
  EC_P384: 'ECC_NIST_P384',
  EC_P521: 'ECC_NIST_P521',
  EC_SECP256K1: 'ECC_SECG_P256K1',
  ED25519: 'ECC_NIST_EDWARDS25519',
  SM2: 'SM2',
  HMAC_SHA_224: 'HMAC_224',
  HMAC_SHA_256: 'HMAC_256',
  HMAC_SHA_384: 'HMAC_384',
  HMAC_SHA_512: 'HMAC_512',
  HMAC_SM3: 'HMAC_SM3',
  ML_DSA_44: 'ML_DSA_44',
  ML_DSA_65: 'ML_DSA_65',
  ML_DSA_87: 'ML_DSA_87',
  ML_KEM_512: 'ML_KEM_512',
  ML_KEM_768: 'ML_KEM_768',
  ML_KEM_1024: 'ML_KEM_1024',
}

const specsByWord = new Map(Object.entries(specWords).map(([spec, word]) => [word, spec as KeySpec] as const))

/** The word for a key spec; what is none is left as it is. */
export function specWord(spec: unknown): string {
  return specWords[spec as KeySpec] ?? String(spec)
}

/** The validation has seen to it that the word is one of AWS's. */
export function specOf(word: unknown): KeySpec {
  const spec = specsByWord.get(word as string)
  if (spec === undefined) throw new Error(`no key spec is called ${String(word)}`)
  return spec
}

const originWords: Readonly<Record<KeyOrigin, string>> = {
  KEYWARD: 'AWS_KMS',
  EXTERNAL: 'EXTERNAL',
  EXTERNAL_KEY_STORE: 'EXTERNAL_KEY_STORE',
}

export function originWord(origin: unknown): string {
  return originWords[origin as KeyOrigin] ?? String(origin)
}

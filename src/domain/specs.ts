/** The one table of facts about kinds of keys. Nothing else in the project switches on a key spec. */

export type KeySpec =
  | 'AES_256'
  | 'SM4'
  | 'RSA_2048'
  | 'RSA_3072'
  | 'RSA_4096'
  | 'EC_P256'
  | 'EC_P384'
  | 'EC_P521'
  | 'EC_SECP256K1'
  | 'ED25519'
  | 'SM2'
  | 'HMAC_SHA_224'
  | 'HMAC_SHA_256'
  | 'HMAC_SHA_384'
  | 'HMAC_SHA_512'
  | 'HMAC_SM3'
  | 'ML_DSA_44'
  | 'ML_DSA_65'
  | 'ML_DSA_87'
  | 'ML_KEM_512'
  | 'ML_KEM_768'
  | 'ML_KEM_1024'

export type KeyUsage =
  | 'ENCRYPT_DECRYPT'
  | 'SIGN_VERIFY'
  | 'GENERATE_VERIFY_MAC'
  | 'KEY_AGREEMENT'
  | 'ENCAPSULATE_DECAPSULATE'

export type EncryptionAlgorithm = 'SYMMETRIC_DEFAULT' | 'RSAES_OAEP_SHA_1' | 'RSAES_OAEP_SHA_256' | 'SM2PKE'
export type SigningAlgorithm =
  | 'RSASSA_PSS_SHA_256'
  | 'RSASSA_PSS_SHA_384'
  | 'RSASSA_PSS_SHA_512'
  | 'RSASSA_PKCS1_V1_5_SHA_256'
  | 'RSASSA_PKCS1_V1_5_SHA_384'
  | 'RSASSA_PKCS1_V1_5_SHA_512'
  | 'ECDSA_SHA_256'
  | 'ECDSA_SHA_384'
  | 'ECDSA_SHA_512'
  | 'ED25519_SHA_512'
  | 'ED25519_PH_SHA_512'
  | 'SM2DSA'
  | 'ML_DSA_SHAKE_256'
export type MacAlgorithm = 'HMAC_SHA_224' | 'HMAC_SHA_256' | 'HMAC_SHA_384' | 'HMAC_SHA_512' | 'HMAC_SM3'
export type KeyAgreementAlgorithm = 'ECDH'
export type EncapsulationAlgorithm = 'ML_KEM'
export type Algorithm =
  | EncryptionAlgorithm
  | SigningAlgorithm
  | MacAlgorithm
  | KeyAgreementAlgorithm
  | EncapsulationAlgorithm

export type Family = 'symmetric' | 'mac' | 'asymmetric'

export type SpecFacts = {
  readonly family: Family
  /** Length of the raw material in bytes, where it is a plain string of bytes; undefined for key pairs (PKCS#8). */
  readonly materialBytes?: number
  /** The usages a key of this spec may be created for, the default first, each with its algorithms, the default first. */
  readonly usages: Partial<Record<KeyUsage, readonly Algorithm[]>>
  /** Reading 7 and R34: may the service rotate it by itself? Only symmetric keys have a primary version. */
  readonly rotates: boolean
}

const rsa: SpecFacts = {
  family: 'asymmetric',
  usages: {
    ENCRYPT_DECRYPT: ['RSAES_OAEP_SHA_256', 'RSAES_OAEP_SHA_1'],
    SIGN_VERIFY: [
      'RSASSA_PSS_SHA_256',
      'RSASSA_PSS_SHA_384',
      'RSASSA_PSS_SHA_512',
      'RSASSA_PKCS1_V1_5_SHA_256',
      'RSASSA_PKCS1_V1_5_SHA_384',
      'RSASSA_PKCS1_V1_5_SHA_512',
    ],
  },
  rotates: false,
}
const curve = (signing: Algorithm, agrees: boolean): SpecFacts => ({
  family: 'asymmetric',
  usages: { SIGN_VERIFY: [signing], ...(agrees ? { KEY_AGREEMENT: ['ECDH'] } : {}) },
  rotates: false,
})
const mac = (algorithm: MacAlgorithm, materialBytes: number): SpecFacts => ({
  family: 'mac',
  materialBytes,
  usages: { GENERATE_VERIFY_MAC: [algorithm] },
  rotates: false,
})
const mldsa: SpecFacts = { family: 'asymmetric', usages: { SIGN_VERIFY: ['ML_DSA_SHAKE_256'] }, rotates: false }
const mlkem: SpecFacts = { family: 'asymmetric', usages: { ENCAPSULATE_DECAPSULATE: ['ML_KEM'] }, rotates: false }

export const specs: Readonly<Record<KeySpec, SpecFacts>> = {
  AES_256: {
    family: 'symmetric',
    materialBytes: 32,
    usages: { ENCRYPT_DECRYPT: ['SYMMETRIC_DEFAULT'] },
    rotates: true,
  },
  SM4: { family: 'symmetric', materialBytes: 16, usages: { ENCRYPT_DECRYPT: ['SYMMETRIC_DEFAULT'] }, rotates: true },
  RSA_2048: rsa,
  RSA_3072: rsa,
  RSA_4096: rsa,
  EC_P256: curve('ECDSA_SHA_256', true),
  EC_P384: curve('ECDSA_SHA_384', true),
  EC_P521: curve('ECDSA_SHA_512', true),
  EC_SECP256K1: curve('ECDSA_SHA_256', false),
  ED25519: {
    family: 'asymmetric',
    usages: { SIGN_VERIFY: ['ED25519_SHA_512', 'ED25519_PH_SHA_512'] },
    rotates: false,
  },
  SM2: {
    family: 'asymmetric',
    usages: { ENCRYPT_DECRYPT: ['SM2PKE'], SIGN_VERIFY: ['SM2DSA'], KEY_AGREEMENT: ['ECDH'] },
    rotates: false,
  },
  HMAC_SHA_224: mac('HMAC_SHA_224', 28),
  HMAC_SHA_256: mac('HMAC_SHA_256', 32),
  HMAC_SHA_384: mac('HMAC_SHA_384', 48),
  HMAC_SHA_512: mac('HMAC_SHA_512', 64),
  HMAC_SM3: mac('HMAC_SM3', 32),
  ML_DSA_44: mldsa,
  ML_DSA_65: mldsa,
  ML_DSA_87: mldsa,
  ML_KEM_512: mlkem,
  ML_KEM_768: mlkem,
  ML_KEM_1024: mlkem,
}

export const keySpecs = Object.keys(specs) as readonly KeySpec[]
export const keyUsages: readonly KeyUsage[] = [
  'ENCRYPT_DECRYPT',
  'SIGN_VERIFY',
  'GENERATE_VERIFY_MAC',
  'KEY_AGREEMENT',
  'ENCAPSULATE_DECAPSULATE',
]

/** The usage a key of this spec gets when the caller names none. */
export function defaultUsage(spec: KeySpec): KeyUsage {
  return Object.keys(specs[spec].usages)[0] as KeyUsage
}

/** What a key of this spec and usage can compute; empty where the pair does not exist. */
export function algorithmsOf(spec: KeySpec, usage: KeyUsage): readonly Algorithm[] {
  return specs[spec].usages[usage] ?? []
}

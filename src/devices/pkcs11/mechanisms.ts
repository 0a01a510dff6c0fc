/**
 * What our algorithms are in PKCS#11 (v2.40 and v3.0, OASIS). Numbers of CKM_, CKK_ and CKG_ names; those the vendors
 * disagree about are in vendors.ts. A spec or an algorithm that is not in these tables no token computes for us.
 */
import type { EncryptionAlgorithm, KeySpec, MacAlgorithm, SigningAlgorithm } from '../../domain/specs.ts'

export const CKM_RSA_PKCS_KEY_PAIR_GEN = 0x0
const CKM_RSA_PKCS = 0x1
const CKM_RSA_PKCS_OAEP = 0x9
const CKM_RSA_PKCS_PSS = 0xd
export const CKM_EC_KEY_PAIR_GEN = 0x1040
const CKM_ECDSA = 0x1041
export const CKM_ECDH1_DERIVE = 0x1050
export const CKM_EC_EDWARDS_KEY_PAIR_GEN = 0x1055
const CKM_EDDSA = 0x1057
export const CKM_AES_KEY_GEN = 0x1080
export const CKM_AES_GCM = 0x1087
export const CKM_GENERIC_SECRET_KEY_GEN = 0x350
export const CKM_SHA256_HMAC = 0x251

export const CKK_RSA = 0x0
export const CKK_EC = 0x3
export const CKK_GENERIC_SECRET = 0x10
export const CKK_AES = 0x1f
export const CKK_EC_EDWARDS = 0x40

/** How a key of a spec is made and held in a token. */
export type TokenKey =
  | { readonly kind: 'aes'; readonly bytes: number }
  | { readonly kind: 'hmac'; readonly bytes: number }
  | { readonly kind: 'rsa'; readonly bits: number }
  | {
      readonly kind: 'ec' | 'edwards'
      /** CKA_EC_PARAMS: the DER object identifier of the curve. */
      readonly parameters: Buffer
      /** Of a coordinate (SEC 1); for Edwards curves, of the encoded point (RFC 8032). */
      readonly fieldBytes: number
      /** The `crv` of a JWK (RFC 7518, RFC 8037, RFC 8812). */
      readonly curve: string
    }

const elliptic = (kind: 'ec' | 'edwards', oid: string, fieldBytes: number, curve: string): TokenKey => ({
  kind,
  parameters: Buffer.from(oid, 'hex'),
  fieldBytes,
  curve,
})

export const tokenKeys: Readonly<Partial<Record<KeySpec, TokenKey>>> = {
  AES_256: { kind: 'aes', bytes: 32 },
  RSA_2048: { kind: 'rsa', bits: 2048 },
  RSA_3072: { kind: 'rsa', bits: 3072 },
  RSA_4096: { kind: 'rsa', bits: 4096 },
  EC_P256: elliptic('ec', '06082a8648ce3d030107', 32, 'P-256'),
  EC_P384: elliptic('ec', '06052b81040022', 48, 'P-384'),
  EC_P521: elliptic('ec', '06052b81040023', 66, 'P-521'),
  EC_SECP256K1: elliptic('ec', '06052b8104000a', 32, 'secp256k1'),
  ED25519: elliptic('edwards', '06032b6570', 32, 'Ed25519'),
  HMAC_SHA_224: { kind: 'hmac', bytes: 28 },
  HMAC_SHA_256: { kind: 'hmac', bytes: 32 },
  HMAC_SHA_384: { kind: 'hmac', bytes: 48 },
  HMAC_SHA_512: { kind: 'hmac', bytes: 64 },
}

type Hash = {
  readonly mechanism: number
  readonly mgf: number
  readonly bytes: number
  /** The DER DigestInfo up to the digest (RFC 8017, section 9.2, note 1). */
  readonly digestInfo: Buffer
}
const hash = (mechanism: number, mgf: number, bytes: number, digestInfo: string): Hash => ({
  mechanism,
  mgf,
  bytes,
  digestInfo: Buffer.from(digestInfo, 'hex'),
})
const hashes = {
  sha1: hash(0x220, 1, 20, '3021300906052b0e03021a05000414'),
  sha256: hash(0x250, 2, 32, '3031300d060960864801650304020105000420'),
  sha384: hash(0x260, 3, 48, '3041300d060960864801650304020205000430'),
  sha512: hash(0x270, 4, 64, '3051300d060960864801650304020305000440'),
} as const

export function hashBytes(name: keyof typeof hashes): number {
  return hashes[name].bytes
}

/** Ready for `C_SignInit` and the like: a mechanism, and its parameters as pkcs11js takes them. */
export type MechanismCall = {
  readonly mechanism: number
  readonly parameter?: { readonly type: number; readonly [member: string]: unknown }
}

// The members of pkcs11js' own table: which structure the parameters are.
const CK_PARAMS_AES_GCM = 3
const CK_PARAMS_RSA_OAEP = 4
const CK_PARAMS_RSA_PSS = 5
const CK_PARAMS_EC_DH = 6
const CK_PARAMS_AES_GCM_v240 = 7

export type Signing = {
  /** Hashed by the service before it is signed; undefined where the token takes the message itself. */
  readonly hash: 'sha256' | 'sha384' | 'sha512' | undefined
  readonly mechanism: MechanismCall
  /** What the token is given: the digest, or the digest in a DigestInfo. */
  readonly prefix?: Buffer
  readonly kind: 'rsa' | 'ec' | 'edwards'
  readonly pss?: true
}

const pss = (name: 'sha256' | 'sha384' | 'sha512'): Signing => ({
  hash: name,
  kind: 'rsa',
  pss: true,
  mechanism: {
    mechanism: CKM_RSA_PKCS_PSS,
    // The salt is as long as the hash, as both clouds have it.
    parameter: {
      type: CK_PARAMS_RSA_PSS,
      hashAlg: hashes[name].mechanism,
      mgf: hashes[name].mgf,
      saltLen: hashes[name].bytes,
    },
  },
})
const pkcs1 = (name: 'sha256' | 'sha384' | 'sha512'): Signing => ({
  hash: name,
  kind: 'rsa',
  mechanism: { mechanism: CKM_RSA_PKCS },
  prefix: hashes[name].digestInfo,
})
const ecdsa = (name: 'sha256' | 'sha384' | 'sha512'): Signing => ({
  hash: name,
  kind: 'ec',
  mechanism: { mechanism: CKM_ECDSA },
})

export const signings: Readonly<Partial<Record<SigningAlgorithm, Signing>>> = {
  RSASSA_PSS_SHA_256: pss('sha256'),
  RSASSA_PSS_SHA_384: pss('sha384'),
  RSASSA_PSS_SHA_512: pss('sha512'),
  RSASSA_PKCS1_V1_5_SHA_256: pkcs1('sha256'),
  RSASSA_PKCS1_V1_5_SHA_384: pkcs1('sha384'),
  RSASSA_PKCS1_V1_5_SHA_512: pkcs1('sha512'),
  ECDSA_SHA_256: ecdsa('sha256'),
  ECDSA_SHA_384: ecdsa('sha384'),
  ECDSA_SHA_512: ecdsa('sha512'),
  ED25519_SHA_512: { hash: undefined, kind: 'edwards', mechanism: { mechanism: CKM_EDDSA } },
}

export const macMechanisms: Readonly<
  Partial<Record<MacAlgorithm, { mechanism: number; hash: string; bytes: number }>>
> = {
  HMAC_SHA_224: { mechanism: 0x256, hash: 'sha224', bytes: 28 },
  HMAC_SHA_256: { mechanism: CKM_SHA256_HMAC, hash: 'sha256', bytes: 32 },
  HMAC_SHA_384: { mechanism: 0x261, hash: 'sha384', bytes: 48 },
  HMAC_SHA_512: { mechanism: 0x271, hash: 'sha512', bytes: 64 },
}

/** RSAES-OAEP: hash and MGF1 with the same one, no label. */
export const oaepHashes: Readonly<Partial<Record<EncryptionAlgorithm, 'sha1' | 'sha256'>>> = {
  RSAES_OAEP_SHA_1: 'sha1',
  RSAES_OAEP_SHA_256: 'sha256',
}

/** CKZ_DATA_SPECIFIED: the label is given, and empty. */
const labelGiven = 1

export function oaep(name: 'sha1' | 'sha256'): MechanismCall {
  const { mechanism, mgf } = hashes[name]
  return {
    mechanism: CKM_RSA_PKCS_OAEP,
    parameter: { type: CK_PARAMS_RSA_OAEP, hashAlg: mechanism, mgf, source: labelGiven },
  }
}

/** RFC 5116: 96 bits of nonce, 128 bits of tag. */
export const gcmNonceBytes = 12
export const gcmTagBytes = 16

export function aesGcm(
  parameters: 'without-iv-bits' | 'with-iv-bits',
  nonce: Buffer,
  associatedData: Buffer,
): MechanismCall {
  const parameter: Record<string, unknown> & { type: number } =
    parameters === 'with-iv-bits'
      ? { type: CK_PARAMS_AES_GCM_v240, iv: nonce, ivBits: nonce.length * 8, tagBits: gcmTagBytes * 8 }
      : { type: CK_PARAMS_AES_GCM, iv: nonce, tagBits: gcmTagBytes * 8 }
  // Some modules take no empty piece of associated data, but all take none.
  if (associatedData.length > 0) parameter.aad = associatedData
  return { mechanism: CKM_AES_GCM, parameter }
}

/** CKD_NULL: the shared secret itself, the x-coordinate. */
const noDerivation = 1

export function ecdh(peerPoint: Buffer): MechanismCall {
  return {
    mechanism: CKM_ECDH1_DERIVE,
    parameter: { type: CK_PARAMS_EC_DH, kdf: noDerivation, publicData: peerPoint },
  }
}

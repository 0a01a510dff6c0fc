/**
 * The words of this cloud for what the core calls otherwise. Both ways from one table, so that a word never means two
 * things. A spec that this cloud does not have keeps our name: its keys are seen here too, made through another face.
 */
import type { KeyOrigin } from '../../domain/key.ts'
import type { Algorithm, KeySpec, KeyUsage } from '../../domain/specs.ts'
import { dayMs, type Instant } from '../../domain/time.ts'

export const keySpecWords: Readonly<Record<KeySpec, string>> = {
  AES_256: 'Aliyun_AES_256',
  SM4: 'Aliyun_SM4',
  RSA_2048: 'RSA_2048',
  RSA_3072: 'RSA_3072',
  RSA_4096: 'RSA_4096',
  EC_P256: 'EC_P256',
  EC_P384: 'EC_P384',
  EC_P521: 'EC_P521',
  EC_SECP256K1: 'EC_P256K',
  ED25519: 'ED25519',
  SM2: 'EC_SM2',
  HMAC_SHA_224: 'HMAC_SHA_224',
  HMAC_SHA_256: 'HMAC_SHA_256',
  HMAC_SHA_384: 'HMAC_SHA_384',
  HMAC_SHA_512: 'HMAC_SHA_512',
  HMAC_SM3: 'HMAC_SM3',
  ML_DSA_44: 'ML_DSA_44',
  ML_DSA_65: 'ML_DSA_65',
  ML_DSA_87: 'ML_DSA_87',
  ML_KEM_512: 'ML_KEM_512',
  ML_KEM_768: 'ML_KEM_768',
  ML_KEM_1024: 'ML_KEM_1024',
}

export const keyUsageWords: Readonly<Record<KeyUsage, string>> = {
  ENCRYPT_DECRYPT: 'ENCRYPT/DECRYPT',
  SIGN_VERIFY: 'SIGN/VERIFY',
  GENERATE_VERIFY_MAC: 'GENERATE/VERIFY_MAC',
  KEY_AGREEMENT: 'KEY_AGREEMENT',
  ENCAPSULATE_DECAPSULATE: 'ENCAPSULATE/DECAPSULATE',
}

export const originWords: Readonly<Record<KeyOrigin, string>> = {
  KEYWARD: 'Aliyun_KMS',
  EXTERNAL: 'EXTERNAL',
  EXTERNAL_KEY_STORE: 'EXTERNAL_KEY_STORE',
}

/** Only those that differ; the others have one name everywhere. */
const algorithmWords: Partial<Readonly<Record<Algorithm, string>>> = {
  RSASSA_PSS_SHA_256: 'RSA_PSS_SHA_256',
  RSASSA_PSS_SHA_384: 'RSA_PSS_SHA_384',
  RSASSA_PSS_SHA_512: 'RSA_PSS_SHA_512',
  RSASSA_PKCS1_V1_5_SHA_256: 'RSA_PKCS1_SHA_256',
  RSASSA_PKCS1_V1_5_SHA_384: 'RSA_PKCS1_SHA_384',
  RSASSA_PKCS1_V1_5_SHA_512: 'RSA_PKCS1_SHA_512',
}

export const wrappingKeySpecWords = {
  RSA_2048: 'RSA_2048',
  RSA_3072: 'RSA_3072',
  RSA_4096: 'RSA_4096',
  SM2: 'EC_SM2',
} as const

/** From a word to our name; undefined for a word there is not. Our own name is no word where the cloud has its own. */
export function reader<Name extends string>(words: Readonly<Record<Name, string>>): (word: string) => Name | undefined {
  const names = new Map(Object.entries(words).map(([name, word]) => [word as string, name as Name]))
  return (word) => names.get(word)
}

export function algorithmWord(name: string): string {
  return algorithmWords[name as Algorithm] ?? name
}

const algorithmNames = new Map(Object.entries(algorithmWords).map(([name, word]) => [word, name]))

/** Whether there is such an algorithm is for the operation to say. */
export function algorithmName(word: string): string {
  return algorithmNames.get(word) ?? word
}

const units: Readonly<Record<string, number>> = { d: dayMs, h: 3_600_000, m: 60_000, s: 1000 }

/** `7d`, `168h`, `10080m` or `604800s` to whole days; undefined where it is none of these, or no whole number of days. */
export function daysOfInterval(text: string): number | undefined {
  const match = /^([1-9][0-9]{0,8})([dhms])$/.exec(text)
  if (match === null) return undefined
  const days = (Number(match[1]) * (units[match[2] as string] as number)) / dayMs
  return Number.isInteger(days) ? days : undefined
}

export function intervalOfDays(days: number): string {
  return `${(days * dayMs) / 1000}s`
}

/** `2026-01-31T08:00:00Z`: without milliseconds. */
export function instantWord(at: Instant): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`
}

/** `acs:kms:<region>:<account>:key/<id>`, or `.../alias/<name>`. */
export function acsArn(scope: { readonly region: string; readonly account: string }, resource: string): string {
  return `acs:kms:${scope.region}:${scope.account}:${resource}`
}

/** The resource names of the core say the same in AWS's form. */
export function acsArnOf(arn: string): string {
  return arn.replace(/^arn:aws:kms:/, 'acs:kms:')
}

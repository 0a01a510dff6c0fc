/**
 * The root key of the hardware level: three secret keys that are made in the token and never leave it, each for one use.
 * They share a label, and the first 16 bytes of their CKA_ID: that index is all that is stored of them (R32).
 */
import type { Handle } from 'pkcs11js'
import { type Attributes, CKO_SECRET_KEY, type Cryptoki, template } from './cryptoki.ts'
import { Misconfigured } from './faults.ts'
import { CKK_AES, CKK_GENERIC_SECRET, CKM_AES_KEY_GEN, CKM_GENERIC_SECRET_KEY_GEN } from './mechanisms.ts'
import type { RootKeyIndex } from './start.ts'
import { keyWrap } from './vendors.ts'

export type RootKey = {
  /** AES-256: wraps key material, and nothing else. */
  readonly wrapping: Handle
  /** AES-256: seals what was wrapped together with what it belongs to. */
  readonly sealing: Handle
  /** HMAC-SHA-256: fingerprints of imported material. */
  readonly fingerprint: Handle
}

/** Of each key the last byte of its CKA_ID, and what it may do. */
const parts = {
  wrapping: { number: 1, keyType: CKK_AES, mechanism: CKM_AES_KEY_GEN, uses: { wrap: true, unwrap: true } },
  sealing: { number: 2, keyType: CKK_AES, mechanism: CKM_AES_KEY_GEN, uses: { encrypt: true, decrypt: true } },
  fingerprint: {
    number: 3,
    keyType: CKK_GENERIC_SECRET,
    mechanism: CKM_GENERIC_SECRET_KEY_GEN,
    uses: { sign: true, verify: true },
  },
} as const
type Part = keyof typeof parts
const partNames = Object.keys(parts) as readonly Part[]

/** Of a secret key that stays in the token. No use that is not named is allowed: PKCS#11 leaves the defaults to the token. */
export const forEver = {
  token: true,
  private: true,
  sensitive: true,
  extractable: false,
  modifiable: false,
  encrypt: false,
  decrypt: false,
  wrap: false,
  unwrap: false,
  sign: false,
  verify: false,
  derive: false,
} as const

export function findRootKey(token: Cryptoki, index: RootKeyIndex): RootKey {
  const [wrapping, sealing, fingerprint] = partNames.map((part) => findPart(token, index, part))
  if (wrapping === undefined || sealing === undefined || fingerprint === undefined)
    throw new Misconfigured(
      `the token '${token.tokenName}' holds no root key with the label '${index.label}' and the id ${index.id}`,
    )
  for (const part of [wrapping, sealing, fingerprint]) requireConfined(token, part, 'root key')
  return { wrapping, sealing, fingerprint }
}

export async function createRootKey(token: Cryptoki, index: RootKeyIndex): Promise<void> {
  keyWrap(token.vendor)
  if (partNames.some((part) => findPart(token, index, part) !== undefined))
    throw new Misconfigured(`the token '${token.tokenName}' holds a root key at this index already`)
  const made: Handle[] = []
  try {
    for (const part of partNames) {
      const { mechanism, uses } = parts[part]
      const attributes = {
        ...identity(index, part),
        valueLength: 32,
        ...forEver,
        ...uses,
      }
      made.push(await token.generateKey({ mechanism }, template(attributes)))
    }
  } catch (error) {
    for (const object of made) token.destroy(object)
    throw error
  }
}

function findPart(token: Cryptoki, index: RootKeyIndex, part: Part): Handle | undefined {
  const [found, another] = token.find(identity(index, part))
  if (another !== undefined)
    throw new Misconfigured(`the token '${token.tokenName}' holds more than one root key at this index`)
  return found
}

function identity(index: RootKeyIndex, part: Part): Attributes {
  const { number, keyType } = parts[part]
  const id = Buffer.concat([Buffer.from(index.id, 'hex'), Buffer.of(number)])
  return { class: CKO_SECRET_KEY, keyType, label: index.label, id }
}

/** A root key that could be read, or could ever have been, is none: somebody may hold a copy. */
export function requireConfined(token: Cryptoki, object: Handle, what: string): void {
  const [sensitive, extractable, never] = token.read(object, ['sensitive', 'extractable', 'neverExtractable'])
  if (sensitive?.[0] !== 1 || extractable?.[0] !== 0 || never?.[0] !== 1)
    throw new Misconfigured(`the ${what} in the token '${token.tokenName}' is or was extractable`)
}

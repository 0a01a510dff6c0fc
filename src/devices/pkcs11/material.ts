/** Key material in the token: made there, wrapped under the root key, and unwrapped again. */
import { createPublicKey, type KeyObject } from 'node:crypto'
import type { Handle } from 'pkcs11js'
import {
  type Attributes,
  CKO_PRIVATE_KEY,
  CKO_PUBLIC_KEY,
  CKO_SECRET_KEY,
  type Cryptoki,
  template,
} from './cryptoki.ts'
import {
  CKK_AES,
  CKK_EC,
  CKK_EC_EDWARDS,
  CKK_GENERIC_SECRET,
  CKK_RSA,
  CKM_AES_KEY_GEN,
  CKM_EC_EDWARDS_KEY_PAIR_GEN,
  CKM_EC_KEY_PAIR_GEN,
  CKM_GENERIC_SECRET_KEY_GEN,
  CKM_RSA_PKCS_KEY_PAIR_GEN,
  type MechanismCall,
  type TokenKey,
} from './mechanisms.ts'
import { ecPublicKey, edwardsPublicKey, pointOf, rsaPublicKey, spkiOf } from './public-key.ts'
import type { Hsm, WrappedMaterial } from './sealing.ts'
import { keyWrap } from './vendors.ts'

/** What a key is opened for. Wrapping keys unwrap, and do nothing else. */
export type Purpose = 'key' | 'wrappingKey'

/** Material in the token. */
export type OpenKey = {
  readonly key: TokenKey
  readonly object: Handle
  readonly publicKey: KeyObject | undefined
  /** The public half as an object in the token: made when something is first verified. */
  publicObject?: Handle
}

/** Session objects only: nothing but the root key stays in a token. Sensitive, always: no value is ever read. */
export const confined = { token: false, private: true, sensitive: true } as const

export async function generateMaterial(hsm: Hsm, key: TokenKey, purpose: Purpose): Promise<WrappedMaterial> {
  const { token } = hsm
  // Extractable until it is wrapped: PKCS#11 calls so what a wrapping key may take out, and only in wrapped form.
  const attributes = { ...confined, extractable: true, ...usesOf(key, purpose) }
  if (key.kind === 'aes' || key.kind === 'hmac') {
    const mechanism = key.kind === 'aes' ? CKM_AES_KEY_GEN : CKM_GENERIC_SECRET_KEY_GEN
    const secret = template({ ...attributes, ...kindOf(key), valueLength: key.bytes })
    return wrapAndForget(hsm, await token.generateKey(plain(mechanism), secret), undefined)
  }
  const pair = await token.generateKeyPair(
    plain(pairMechanisms[key.kind]),
    template({ token: false, private: false, verify: true, ...publicAttributes(key) }),
    template(attributes),
  )
  const publicKey = spkiOf(readPublicKey(token, pair.publicKey, key))
  token.destroy(pair.publicKey)
  return wrapAndForget(hsm, pair.privateKey, publicKey)
}

export async function wrapAndForget(
  { token, root }: Hsm,
  object: Handle,
  publicKey: Buffer | undefined,
): Promise<WrappedMaterial> {
  try {
    const wrapped = await token.wrap(plain(keyWrap(token.vendor)), root.wrapping, object)
    return { wrapped: Buffer.from(wrapped), publicKey }
  } finally {
    token.destroy(object)
  }
}

export async function unwrapMaterial(
  { token, root }: Hsm,
  key: TokenKey,
  purpose: Purpose,
  { wrapped, publicKey }: WrappedMaterial,
): Promise<OpenKey> {
  const opened = publicKey === undefined ? undefined : createPublicKey({ key: publicKey, format: 'der', type: 'spki' })
  const attributes = template({ ...confined, extractable: false, ...kindOf(key), ...usesOf(key, purpose) })
  if (key.kind === 'ec' && opened !== undefined) {
    const value = pointOf(opened, key.curve, key.fieldBytes) as Buffer
    for (const type of token.vendor.ecPointAttributes) attributes.push({ type, value })
  }
  const object = await token.unwrap(plain(keyWrap(token.vendor)), root.wrapping, wrapped, attributes)
  return { key, object, publicKey: opened }
}

export const plain = (mechanism: number): MechanismCall => ({ mechanism })

const pairMechanisms = {
  rsa: CKM_RSA_PKCS_KEY_PAIR_GEN,
  ec: CKM_EC_KEY_PAIR_GEN,
  edwards: CKM_EC_EDWARDS_KEY_PAIR_GEN,
} as const

const keyTypes = { aes: CKK_AES, hmac: CKK_GENERIC_SECRET, rsa: CKK_RSA, ec: CKK_EC, edwards: CKK_EC_EDWARDS } as const

export function kindOf(key: TokenKey): Attributes {
  const secret = key.kind === 'aes' || key.kind === 'hmac'
  return { class: secret ? CKO_SECRET_KEY : CKO_PRIVATE_KEY, keyType: keyTypes[key.kind] }
}

/** The least that a key of this kind needs: what it may not do, nobody can make it do. */
export function usesOf(key: TokenKey, purpose: Purpose): Attributes {
  if (purpose === 'wrappingKey') return { unwrap: true, decrypt: false, sign: false }
  switch (key.kind) {
    case 'aes':
      return { encrypt: true, decrypt: true, wrap: false, unwrap: false, derive: false }
    case 'hmac':
      return { sign: true, verify: true, derive: false }
    case 'rsa':
      return { sign: true, decrypt: true, unwrap: false }
    case 'ec':
      return { sign: true, derive: true }
    default:
      return { sign: true, derive: false }
  }
}

function publicAttributes(key: TokenKey): Attributes {
  if (key.kind === 'rsa') return { modulusBits: key.bits, publicExponent: Buffer.of(1, 0, 1), encrypt: true }
  if (key.kind === 'ec' || key.kind === 'edwards') return { ecParameters: key.parameters }
  return {}
}

/** Public keys come from outside, so they can be put into a token as values. */
export function publicObjectOf({ token }: Hsm, open: OpenKey): Handle {
  if (open.publicObject !== undefined) return open.publicObject
  const { key, publicKey } = open
  if (publicKey === undefined) throw new Error(`a key of kind ${key.kind} has no public half`)
  const attributes = { token: false, private: false, verify: true, class: CKO_PUBLIC_KEY, keyType: keyTypes[key.kind] }
  open.publicObject = token.create(template({ ...attributes, ...publicValues(key, publicKey) }))
  return open.publicObject
}

function publicValues(key: TokenKey, publicKey: KeyObject): Attributes {
  const jwk = publicKey.export({ format: 'jwk' })
  if (key.kind === 'rsa')
    return {
      modulus: Buffer.from(jwk.n as string, 'base64url'),
      publicExponent: Buffer.from(jwk.e as string, 'base64url'),
    }
  if (key.kind === 'edwards')
    return { ecParameters: key.parameters, ecPoint: octetString(Buffer.from(jwk.x as string, 'base64url')) }
  if (key.kind !== 'ec') return {}
  return { ecParameters: key.parameters, ecPoint: octetString(pointOf(publicKey, key.curve, key.fieldBytes) as Buffer) }
}

function octetString(bytes: Buffer): Buffer {
  return Buffer.concat([bytes.length < 128 ? Buffer.of(4, bytes.length) : Buffer.of(4, 0x81, bytes.length), bytes])
}

function readPublicKey(token: Cryptoki, object: Handle, key: TokenKey): KeyObject {
  if (key.kind === 'rsa') {
    const [modulus, exponent] = token.read(object, ['modulus', 'publicExponent']) as [Buffer, Buffer]
    return rsaPublicKey(modulus, exponent)
  }
  if (key.kind !== 'ec' && key.kind !== 'edwards') throw new Error(`a key of kind ${key.kind} has no public half`)
  const [point] = token.read(object, ['ecPoint']) as [Buffer]
  const read = key.kind === 'ec' ? ecPublicKey : edwardsPublicKey
  return read(key.curve, key.fieldBytes, point)
}

/** What the agent does for the service, once the token is open: a function for each verb. Material stays in the token. */
import { createPublicKey, type KeyObject } from 'node:crypto'
import type { Handle } from 'pkcs11js'
import { problem } from '../../domain/errors.ts'
import type { WrappingAlgorithm } from '../../domain/ports.ts'
import type { EncryptionAlgorithm, KeySpec, MacAlgorithm, SigningAlgorithm } from '../../domain/specs.ts'
import { CKO_SECRET_KEY, template } from './cryptoki.ts'
import { faultOf } from './faults.ts'
import { joinFields } from './frames.ts'
import { confined, kindOf, type OpenKey, plain, publicObjectOf, usesOf, wrapAndForget } from './material.ts'
import {
  CKK_GENERIC_SECRET,
  CKM_SHA256_HMAC,
  ecdh,
  gcmNonceBytes,
  gcmTagBytes,
  macMechanisms,
  oaep,
  oaepHashes,
  signings,
  type TokenKey,
  tokenKeys,
} from './mechanisms.ts'
import { ecdsaSignatureFromDer, ecdsaSignatureToDer, pointOf } from './public-key.ts'
import { gcmDecrypt, gcmEncrypt, type Hsm, orRefuse, requireWell, type WrappedMaterial } from './sealing.ts'
import { keyWrap } from './vendors.ts'

export function tokenKeyOf(spec: KeySpec): TokenKey {
  const key = tokenKeys[spec]
  if (key === undefined)
    throw problem('UnsupportedOperation', { message: `No PKCS#11 token computes with ${spec} keys.` })
  return key
}

export function closeKey({ token }: Hsm, { object, publicObject }: OpenKey): void {
  token.destroy(object)
  if (publicObject !== undefined) token.destroy(publicObject)
}

export function encrypt(
  hsm: Hsm,
  key: Handle,
  nonce: Buffer,
  associatedData: Buffer,
  plaintext: Buffer,
): Promise<Buffer> {
  return gcmEncrypt(hsm.token, key, nonce, associatedData, plaintext)
}

export async function decrypt(hsm: Hsm, key: Handle, associatedData: Buffer, body: Buffer): Promise<Buffer> {
  const refusal = () => problem('InvalidCiphertext')
  if (body.length < gcmNonceBytes + gcmTagBytes) throw refusal()
  return orRefuse(hsm, gcmDecrypt(hsm.token, key, associatedData, body), refusal)
}

/** Of the digest; for Edwards curves of the message. */
export async function sign(hsm: Hsm, open: OpenKey, algorithm: SigningAlgorithm, message: Buffer): Promise<Buffer> {
  const signing = signings[algorithm]
  if (signing === undefined) throw problem('AlgorithmMismatch')
  const { mechanism, prefix, kind } = signing
  const signed = prefix === undefined ? message : Buffer.concat([prefix, message])
  const quick = open.key.kind === 'ec' && open.key.curve === 'P-256'
  const signature = await hsm.token.sign(mechanism, open.object, signed, quick ? 'ECDSA on P-256' : 'slow')
  return kind === 'ec' ? ecdsaSignatureToDer(signature) : signature
}

/**
 * In the token too, with the public key that was sealed with the private one: Node verifies no ECDSA over a digest that
 * is already made.
 */
export async function verifySignature(
  hsm: Hsm,
  open: OpenKey,
  algorithm: SigningAlgorithm,
  message: Buffer,
  signature: Buffer,
): Promise<boolean> {
  const signing = signings[algorithm]
  if (signing === undefined) throw problem('AlgorithmMismatch')
  const { mechanism, prefix, kind } = signing
  const signed = prefix === undefined ? message : Buffer.concat([prefix, message])
  const given =
    kind === 'ec' && open.key.kind === 'ec' ? ecdsaSignatureFromDer(signature, open.key.fieldBytes) : signature
  if (given === undefined) return false
  const refused = problem('InvalidSignature')
  const verifying = hsm.token.verify(mechanism, publicObjectOf(hsm, open), signed, given)
  return orRefuse(hsm, verifying, () => refused).catch((error) => {
    if (error === refused) return false
    throw error
  })
}

export async function mac(hsm: Hsm, key: Handle, algorithm: MacAlgorithm, message: Buffer): Promise<Buffer> {
  const known = macMechanisms[algorithm]
  if (known === undefined) throw problem('AlgorithmMismatch')
  return hsm.token.sign(plain(known.mechanism), key, message, 'HMAC')
}

export async function rsaDecrypt(
  hsm: Hsm,
  key: Handle,
  algorithm: EncryptionAlgorithm,
  ciphertext: Buffer,
): Promise<Buffer> {
  const hash = oaepHashes[algorithm]
  if (hash === undefined) throw problem('AlgorithmMismatch')
  return orRefuse(hsm, hsm.token.decrypt(oaep(hash), key, ciphertext, 'slow'), () => problem('InvalidCiphertext'))
}

/** The shared secret goes to the caller: the one value that is made to be read. */
export async function agree(hsm: Hsm, { object, key: curve }: OpenKey, peer: KeyObject): Promise<Buffer> {
  if (curve.kind !== 'ec') throw problem('AlgorithmMismatch')
  const point = pointOf(peer, curve.curve, curve.fieldBytes)
  if (point === undefined)
    throw problem('InvalidPublicKey', { message: 'The public key is not on the curve of the key.' })
  const readable = template({
    class: CKO_SECRET_KEY,
    keyType: CKK_GENERIC_SECRET,
    valueLength: curve.fieldBytes,
    token: false,
    sensitive: false,
    extractable: true,
  })
  const deriving = hsm.token.derive(ecdh(point), object, readable)
  const secret = await orRefuse(hsm, deriving, () => problem('InvalidPublicKey'))
  try {
    const [value] = hsm.token.read(secret, ['value']) as [Buffer]
    if (value.length !== curve.fieldBytes) throw new Error('the token gave a shared secret of the wrong length')
    return value
  } finally {
    hsm.token.destroy(secret)
  }
}

// ---------------------------------------------------------------------------------------------------------- importing

export type Import = {
  readonly wrappingKey: Handle
  readonly wrappingKeyBytes: number
  readonly algorithm: WrappingAlgorithm
  readonly encrypted: Buffer
  readonly spec: KeySpec
  /** What the fingerprint is tied to, besides the material. */
  readonly fingerprintOf: Buffer
}

/** Unwrapped in the token, tried, and wrapped under the root key. Whatever is wrong with it is one and the same Problem. */
export async function importMaterial(
  hsm: Hsm,
  wanted: Import,
): Promise<WrappedMaterial & { readonly fingerprint: string }> {
  const key = tokenKeyOf(wanted.spec)
  if (key.kind !== 'aes')
    throw problem('UnsupportedOperation', {
      message: 'At the hardware level only AES_256 keys take imported material.',
    })
  const refusal = () =>
    problem('InvalidKeyMaterial', {
      mend: `Wrap exactly ${key.bytes} bytes with ${wanted.algorithm}, under the public key of this import token.`,
    })
  // Exactly as long as it must be: some modules do not survive an empty wrapped key.
  const wrappedKeyBytes = wanted.algorithm.startsWith('RSA_AES_KEY_WRAP') ? key.bytes + 8 : 0
  if (wanted.encrypted.length !== wanted.wrappingKeyBytes + wrappedKeyBytes) throw refusal()
  const object = await orRefuse(hsm, unwrapImported(hsm, wanted, key), refusal)
  if (!(await computesAes(hsm, object))) {
    hsm.token.destroy(object)
    throw refusal()
  }
  const material = await wrapAndForget(hsm, object, undefined)
  // RFC 5649 shows the length to the next multiple of eight, and no AES key but this one fits there (computesAes).
  if (material.wrapped.length !== key.bytes + 8) throw refusal()
  const fingerprinted = joinFields([wanted.fingerprintOf, material.wrapped])
  const fingerprint = await hsm.token.sign(plain(CKM_SHA256_HMAC), hsm.root.fingerprint, fingerprinted, 'HMAC')
  return { ...material, fingerprint: fingerprint.toString('base64url') }
}

async function unwrapImported(hsm: Hsm, wanted: Import, key: TokenKey): Promise<Handle> {
  const { token } = hsm
  const { wrappingKey, wrappingKeyBytes, encrypted } = wanted
  const material = template({ ...confined, extractable: true, ...kindOf(key), ...usesOf(key, 'key') })
  switch (wanted.algorithm) {
    case 'RSAES_OAEP_SHA_1':
    case 'RSAES_OAEP_SHA_256':
      return token.unwrap(
        oaep(wanted.algorithm === 'RSAES_OAEP_SHA_1' ? 'sha1' : 'sha256'),
        wrappingKey,
        encrypted,
        material,
      )
    case 'RSA_AES_KEY_WRAP_SHA_1':
    case 'RSA_AES_KEY_WRAP_SHA_256': {
      // CKM_RSA_AES_KEY_WRAP (PKCS#11 v2.40) in its two steps, which more tokens have: an AES key, and what it wraps.
      const hash = wanted.algorithm === 'RSA_AES_KEY_WRAP_SHA_1' ? 'sha1' : 'sha256'
      const kind = kindOf({ kind: 'aes', bytes: 32 })
      const unwrapOnly = template({
        ...confined,
        extractable: false,
        ...kind,
        unwrap: true,
        encrypt: false,
        decrypt: false,
      })
      const between = await token.unwrap(oaep(hash), wrappingKey, encrypted.subarray(0, wrappingKeyBytes), unwrapOnly)
      try {
        const wrapped = encrypted.subarray(wrappingKeyBytes)
        return await token.unwrap(plain(keyWrap(token.vendor)), between, wrapped, material)
      } finally {
        token.destroy(between)
      }
    }
    default:
      throw problem('UnsupportedOperation', {
        message: `The hardware level does not import material wrapped with ${wanted.algorithm}.`,
        mend: 'Wrap it with RSAES_OAEP or RSA_AES_KEY_WRAP.',
      })
  }
}

/** Not every token knows how long an unwrapped key is; but none computes AES with 31 bytes. The result is thrown away. */
async function computesAes(hsm: Hsm, object: Handle): Promise<boolean> {
  try {
    await gcmEncrypt(hsm.token, object, Buffer.alloc(gcmNonceBytes), Buffer.alloc(0), Buffer.alloc(16))
    return true
  } catch (error) {
    if (faultOf(error) === 'loss') throw error
    await requireWell(hsm)
    return false
  }
}

/** A public key in DER; a Problem `InvalidPublicKey` for what is none, or not on its curve. */
export function readPeerKey(spki: Buffer): KeyObject {
  try {
    return createPublicKey({ key: spki, format: 'der', type: 'spki' })
  } catch {
    throw problem('InvalidPublicKey')
  }
}

/**
 * Sealed key material, as the store keeps it:
 *
 *     0x01 | nonce (12) | AES-256-GCM under the sealing key, with the binding as associated data, of
 *                         length (4) | SubjectPublicKeyInfo, or nothing | length (4) | wrapped key
 *
 * The material is wrapped in the device by RFC 5649 first, since AES-GCM takes bytes, and these must never be outside. Why
 * not a MAC beside the wrapped key: AES-GCM in the device ties the binding just as well, in one call. It also hides that two
 * keys are equal (RFC 5649 is deterministic: equal keys wrap alike), and it authenticates the public key, so that nobody
 * slips in another where the store is not to be trusted.
 *
 * Nonces are random: 2^32 of them may be drawn under one key (NIST SP 800-38D, 8.3). That is four billion keys.
 */
import type { Handle } from 'pkcs11js'
import { problem } from '../../domain/errors.ts'
import type { Cryptoki } from './cryptoki.ts'
import { faultOf, TokenLost } from './faults.ts'
import { joinFields } from './frames.ts'
import { aesGcm, gcmNonceBytes, gcmTagBytes } from './mechanisms.ts'
import type { RootKey } from './root-key.ts'

/** A token that is logged in, with its root key found. */
export type Hsm = {
  readonly token: Cryptoki
  readonly root: RootKey
  /** Sealed at the start: as long as it opens, the token is well. */
  readonly canary: Buffer
}

/** Material while it is not in the token: wrapped by it. */
export type WrappedMaterial = { readonly wrapped: Buffer; readonly publicKey: Buffer | undefined }

const sealedVersion = 1
const shortestSealed = 1 + gcmNonceBytes + gcmTagBytes

export async function sealBytes(hsm: Hsm, binding: Buffer, nonce: Buffer, bytes: Buffer): Promise<Buffer> {
  return Buffer.concat([Buffer.of(sealedVersion), await gcmEncrypt(hsm.token, hsm.root.sealing, nonce, binding, bytes)])
}

/** Throws a Problem `Internal` where the bytes or the binding differ. */
export async function openBytes(hsm: Hsm, binding: Buffer, sealed: Buffer): Promise<Buffer> {
  if (sealed.length < shortestSealed || sealed[0] !== sealedVersion) throw doesNotOpen()
  const { token, root } = hsm
  return orRefuse(hsm, gcmDecrypt(token, root.sealing, binding, sealed.subarray(1)), doesNotOpen)
}

export function doesNotOpen(): Error {
  return problem('Internal', { message: 'Sealed key material does not open in this device under its binding.' })
}

export function sealMaterial(hsm: Hsm, binding: Buffer, nonce: Buffer, material: WrappedMaterial): Promise<Buffer> {
  const { wrapped, publicKey } = material
  return sealBytes(hsm, binding, nonce, joinFields([publicKey ?? Buffer.alloc(0), wrapped]))
}

export async function openMaterial(hsm: Hsm, binding: Buffer, sealed: Buffer): Promise<WrappedMaterial> {
  const bytes = await openBytes(hsm, binding, sealed)
  const publicKeyBytes = bytes.readUInt32BE(0)
  return {
    publicKey: publicKeyBytes === 0 ? undefined : bytes.subarray(4, 4 + publicKeyBytes),
    wrapped: bytes.subarray(8 + publicKeyBytes),
  }
}

/** Nonce, ciphertext and tag. A device that draws the nonce writes it over the one given. */
export async function gcmEncrypt(
  token: Cryptoki,
  key: Handle,
  nonce: Buffer,
  associatedData: Buffer,
  plaintext: Buffer,
): Promise<Buffer> {
  const byDevice = token.vendor.gcmNonce === 'device'
  const drawn = byDevice ? Buffer.alloc(gcmNonceBytes) : nonce
  const mechanism = aesGcm(token.vendor.gcmParameters, drawn, associatedData)
  const ciphertext = await token.encrypt(mechanism, key, plaintext, 'AES')
  if (ciphertext.length !== plaintext.length + gcmTagBytes) throw new Error('AES-GCM gave a text of the wrong length')
  if (byDevice && drawn.every((byte) => byte === 0)) throw new Error('AES-GCM left the nonce empty')
  return Buffer.concat([drawn, ciphertext])
}

export function gcmDecrypt(token: Cryptoki, key: Handle, associatedData: Buffer, body: Buffer): Promise<Buffer> {
  const mechanism = aesGcm(token.vendor.gcmParameters, body.subarray(0, gcmNonceBytes), associatedData)
  return token.decrypt(mechanism, key, body.subarray(gcmNonceBytes), 'AES')
}

const canaryText = Buffer.from('the token is well')

export async function withCanary(token: Cryptoki, root: RootKey, nonce: Buffer): Promise<Hsm> {
  return { token, root, canary: await gcmEncrypt(token, root.sealing, nonce, canaryText, canaryText) }
}

/** Throws `TokenLost` unless the root key still computes. */
export async function requireWell({ token, root, canary }: Hsm): Promise<void> {
  try {
    if (canaryText.equals(await gcmDecrypt(token, root.sealing, canaryText, canary))) return
  } catch (cause) {
    throw new TokenLost('the token no longer opens what it sealed', { cause })
  }
  throw new TokenLost('the token opens its own seal to something else')
}

/**
 * The result; or the refusal, where the input is to blame. Some tokens have one error for a forged ciphertext and for
 * their own death: so before anybody is told that his data is bad, the token shows that it is well.
 */
export async function orRefuse<T>(hsm: Hsm, result: Promise<T>, refusal: () => Error): Promise<T> {
  try {
    return await result
  } catch (error) {
    const fault = faultOf(error)
    if (fault === 'unclear') await requireWell(hsm)
    if (fault === 'unclear' || fault === 'badInput') throw refusal()
    throw error
  }
}

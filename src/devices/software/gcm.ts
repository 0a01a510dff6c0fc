import { type GcmCipher, gcmOf } from './openssl-ciphers.ts'

export const tagBytes = 16
/** Both constructions that stand on GCM here have a nonce of 192 bits: it can be drawn at random without a bound. */
export const nonceBytes = 24

/** Seals under nonces that the caller draws and never draws twice; a body is nonce, ciphertext and tag in one piece. */
export type Aead = {
  seal(nonce: Uint8Array, plaintext: Uint8Array, associatedData: Uint8Array): Uint8Array
  /** undefined for whatever reason it does not open. */
  open(body: Uint8Array, associatedData: Uint8Array): Uint8Array | undefined
}

/** The AES-GCM or SM4-GCM of one message: its own key, its own IV. */
export type MessageKey = { readonly key: Uint8Array; readonly iv: Uint8Array }

/** AEAD out of GCM (SP 800-38D, RFC 8998) and a way from a nonce to the message's own key, which is wiped after use. */
export function messageKeyGcm(cipher: GcmCipher, messageKey: (nonce: Uint8Array) => MessageKey): Aead {
  const gcm = gcmOf(cipher)
  return {
    seal(nonce, plaintext, associatedData) {
      if (nonce.length !== nonceBytes) throw new Error(`a nonce has ${nonceBytes} bytes`)
      const { key, iv } = messageKey(nonce)
      const body = Buffer.allocUnsafe(nonceBytes + plaintext.length + tagBytes)
      body.set(nonce)
      gcm.seal(key, iv, plaintext, associatedData, body, nonceBytes)
      key.fill(0)
      return body
    },
    open(body, associatedData) {
      const tagAt = body.length - tagBytes
      if (tagAt < nonceBytes) return undefined
      const { key, iv } = messageKey(body.subarray(0, nonceBytes))
      const plaintext = gcm.open(key, iv, body.subarray(nonceBytes, tagAt), body.subarray(tagAt), associatedData)
      key.fill(0)
      return plaintext
    },
  }
}

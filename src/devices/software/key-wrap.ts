/** AES Key Wrap with Padding (RFC 5649) and without (RFC 3394): opening only. */
import { createDecipheriv, createSecretKey } from 'node:crypto'

const kwpInitialValue = Buffer.from('a65959a6', 'hex')
const kwInitialValue = Buffer.from('a6a6a6a6a6a6a6a6', 'hex')

/** The shortest wrapping, of one block; node:crypto would open an empty one to nothing. */
const shortestKwp = 16
const shortestKw = 24

/** The key under a KEK of 16, 24 or 32 bytes; undefined where it does not open. */
export function openKwp(kek: Uint8Array, wrapped: Uint8Array): Uint8Array | undefined {
  if (wrapped.length < shortestKwp || wrapped.length % 8 !== 0) return undefined
  return open(`id-aes${kek.length * 8}-wrap-pad`, kek, kwpInitialValue, wrapped)
}

/** As `openKwp`, without padding. */
export function openKw(kek: Uint8Array, wrapped: Uint8Array): Uint8Array | undefined {
  if (wrapped.length < shortestKw || wrapped.length % 8 !== 0) return undefined
  return open(`id-aes${kek.length * 8}-wrap`, kek, kwInitialValue, wrapped)
}

function open(cipher: string, kek: Uint8Array, iv: Uint8Array, wrapped: Uint8Array): Uint8Array | undefined {
  try {
    const decipher = createDecipheriv(cipher, createSecretKey(kek), iv)
    const key = decipher.update(wrapped)
    // It is all there in the first part; `final` only confirms.
    decipher.final()
    return key
  } catch {
    return undefined
  }
}

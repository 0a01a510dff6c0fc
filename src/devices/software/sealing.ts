import { problem } from '../../domain/errors.ts'
import type { Random } from '../../domain/ports.ts'
import { openXaes } from './aes.ts'
import { frame } from './framing.ts'
import { type Aead, nonceBytes } from './gcm.ts'
import type { RootKeys } from './root-keys.ts'

/**
 * Seals secrets under the root key:
 *
 *     "S" | generation of the root key (32 bits, big-endian) | XAES-256-GCM: nonce (24), ciphertext, tag (16)
 *
 * under a key that is derived from that generation for this kind of secret. The five bytes before the nonce and the words
 * of the purpose are authenticated: what was sealed for one purpose opens for no other.
 */
export type Sealing = {
  seal(purpose: readonly string[], secret: Uint8Array): Uint8Array
  /** Throws a Problem `Internal`: only bytes of our own come here. The caller wipes what it gets. */
  open(purpose: readonly string[], sealed: Uint8Array): Uint8Array
  /** Was this sealed here, and not by another device? */
  isOurs(sealed: Uint8Array): boolean
  /** The same secret under the newest root key; undefined where it is under that one already. */
  reseal(purpose: readonly string[], sealed: Uint8Array): Uint8Array | undefined
}

/** "S" for software: what a hardware device seals begins otherwise, so that the two are told apart. Version 1. */
const format = 0x53
const headerBytes = 5

export function createSealing(
  kind: 'key material' | 'service secret',
  { rootKeys, random }: { readonly rootKeys: RootKeys; readonly random: Random },
): Sealing {
  const opened = new Map<number, Aead>()

  function aeadOf(generation: number): Aead | undefined {
    const known = opened.get(generation)
    if (known !== undefined) return known
    const key = rootKeys.derive(generation, ['seal', kind])
    if (key === undefined) return undefined
    const aead = openXaes(key)
    key.fill(0)
    opened.set(generation, aead)
    return aead
  }

  function seal(purpose: readonly string[], secret: Uint8Array): Uint8Array {
    const generation = rootKeys.newest()
    const aead = aeadOf(generation)
    if (aead === undefined) throw problem('Internal', { message: 'The newest root key is not open.' })
    const header = Buffer.alloc(headerBytes)
    header[0] = format
    header.writeUInt32BE(generation, 1)
    const body = aead.seal(random.bytes(nonceBytes), secret, frame([header, ...purpose]))
    return Buffer.concat([header, body])
  }

  const isOurs = (sealed: Uint8Array) => sealed.length >= headerBytes && sealed[0] === format

  function generationOf(sealed: Uint8Array): number {
    if (!isOurs(sealed))
      throw problem('Internal', {
        message: 'A sealed secret has a format that this version does not know.',
        mend: 'Start the version of Keyward that wrote it, or a newer one.',
      })
    return Buffer.from(sealed.buffer, sealed.byteOffset, headerBytes).readUInt32BE(1)
  }

  function open(purpose: readonly string[], sealed: Uint8Array): Uint8Array {
    const generation = generationOf(sealed)
    const aead = aeadOf(generation)
    if (aead === undefined)
      throw problem('Internal', {
        message: `A secret is sealed under generation ${generation} of the root key, which is not open.`,
        mend: `Restore root-key.${generation} in place 1, or give retired-root-key.${generation} that name back.`,
      })
    const secret = aead.open(sealed.subarray(headerBytes), frame([sealed.subarray(0, headerBytes), ...purpose]))
    if (secret === undefined)
      throw problem('Internal', {
        message: 'A sealed secret does not open: it was altered, belongs elsewhere, or the root key is another one.',
      })
    return secret
  }

  return {
    seal,
    open,
    isOurs,
    reseal(purpose, sealed) {
      if (generationOf(sealed) === rootKeys.newest()) return undefined
      const secret = open(purpose, sealed)
      try {
        const resealed = seal(purpose, secret)
        // Before the old one is overwritten: what cannot be opened again would be lost for ever.
        const again = open(purpose, resealed)
        const same = Buffer.compare(secret, again) === 0
        again.fill(0)
        if (!same) throw problem('Internal', { message: 'A resealed secret does not open to what was sealed.' })
        return resealed
      } finally {
        secret.fill(0)
      }
    },
  }
}

/** Keys whose material is a plain string of bytes of one length. */
import { problem } from '../../domain/errors.ts'
import type { Random } from '../../domain/ports.ts'
import { type KeySpec, specs } from '../../domain/specs.ts'
import type { Algorithms, OpenedKey } from './algorithms.ts'
import { drawSecret } from './draw.ts'
import type { Aead } from './gcm.ts'
import { nonceBytes } from './gcm.ts'
import { Unsealed } from './material.ts'

export function plainKey(spec: KeySpec, random: Random, open: (material: Uint8Array) => OpenedKey): Algorithms {
  const bytes = specs[spec].materialBytes
  if (bytes === undefined) throw new Error(`${spec} is no plain string of bytes`)
  return {
    generate: async () => ({ material: new Unsealed(drawSecret(random, bytes)) }),
    open(material) {
      if (material.length !== bytes) throw problem('Internal', { message: 'A sealed key is of another spec.' })
      return material.use(open)
    },
    async admit(material) {
      if (material.length === bytes) return { material }
      const found = material.length
      material.wipe()
      throw problem('InvalidKeyMaterial', {
        message: `The key material has ${found} bytes; a key of spec ${spec} has ${bytes}.`,
        mend: `Wrap the ${bytes} raw bytes: no hex, no base64, no line break at the end.`,
      })
    },
  }
}

/** A symmetric key: the service draws every nonce (CVE-2023-4680), and whatever does not open is one answer. */
export function aeadKey(aead: Aead, random: Random): OpenedKey {
  return {
    encrypt: (plaintext, associatedData) => aead.seal(random.bytes(nonceBytes), plaintext, associatedData),
    decrypt(body, associatedData) {
      const plaintext = aead.open(body, associatedData)
      if (plaintext === undefined) throw problem('InvalidCiphertext')
      return plaintext
    },
  }
}

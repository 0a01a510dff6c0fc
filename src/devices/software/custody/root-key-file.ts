/**
 * Place 1, one file to a generation. Its body:
 *
 *     generation (32 bits) | X-Wing ciphertext (1,120) | XAES-256-GCM of root key and lasting key: nonce, 64 bytes, tag
 */
import { createSecretKey, type KeyObject } from 'node:crypto'
import { readdirSync } from 'node:fs'
import type { Random } from '../../../domain/ports.ts'
import { openXaes } from '../aes.ts'
import { derive } from '../derive.ts'
import { frame, uint32 } from '../framing.ts'
import { type Aead, nonceBytes, tagBytes } from '../gcm.ts'
import { type Generation, generationOf, secretBytes } from '../root-keys.ts'
import { CustodyError, encodePart, type Part, partHeader } from './part.ts'
import { codeOf } from './part-file.ts'
import { encapsulateXwing, openXwing, type XwingKey, xwingCiphertextBytes } from './xwing.ts'

export const rootKeyBodyBytes = [4 + xwingCiphertextBytes + nonceBytes + secretBytes + tagBytes]

const fileName = /^root-key\.([1-9][0-9]{0,8})$/

/** The generations that are there, ascending; none where the folder is not there. */
export function storedGenerations(folder: string): readonly number[] {
  let names: readonly string[]
  try {
    names = readdirSync(folder)
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return []
    const mend = 'Give the folder to the user that runs Keyward, or mend the configuration.'
    throw new CustodyError(1, folder, `cannot be read (${codeOf(cause)}).`, mend, cause)
  }
  return names
    .flatMap((name) => fileName.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((left, right) => left - right)
}

/** The private key of place 2, open: what reads and makes the files of place 1. */
export type PrivateKey = {
  readonly xwing: XwingKey
  /**
   * Goes into the encryption beside what X-Wing encapsulates. Anybody can encrypt to a public key: so that nobody can
   * put a root key of his own into place 1, making a file for it takes the private key too.
   */
  readonly authentication: KeyObject
}

/** The caller wipes the seed. */
export function privateKeyOf(seed: Uint8Array): PrivateKey {
  const authentication = derive(createSecretKey(seed), ['private key', 'authenticates root keys'])
  const privateKey = { xwing: openXwing(seed), authentication: createSecretKey(authentication) }
  authentication.fill(0)
  return privateKey
}

export function encodeRootKey(
  privateKey: PrivateKey,
  {
    installation,
    generation,
    secret,
  }: { readonly installation: Uint8Array; readonly generation: number; readonly secret: Uint8Array },
  random: Random,
): Uint8Array {
  const header = partHeader(1, installation)
  const { ciphertext, sharedSecret } = encapsulateXwing(privateKey.xwing.publicKey, random)
  const aead = fileAead(privateKey, sharedSecret)
  const sealed = aead.seal(random.bytes(nonceBytes), secret, frame([header, uint32(generation), ciphertext]))
  return encodePart(header, Buffer.concat([uint32(generation), ciphertext, sealed]))
}

/** Throws CustodyError. */
export function decodeRootKey(privateKey: PrivateKey, path: string, generation: number, part: Part): Generation {
  const number = part.body.subarray(0, 4)
  const ciphertext = part.body.subarray(4, 4 + xwingCiphertextBytes)
  const sealed = part.body.subarray(4 + xwingCiphertextBytes)
  if (Buffer.compare(number, uint32(generation)) !== 0)
    throw new CustodyError(1, path, 'holds another generation than its name says.', 'Give it its own name back.')
  const sharedSecret = privateKey.xwing.decapsulate(ciphertext)
  const secret =
    sharedSecret === undefined
      ? undefined
      : fileAead(privateKey, sharedSecret).open(sealed, frame([part.header, number, ciphertext]))
  if (secret === undefined)
    throw new CustodyError(
      1,
      path,
      'does not open under the private key in place 2.',
      'Restore places 1 and 2 from backups of the same installation.',
    )
  const opened = generationOf(secret)
  secret.fill(0)
  return opened
}

/** Wipes the shared secret. */
function fileAead({ authentication }: PrivateKey, sharedSecret: Uint8Array): Aead {
  const salt = authentication.export()
  const key = derive(createSecretKey(sharedSecret), ['root key file'], salt)
  const aead = openXaes(key)
  for (const bytes of [sharedSecret, salt, key]) bytes.fill(0)
  return aead
}

/**
 * Place 2. Its body:
 *
 *     how place 3 opens it (1; 29 with Argon2id's parameters and salt; 33 with what a token makes the unlock key of) | XAES-256-GCM of X-Wing's seed: nonce, 32 bytes, tag
 */
import type { KeyObject } from 'node:crypto'
import type { Random } from '../../../domain/ports.ts'
import { openXaes } from '../aes.ts'
import { derive } from '../derive.ts'
import { frame } from '../framing.ts'
import { type Aead, nonceBytes, tagBytes } from '../gcm.ts'
import { CustodyError, encodePart, type Part, partHeader } from './part.ts'
import { type Places, privateKeyPath, unlockKeyPath } from './places.ts'
import { decodeOpening, encodeOpening, type Opening, openingBytes } from './unlock-key.ts'
import { xwingSeedBytes } from './xwing.ts'

const sealedSeedBytes = nonceBytes + xwingSeedBytes + tagBytes
export const privateKeyBodyBytes = openingBytes.map((bytes) => bytes + sealedSeedBytes)

export function encodePrivateKey(
  seed: Uint8Array,
  {
    installation,
    opening,
    unlockKey,
  }: { readonly installation: Uint8Array; readonly opening: Opening; readonly unlockKey: KeyObject },
  random: Random,
): Uint8Array {
  const header = partHeader(2, installation)
  const opens = encodeOpening(opening)
  const sealed = fileAead(unlockKey).seal(random.bytes(nonceBytes), seed, frame([header, opens]))
  return encodePart(header, Buffer.concat([opens, sealed]))
}

/** Throws CustodyError. */
export function openingOf(places: Places, { body }: Part): Opening {
  const opening = decodeOpening(body.subarray(0, body.length - sealedSeedBytes))
  if (opening !== undefined) return opening
  throw new CustodyError(
    2,
    privateKeyPath(places),
    'says in no known way how it opens.',
    'Start the version of Keyward that wrote it, or restore it from its backup.',
  )
}

/** The seed, which the caller wipes. Throws CustodyError. */
export function decodePrivateKey(places: Places, { header, body }: Part, unlockKey: KeyObject): Uint8Array {
  const opens = body.subarray(0, body.length - sealedSeedBytes)
  const sealed = body.subarray(body.length - sealedSeedBytes)
  const seed = fileAead(unlockKey).open(sealed, frame([header, opens]))
  if (seed !== undefined) return seed
  const mends = {
    passphrase: 'Give the passphrase with which this installation was made.',
    token: 'Name the key, and the token, with which this installation was made.',
    file: 'Restore places 2 and 3 from backups of the same installation.',
  }
  const { is } = places.unlockKey
  const mend = mends[is === 'provided' ? 'file' : is]
  const what = `does not open the private key in ${privateKeyPath(places)}.`
  throw new CustodyError(3, unlockKeyPath(places), what, mend)
}

function fileAead(unlockKey: KeyObject): Aead {
  const key = derive(unlockKey, ['unlock key', 'private key'])
  const aead = openXaes(key)
  key.fill(0)
  return aead
}

/**
 * Place 3: the symmetric key that opens place 2; 32 bytes in a file, or out of a passphrase, or HMAC-SHA-256 by a key that
 * never leaves its token. A MAC, since every token computes it, also a TPM: fewer wrap or decrypt, and then by RSA alone.
 */
import { argon2, createSecretKey, type KeyObject } from 'node:crypto'
import type { Random } from '../../../domain/ports.ts'
import { drawSecret } from '../draw.ts'
import { frame, uint32 } from '../framing.ts'
import { requireRandom } from '../root-keys.ts'
import { CustodyError, encodePart, type Part, partHeader } from './part.ts'
import { writePart } from './part-file.ts'
import { type Places, privateKeyPath, type UnlockToken, unlockKeyPath } from './places.ts'

export const unlockKeyBytes = [32]

/** How the unlock key comes about. It stands at the beginning of place 2's body. */
export type Opening =
  | { readonly by: 'file' }
  | { readonly by: 'passphrase'; readonly parameters: Argon2idParameters }
  | { readonly by: 'token'; readonly salt: Uint8Array }

export type Argon2idParameters = {
  readonly memoryKiB: number
  readonly passes: number
  readonly parallelism: number
  readonly salt: Uint8Array
}

/** RFC 9106, 4: the second recommended option (64 MiB, 3 passes), on one lane: a third of a second on one core. */
const argon2idNow = { memoryKiB: 65_536, passes: 3, parallelism: 1 }
/** What another version may have written; less would be weak, more would only exhaust the machine. */
const argon2idBounds = { memoryKiB: [65_536, 4_194_304], passes: [3, 64], parallelism: [1, 16] } as const
const saltBytes = 16
/** Below this a passphrase is soon guessed, whatever Argon2id costs. */
const shortestPassphraseBytes = 12

const fileOpeningBytes = 1
const passphraseOpeningBytes = 1 + 3 * 4 + saltBytes
const tokenSaltBytes = 32
const tokenOpeningBytes = 1 + tokenSaltBytes
export const openingBytes = [fileOpeningBytes, passphraseOpeningBytes, tokenOpeningBytes]

export function encodeOpening(opening: Opening): Uint8Array {
  if (opening.by === 'file') return Uint8Array.of(0)
  if (opening.by === 'token') return Buffer.concat([Uint8Array.of(2), opening.salt])
  const { memoryKiB, passes, parallelism, salt } = opening.parameters
  return Buffer.concat([Uint8Array.of(1), uint32(memoryKiB), uint32(passes), uint32(parallelism), salt])
}

/** undefined where the bytes say it in no known way. */
export function decodeOpening(bytes: Uint8Array): Opening | undefined {
  const opening = Buffer.from(bytes)
  if (opening.length === fileOpeningBytes && opening[0] === 0) return { by: 'file' }
  if (opening.length === tokenOpeningBytes && opening[0] === 2) return { by: 'token', salt: opening.subarray(1) }
  if (opening.length !== passphraseOpeningBytes || opening[0] !== 1) return undefined
  const parameters = {
    memoryKiB: opening.readUInt32BE(1),
    passes: opening.readUInt32BE(5),
    parallelism: opening.readUInt32BE(9),
    salt: opening.subarray(13),
  }
  const inBounds = (name: keyof typeof argon2idBounds) =>
    parameters[name] >= argon2idBounds[name][0] && parameters[name] <= argon2idBounds[name][1]
  const sane = inBounds('memoryKiB') && inBounds('passes') && inBounds('parallelism')
  return sane ? { by: 'passphrase', parameters } : undefined
}

/** Draws the unlock key and puts it into its place, or makes it of the passphrase or in the token. Throws CustodyError. */
export async function createUnlockKey(
  places: Places,
  installation: Uint8Array,
  random: Random,
): Promise<{ readonly unlockKey: KeyObject; readonly opening: Opening }> {
  const { unlockKey } = places
  if (unlockKey.is === 'passphrase') {
    const parameters = { ...argon2idNow, salt: Uint8Array.from(random.bytes(saltBytes)) }
    return { unlockKey: await stretch(unlockKey, parameters), opening: { by: 'passphrase', parameters } }
  }
  if (unlockKey.is === 'token') {
    const salt = Uint8Array.from(random.bytes(tokenSaltBytes))
    return { unlockKey: await macInToken(places, unlockKey, salt, true), opening: { by: 'token', salt } }
  }
  const path = unlockKeyPath(places)
  if (unlockKey.is === 'provided')
    throw new CustodyError(
      3,
      path,
      'is only read, so no unlock key can be put there.',
      'Create the custody with a file as place 3, then hand that file in (for example through systemd-creds encrypt) and delete it.',
    )
  const bytes = drawSecret(random, unlockKeyBytes[0]!)
  requireRandom(bytes)
  const part = encodePart(partHeader(3, installation), bytes)
  try {
    writePart(3, path, part, random)
    return { unlockKey: createSecretKey(bytes), opening: { by: 'file' } }
  } finally {
    bytes.fill(0)
    part.fill(0)
  }
}

/** `part` is the file of place 3, where it is one; the caller wipes it. Throws CustodyError. */
export async function openUnlockKey(places: Places, opening: Opening, part: Part | undefined): Promise<KeyObject> {
  const { unlockKey } = places
  if (unlockKey.is === 'passphrase' && opening.by === 'passphrase') return stretch(unlockKey, opening.parameters)
  if (unlockKey.is === 'token' && opening.by === 'token') return macInToken(places, unlockKey, opening.salt, false)
  if (part !== undefined && opening.by === 'file') return createSecretKey(part.body)
  throw new CustodyError(
    3,
    unlockKeyPath(places),
    `does not go with the private key in ${privateKeyPath(places)}, which opens with a ${opening.by}.`,
    'Configure place 3 as it was when the installation was made.',
  )
}

async function macInToken(places: Places, token: UnlockToken, salt: Uint8Array, make: boolean): Promise<KeyObject> {
  let bytes: Uint8Array
  try {
    bytes = await token.mac(frame(['keyward unlock key', salt]), make)
  } catch (cause) {
    throw new CustodyError(
      3,
      unlockKeyPath(places),
      `cannot be used: ${(cause as Error).message}.`,
      'Mend the token or the hsm_ settings; without this key no key of the software level can be opened.',
      cause,
    )
  }
  if (bytes.length !== unlockKeyBytes[0]) throw new Error('a token gave a MAC of the wrong length')
  requireRandom(bytes)
  const key = createSecretKey(bytes)
  bytes.fill(0)
  return key
}

/** Wipes the passphrase. */
async function stretch(
  place: Extract<Places['unlockKey'], { is: 'passphrase' }>,
  { memoryKiB, passes, parallelism, salt }: Argon2idParameters,
): Promise<KeyObject> {
  const passphrase = await place.passphrase()
  if (passphrase.length < shortestPassphraseBytes)
    throw new CustodyError(
      3,
      'passphrase',
      passphrase.length === 0 ? 'is empty.' : 'is too short.',
      `Give at least ${shortestPassphraseBytes} characters.`,
    )
  const parameters = { parallelism, memory: memoryKiB, passes, nonce: salt, tagLength: unlockKeyBytes[0]! }
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
  argon2('argon2id', { ...parameters, message: passphrase }, (error, bytes) =>
    error === null ? resolve(bytes) : reject(error),
  )
  const stretched = await promise.finally(() => passphrase.fill(0))
  const key = createSecretKey(stretched)
  stretched.fill(0)
  return key
}

/**
 * Custody of the root key (R29 to R31), in three places that are chosen independently of one another:
 *
 * 1. the root key, on disk only as a ciphertext under a public key (X-Wing, XAES-256-GCM), one file to a generation;
 * 2. the private key that opens it, encrypted under a symmetric key (XAES-256-GCM);
 * 3. that symmetric key, the unlock key: a file, or nothing but a passphrase (Argon2id, RFC 9106).
 *
 * No place alone, nor 1 with 2, nor 1 with 3, says anything of the root key. A part that is missing, damaged or of
 * another installation stops the start, and nothing is ever overwritten (docs/decisions/root-key-custody.md).
 */
import { argon2, createSecretKey, type KeyObject } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Random } from '../../domain/ports.ts'
import { openXaes } from './aes.ts'
import {
  CustodyError,
  decodePart,
  encodePart,
  installationBytes,
  type Part,
  type PlaceNumber,
  partHeader,
  placeNames,
} from './custody-part.ts'
import { derive } from './derive.ts'
import { createDurably, renameDurably } from './durable-file.ts'
import { frame, uint32 } from './framing.ts'
import { nonceBytes, tagBytes } from './gcm.ts'
import { requireSeparate } from './places.ts'
import {
  checkValue,
  type Generation,
  generationOf,
  newSecret,
  type RootKeys,
  requireRandom,
  secretBytes,
} from './root-keys.ts'
import { encapsulateXwing, openXwing, type XwingKey, xwingCiphertextBytes, xwingSeedBytes } from './xwing.ts'

const restoreIt = 'Restore it from its backup.'

export type Places = {
  /** Place 1, a folder. */
  readonly rootKey: string
  /** Place 2, a folder. */
  readonly privateKey: string
  /** Place 3. */
  readonly unlockKey: UnlockKeyPlace
}

export type UnlockKeyPlace =
  /** A file of ours, which nobody but this user may read. */
  | { readonly is: 'file'; readonly path: string }
  /** The same file, handed in by what starts the service (a systemd credential, a container's secret): only read. */
  | { readonly is: 'provided'; readonly path: string }
  /** UTF-8. It is asked for when the custody is made or opened, and wiped afterwards. */
  | { readonly is: 'passphrase'; readonly passphrase: () => Uint8Array | Promise<Uint8Array> }

export type Custody = RootKeys & {
  /** What an operator should mend, in whole sentences. */
  readonly warnings: readonly string[]
  /** To be stored with what is sealed, so that a wrong root key is noticed before anything is served. Not secret. */
  rootKeyCheck(): string
  /** Is this the check of a generation that is open? When it is not, nothing may be served. */
  matches(check: string): boolean
  /**
   * A new generation of the root key, under which everything is sealed from now on, also by other processes on the same
   * place 1. It is durable before this returns. Gives its number.
   *
   * A rotation: `addGeneration`; store the new `rootKeyCheck`; reseal everything that is sealed, until a whole pass finds
   * nothing left to do; `retireGenerations`. It can be cut short anywhere and taken up again; while there is more than
   * one generation, one is under way.
   */
  addGeneration(): number
  /**
   * Puts all generations but the newest out of use: `root-key.N` becomes `retired-root-key.N`, still encrypted. It opens
   * backups from before the rotation; who must be rid of it deletes the file. Gives the numbers.
   */
  retireGenerations(): readonly number[]
}

export type CustodyOptions = {
  /** Development: two places in one folder are a warning, no refusal. */
  readonly allowSharedFolders?: boolean
}

/** `missing` where some parts are there and others are not: then nothing can be opened, and nothing is made. */
export function custodyExists(
  places: Places,
): 'none' | 'complete' | { readonly missing: readonly PlaceNumber[]; readonly present: readonly PlaceNumber[] } {
  const exists: [PlaceNumber, boolean][] = [
    [1, storedGenerations(places.rootKey).length > 0],
    [2, fileExists(2, privateKeyPath(places))],
  ]
  if (places.unlockKey.is !== 'passphrase') exists.push([3, fileExists(3, places.unlockKey.path)])
  const missing = exists.filter(([, there]) => !there).map(([place]) => place)
  if (missing.length === 0) return 'complete'
  const present = exists.filter(([, there]) => there).map(([place]) => place)
  return present.length === 0 ? 'none' : { missing, present }
}

/** Draws the root key and everything around it, and opens what it has written. Throws CustodyError. */
export async function createCustody(places: Places, random: Random, options: CustodyOptions = {}): Promise<Custody> {
  requireSeparate(places, options.allowSharedFolders ?? false)
  requireNothingThere(places)
  if (places.unlockKey.is === 'provided')
    throw new CustodyError(
      3,
      places.unlockKey.path,
      'is only read, so the unlock key cannot be put there.',
      'Create the custody with a file as place 3, then hand that file in (for example through systemd-creds encrypt) and delete it.',
    )

  const installation = Uint8Array.from(random.bytes(installationBytes))
  const seed = Uint8Array.from(random.bytes(xwingSeedBytes))
  const secret = newSecret(random)
  let unlockKey: KeyObject
  try {
    requireRandom(seed)
    // The root key comes last: while it is not there, nothing has ever been sealed.
    const made = await newUnlockKey(places.unlockKey, installation, random)
    const { opening } = made
    unlockKey = made.unlockKey
    write(2, privateKeyPath(places), privateKeyPart(installation, opening, unlockKey, seed, random), random)
    const opener = openerOf(seed)
    write(1, rootKeyPath(places, 1), rootKeyPart(opener, installation, 1, secret, random), random)
  } finally {
    seed.fill(0)
    secret.fill(0)
  }
  return open(places, random, options, unlockKey)
}

/** Throws CustodyError; changes nothing. */
export function openCustody(places: Places, random: Random, options: CustodyOptions = {}): Promise<Custody> {
  return open(places, random, options)
}

/** With the unlock key where it is known already: a passphrase is asked for once. */
async function open(
  places: Places,
  random: Random,
  options: CustodyOptions,
  knownUnlockKey?: KeyObject,
): Promise<Custody> {
  const warnings = [...requireSeparate(places, options.allowSharedFolders ?? false)]
  requireAllThere(places)
  const read = (place: PlaceNumber, path: string, bodyBytes: readonly number[]) =>
    decodePart(place, path, readPart(place, path, warnings), bodyBytes)

  const numbers = storedGenerations(places.rootKey)
  const rootKeyParts = numbers.map((number) => read(1, rootKeyPath(places, number), [rootKeyBodyBytes]))
  const privateKey = read(2, privateKeyPath(places), privateKeyBodyBytes)
  const unlockKeyPath = places.unlockKey.is === 'passphrase' ? undefined : places.unlockKey.path
  const unlockKeyPart =
    unlockKeyPath === undefined
      ? undefined
      : decodePart(3, unlockKeyPath, readUnlockKey(places.unlockKey, unlockKeyPath, warnings), [unlockKeyBytes])
  requireOneInstallation([
    ...rootKeyParts.map((part, index) => ({ place: 1 as const, path: rootKeyPath(places, numbers[index]!), part })),
    { place: 2, path: privateKeyPath(places), part: privateKey },
    ...(unlockKeyPart === undefined ? [] : [{ place: 3 as const, path: unlockKeyPath ?? '', part: unlockKeyPart }]),
  ])

  const unlockKey = knownUnlockKey ?? (await unlock(places, privateKey, unlockKeyPart))
  unlockKeyPart?.body.fill(0)
  const seed = openPrivateKey(places, privateKey, unlockKey)
  const opener = openerOf(seed)
  seed.fill(0)
  const generations = new Map<number, Generation>()
  for (const [index, number] of numbers.entries()) admit(number, rootKeyParts[index]!)
  const installation = Uint8Array.from(privateKey.installation)

  function admit(number: number, part: Part): void {
    const path = rootKeyPath(places, number)
    const generation = openRootKey(opener, path, number, part)
    const [first] = generations.values()
    if (first !== undefined && !first.lastingKey.equals(generation.lastingKey))
      throw new CustodyError(1, path, 'has another lasting key than the other generations.', restoreIt)
    generations.set(number, generation)
  }

  /** Another process may have added a generation: it must be used from the moment it is there. */
  function refresh(): void {
    for (const number of storedGenerations(places.rootKey)) {
      if (generations.has(number)) continue
      const path = rootKeyPath(places, number)
      const part = decodePart(1, path, readPart(1, path, []), [rootKeyBodyBytes])
      requireOneInstallation([
        { place: 1, path, part },
        { place: 2, path: privateKeyPath(places), part: privateKey },
      ])
      admit(number, part)
    }
  }

  return {
    ...rootKeysOf(generations, refresh),
    warnings,
    addGeneration() {
      refresh()
      const newest = Math.max(...generations.keys())
      const number = newest + 1
      const secret = newSecret(random, generations.get(newest))
      const path = rootKeyPath(places, number)
      try {
        write(1, path, rootKeyPart(opener, installation, number, secret, random), random)
      } finally {
        secret.fill(0)
      }
      // Opened from the disk: what cannot be read back must not seal anything.
      refresh()
      return number
    },
    retireGenerations() {
      refresh()
      const newest = Math.max(...generations.keys())
      const path = rootKeyPath(places, newest)
      const part = decodePart(1, path, readPart(1, path, []), [rootKeyBodyBytes])
      const stored = checkValue(newest, openRootKey(opener, path, newest, part))
      if (stored !== checkValue(newest, generations.get(newest)!))
        throw new CustodyError(1, path, 'is not the root key that is in use.', restoreIt)
      const old = storedGenerations(places.rootKey).filter((number) => number < newest)
      for (const number of old)
        renameDurably(rootKeyPath(places, number), join(places.rootKey, `retired-root-key.${number}`))
      return old
    },
  }
}

/** Development and tests: a root key that is gone with the process. */
export function memoryCustody(random: Random): Custody {
  const generations = new Map<number, Generation>()
  const add = (number: number) => {
    const secret = newSecret(random, generations.get(number - 1))
    generations.set(number, generationOf(secret))
    secret.fill(0)
    return number
  }
  add(1)
  return {
    ...rootKeysOf(generations, () => {}),
    warnings: ['The root key is kept in memory only: everything that is sealed under it is lost with this process.'],
    addGeneration: () => add(Math.max(...generations.keys()) + 1),
    retireGenerations() {
      const newest = Math.max(...generations.keys())
      const old = [...generations.keys()].filter((number) => number < newest)
      for (const number of old) generations.delete(number)
      return old
    },
  }
}

function rootKeysOf(
  generations: ReadonlyMap<number, Generation>,
  refresh: () => void,
): RootKeys & Pick<Custody, 'rootKeyCheck' | 'matches'> {
  function newest(): number {
    refresh()
    return Math.max(...generations.keys())
  }
  return {
    newest,
    generations() {
      refresh()
      return [...generations.keys()].sort((left, right) => left - right)
    },
    derive(number, purpose) {
      if (!generations.has(number)) refresh()
      const generation = generations.get(number)
      return generation === undefined ? undefined : derive(generation.rootKey, ['root key', ...purpose])
    },
    deriveLasting(purpose) {
      // Every generation has the same one.
      const [generation] = generations.values()
      if (generation === undefined) throw new Error('no root key is open')
      return derive(generation.lastingKey, ['lasting key', ...purpose])
    },
    rootKeyCheck() {
      const number = newest()
      return checkValue(number, generations.get(number)!)
    },
    matches(check) {
      refresh()
      // Nothing secret is compared: the check is stored in plain sight.
      return [...generations].some(([number, generation]) => checkValue(number, generation) === check)
    },
  }
}

// --------------------------------------------------------------------------------------------------- place 1: root key

const rootKeyFile = /^root-key\.([1-9][0-9]{0,8})$/
const rootKeyBodyBytes = 4 + xwingCiphertextBytes + nonceBytes + secretBytes + tagBytes

function rootKeyPath(places: Places, generation: number): string {
  return join(places.rootKey, `root-key.${generation}`)
}

/** The generations that are there, ascending; none where the folder is not there. */
function storedGenerations(folder: string): readonly number[] {
  let names: readonly string[]
  try {
    names = readdirSync(folder)
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return []
    throw new CustodyError(1, folder, 'cannot be read.', 'Give the folder to the user that runs Keyward.', cause)
  }
  return names
    .flatMap((name) => rootKeyFile.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((left, right) => left - right)
}

/** What opens and makes root key files, from the seed in place 2. */
type Opener = {
  readonly privateKey: XwingKey
  /**
   * Goes into every root key file's encryption beside what X-Wing encapsulates. Anybody can encrypt to a public key: so
   * that nobody can put a root key of his own into place 1, making one takes the private key too.
   */
  readonly authentication: KeyObject
}

function openerOf(seed: Uint8Array): Opener {
  const authentication = derive(createSecretKey(seed), ['private key', 'authenticates root keys'])
  const opener = { privateKey: openXwing(seed), authentication: createSecretKey(authentication) }
  authentication.fill(0)
  return opener
}

/** The key of one root key file. Wipes the shared secret. */
function rootKeyAead(opener: Opener, sharedSecret: Uint8Array) {
  const salt = opener.authentication.export()
  const key = derive(createSecretKey(sharedSecret), ['root key file'], salt)
  const aead = openXaes(key)
  for (const bytes of [sharedSecret, salt, key]) bytes.fill(0)
  return aead
}

function rootKeyPart(
  opener: Opener,
  installation: Uint8Array,
  generation: number,
  secret: Uint8Array,
  random: Random,
): Uint8Array {
  const header = partHeader(1, installation)
  const { ciphertext, sharedSecret } = encapsulateXwing(opener.privateKey.publicKey, random)
  const aead = rootKeyAead(opener, sharedSecret)
  const sealed = aead.seal(random.bytes(nonceBytes), secret, frame([header, uint32(generation), ciphertext]))
  return encodePart(header, Buffer.concat([uint32(generation), ciphertext, sealed]))
}

function openRootKey(opener: Opener, path: string, generation: number, part: Part): Generation {
  const number = part.body.subarray(0, 4)
  const ciphertext = part.body.subarray(4, 4 + xwingCiphertextBytes)
  const sealed = part.body.subarray(4 + xwingCiphertextBytes)
  if (Buffer.compare(number, uint32(generation)) !== 0)
    throw new CustodyError(1, path, 'holds another generation than its name says.', 'Give it its own name back.')
  const sharedSecret = opener.privateKey.decapsulate(ciphertext)
  const secret =
    sharedSecret === undefined
      ? undefined
      : rootKeyAead(opener, sharedSecret).open(sealed, frame([part.header, number, ciphertext]))
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

// ------------------------------------------------------------------------------------------------ place 2: private key

/** How the unlock key comes about, as it stands at the beginning of the private key's body. */
type Opening = { readonly kind: 'file' } | { readonly kind: 'passphrase'; readonly parameters: Argon2idParameters }

type Argon2idParameters = {
  readonly memoryKiB: number
  readonly passes: number
  readonly parallelism: number
  readonly salt: Uint8Array
}

/** RFC 9106, 4: the second recommended option (64 MiB, 3 passes), with one lane: a third of a second on one core. */
const argon2idNow = { memoryKiB: 65_536, passes: 3, parallelism: 1 }
/** What another version may have written. More than the upper end would only exhaust the machine. */
const argon2idBounds = { memoryKiB: [65_536, 4_194_304], passes: [3, 64], parallelism: [1, 16] } as const
const saltBytes = 16
/** Below this a passphrase is a guess away, whatever Argon2id costs. */
const shortestPassphraseBytes = 12

const sealedSeedBytes = nonceBytes + xwingSeedBytes + tagBytes
const fileOpeningBytes = 1
const passphraseOpeningBytes = 1 + 3 * 4 + saltBytes
const privateKeyBodyBytes = [fileOpeningBytes + sealedSeedBytes, passphraseOpeningBytes + sealedSeedBytes]

function privateKeyPath(places: Places): string {
  return join(places.privateKey, 'private-key')
}

function encodeOpening(opening: Opening): Uint8Array {
  if (opening.kind === 'file') return Uint8Array.of(0)
  const { memoryKiB, passes, parallelism, salt } = opening.parameters
  return Buffer.concat([Uint8Array.of(1), uint32(memoryKiB), uint32(passes), uint32(parallelism), salt])
}

function decodeOpening(places: Places, { body }: Part): Opening {
  const opening = Buffer.from(body.subarray(0, body.length - sealedSeedBytes))
  if (opening.length === fileOpeningBytes && opening[0] === 0) return { kind: 'file' }
  if (opening.length === passphraseOpeningBytes && opening[0] === 1) {
    const parameters = {
      memoryKiB: opening.readUInt32BE(1),
      passes: opening.readUInt32BE(5),
      parallelism: opening.readUInt32BE(9),
      salt: opening.subarray(13),
    }
    const inBounds = (name: keyof typeof argon2idBounds) =>
      parameters[name] >= argon2idBounds[name][0] && parameters[name] <= argon2idBounds[name][1]
    if (inBounds('memoryKiB') && inBounds('passes') && inBounds('parallelism'))
      return { kind: 'passphrase', parameters }
  }
  throw new CustodyError(
    2,
    privateKeyPath(places),
    'says in no known way how it opens.',
    'Start the version of Keyward that wrote it, or restore it from its backup.',
  )
}

function privateKeyAead(unlockKey: KeyObject) {
  const key = derive(unlockKey, ['unlock key', 'private key'])
  const aead = openXaes(key)
  key.fill(0)
  return aead
}

function privateKeyPart(
  installation: Uint8Array,
  opening: Opening,
  unlockKey: KeyObject,
  seed: Uint8Array,
  random: Random,
): Uint8Array {
  const header = partHeader(2, installation)
  const openingBytes = encodeOpening(opening)
  const sealed = privateKeyAead(unlockKey).seal(random.bytes(nonceBytes), seed, frame([header, openingBytes]))
  return encodePart(header, Buffer.concat([openingBytes, sealed]))
}

function openPrivateKey(places: Places, { header, body }: Part, unlockKey: KeyObject): Uint8Array {
  const openingBytes = body.subarray(0, body.length - sealedSeedBytes)
  const sealed = body.subarray(body.length - sealedSeedBytes)
  const seed = privateKeyAead(unlockKey).open(sealed, frame([header, openingBytes]))
  if (seed !== undefined) return seed
  throw places.unlockKey.is === 'passphrase'
    ? new CustodyError(
        3,
        'passphrase',
        `does not open the private key in ${privateKeyPath(places)}.`,
        'Give the passphrase with which this installation was made.',
      )
    : new CustodyError(
        3,
        places.unlockKey.path,
        `does not open the private key in ${privateKeyPath(places)}.`,
        'Restore places 2 and 3 from backups of the same installation.',
      )
}

// ------------------------------------------------------------------------------------------------- place 3: unlock key

const unlockKeyBytes = 32

async function newUnlockKey(
  place: Exclude<UnlockKeyPlace, { is: 'provided' }>,
  installation: Uint8Array,
  random: Random,
): Promise<{ readonly unlockKey: KeyObject; readonly opening: Opening }> {
  if (place.is === 'passphrase') {
    const parameters = { ...argon2idNow, salt: Uint8Array.from(random.bytes(saltBytes)) }
    return { unlockKey: await stretch(place, parameters), opening: { kind: 'passphrase', parameters } }
  }
  const bytes = Uint8Array.from(random.bytes(unlockKeyBytes))
  requireRandom(bytes)
  const part = encodePart(partHeader(3, installation), bytes)
  try {
    write(3, place.path, part, random)
    return { unlockKey: createSecretKey(bytes), opening: { kind: 'file' } }
  } finally {
    bytes.fill(0)
    part.fill(0)
  }
}

async function unlock(places: Places, privateKey: Part, unlockKeyPart: Part | undefined): Promise<KeyObject> {
  const opening = decodeOpening(places, privateKey)
  const place = places.unlockKey
  if (place.is === 'passphrase' && opening.kind === 'passphrase') return stretch(place, opening.parameters)
  if (unlockKeyPart !== undefined && opening.kind === 'file') return createSecretKey(unlockKeyPart.body)
  throw new CustodyError(
    3,
    place.is === 'passphrase' ? 'passphrase' : place.path,
    `is not what opens the private key in ${privateKeyPath(places)}: that one opens with a ${opening.kind}.`,
    'Configure place 3 as it was when the installation was made.',
  )
}

/** The unlock key out of a passphrase. Wipes the passphrase. */
async function stretch(
  place: Extract<UnlockKeyPlace, { is: 'passphrase' }>,
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
  const stretched = await new Promise<Uint8Array>((resolve, reject) => {
    argon2(
      'argon2id',
      { message: passphrase, nonce: salt, parallelism, tagLength: unlockKeyBytes, memory: memoryKiB, passes },
      (error, bytes) => (error === null ? resolve(bytes) : reject(error)),
    )
  }).finally(() => passphrase.fill(0))
  const key = createSecretKey(stretched)
  stretched.fill(0)
  return key
}

// --------------------------------------------------------------------------------------------------------- all places

function requireNothingThere(places: Places): void {
  const there = custodyExists(places)
  if (there === 'none') return
  const paths: Readonly<Record<PlaceNumber, string>> = {
    1: places.rootKey,
    2: privateKeyPath(places),
    3: places.unlockKey.is === 'passphrase' ? 'passphrase' : places.unlockKey.path,
  }
  if (there === 'complete')
    throw new CustodyError(1, places.rootKey, 'holds a root key already; nothing was changed.', 'Open it instead.')
  const [place = 1] = there.present
  const missing = there.missing.map((number) => `place ${number} (${placeNames[number]}, ${paths[number]})`).join(', ')
  throw new CustodyError(
    place,
    paths[place],
    `is there, but missing is ${missing}; nothing was changed.`,
    'Restore what is missing from its backup. Only if this installation has never served, and its creation was cut short: delete what is there, and create it again.',
  )
}

function requireAllThere(places: Places): void {
  const there = custodyExists(places)
  if (there === 'complete') return
  if (there === 'none')
    throw new CustodyError(1, places.rootKey, 'holds no root key.', 'Create the root key, or mend the configuration.')
  const [place = 1] = there.missing
  const path =
    place === 1
      ? places.rootKey
      : place === 2 || places.unlockKey.is === 'passphrase'
        ? privateKeyPath(places)
        : places.unlockKey.path
  throw new CustodyError(
    place,
    path,
    'is missing.',
    'Restore it from its backup, or mend the configuration. Without it no key of this installation can be opened.',
  )
}

/** The parts name their installation; the one that differs from the others is the one to look at. */
function requireOneInstallation(
  parts: readonly { readonly place: PlaceNumber; readonly path: string; readonly part: Part }[],
): void {
  const votes = new Map<string, number>()
  const nameOf = ({ installation }: Part) => Buffer.from(installation).toString('hex')
  for (const { part } of parts) votes.set(nameOf(part), (votes.get(nameOf(part)) ?? 0) + 1)
  const most = Math.max(...votes.values())
  const stranger = parts.find(({ part }) => (votes.get(nameOf(part)) ?? 0) < most || (votes.size > 1 && most === 1))
  if (stranger === undefined) return
  const others = parts.filter(({ part }) => nameOf(part) !== nameOf(stranger.part))
  throw new CustodyError(
    stranger.place,
    stranger.path,
    `belongs to another installation than ${others.map(({ path }) => path).join(' and ')}.`,
    'Put the parts of one installation together.',
  )
}

function write(place: PlaceNumber, path: string, part: Uint8Array, random: Random): void {
  try {
    createDurably(path, part, random.uuid())
  } catch (cause) {
    throw codeOf(cause) === 'EEXIST'
      ? new CustodyError(place, path, 'exists already, and was left as it is.', 'Look who made it just now.', cause)
      : new CustodyError(
          place,
          path,
          `cannot be written (${codeOf(cause)}).`,
          'Give the folder to the user that runs Keyward, on a file system with hard links and room.',
          cause,
        )
  }
}

/** No part is larger: a device or a wrong file is not read into memory. */
const mostPartBytes = 4_096

function readPart(place: PlaceNumber, path: string, warnings: string[]): Uint8Array {
  const bytes = readFile(place, path)
  const { mode } = statSync(path)
  if ((mode & 0o007) !== 0)
    throw new CustodyError(place, path, 'can be reached by every user of this machine.', `Run chmod 600 ${path}.`)
  if ((mode & 0o070) !== 0)
    warnings.push(`Place ${place} (${placeNames[place]}, ${path}) can be reached by a group. Run chmod 600 ${path}.`)
  return bytes
}

/** What is handed in is as open as its provider makes it: containers mount their secrets readable for all. */
function readUnlockKey(place: UnlockKeyPlace, path: string, warnings: string[]): Uint8Array {
  return place.is === 'provided' ? readFile(3, path) : readPart(3, path, warnings)
}

function readFile(place: PlaceNumber, path: string): Uint8Array {
  try {
    if (statSync(path).size <= mostPartBytes) return readFileSync(path)
  } catch (cause) {
    throw new CustodyError(
      place,
      path,
      `cannot be read (${codeOf(cause)}).`,
      'Give the file to the user that runs Keyward, or restore it from its backup.',
      cause,
    )
  }
  throw new CustodyError(place, path, 'is no file of Keyward.', restoreIt)
}

/** A file that cannot be reached is not taken for one that is missing: nobody should restore over it, or create anew. */
function fileExists(place: PlaceNumber, path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined
  } catch (cause) {
    throw new CustodyError(
      place,
      path,
      `cannot be reached (${codeOf(cause)}).`,
      'Give its folder to the user that runs Keyward, or mend the configuration.',
      cause,
    )
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
}

/**
 * Custody of the root key (R29 to R31), in three places that are chosen independently of one another:
 *
 * 1. the root key, on disk only as a ciphertext under a public key (X-Wing, XAES-256-GCM), one file to a generation;
 * 2. the private key that opens it, encrypted under a symmetric key (XAES-256-GCM);
 * 3. that symmetric key, the unlock key: a file, or made of a passphrase (Argon2id, RFC 9106), or by a key in a token.
 *
 * Nobody gets the root key out of fewer than three. A part that is missing, damaged or of another installation stops the
 * start, and nothing is ever overwritten (docs/decisions/root-key-custody.md).
 */
import type { KeyObject } from 'node:crypto'
import type { Random } from '../../domain/ports.ts'
import { renameDurably } from './custody/durable-file.ts'
import { CustodyError, installationBytes, type Part, type PlaceNumber, placeNames } from './custody/part.ts'
import { partExists, readPart, writePart } from './custody/part-file.ts'
import {
  hasUnlockFile,
  type Places,
  privateKeyPath,
  requireSeparate,
  retiredRootKeyPath,
  rootKeyPath,
  unlockKeyPath,
} from './custody/places.ts'
import { decodePrivateKey, encodePrivateKey, openingOf, privateKeyBodyBytes } from './custody/private-key-file.ts'
import {
  decodeRootKey,
  encodeRootKey,
  privateKeyOf,
  rootKeyBodyBytes,
  storedGenerations,
} from './custody/root-key-file.ts'
import { createUnlockKey, openUnlockKey, unlockKeyBytes } from './custody/unlock-key.ts'
import { xwingSeedBytes } from './custody/xwing.ts'
import { drawSecret } from './draw.ts'
import {
  checkValue,
  type Generation,
  generationOf,
  newSecret,
  type RootKeys,
  requireRandom,
  rootKeysOf,
} from './root-keys.ts'

export { CustodyError, type PlaceNumber } from './custody/part.ts'
export type { Places, UnlockKeyPlace, UnlockToken } from './custody/places.ts'

export type Custody = RootKeys & {
  /** What an operator should mend, in whole sentences. */
  readonly warnings: readonly string[]
  /** Where the root key is, in one line. */
  describe(): string
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
    [2, partExists(2, privateKeyPath(places))],
  ]
  if (hasUnlockFile(places)) exists.push([3, partExists(3, unlockKeyPath(places))])
  const missing = exists.filter(([, there]) => !there).map(([place]) => place)
  if (missing.length === 0) return 'complete'
  const present = exists.filter(([, there]) => there).map(([place]) => place)
  return present.length === 0 ? 'none' : { missing, present }
}

/** Draws the root key and everything around it, and opens what it has written. Throws CustodyError. */
export async function createCustody(places: Places, random: Random, options: CustodyOptions = {}): Promise<Custody> {
  requireSeparate(places, options.allowSharedFolders ?? false)
  requireNothingThere(places)
  const installation = Uint8Array.from(random.bytes(installationBytes))
  const seed = drawSecret(random, xwingSeedBytes)
  const secret = newSecret(random)
  try {
    requireRandom(seed)
    // The root key comes last: while it is not there, nothing has ever been sealed.
    const { unlockKey, opening } = await createUnlockKey(places, installation, random)
    writePart(2, privateKeyPath(places), encodePrivateKey(seed, { installation, opening, unlockKey }, random), random)
    const rootKey = encodeRootKey(privateKeyOf(seed), { installation, generation: 1, secret }, random)
    writePart(1, rootKeyPath(places, 1), rootKey, random)
    // A passphrase is asked for once; a token shows that it gives the same key again.
    return await open(places, random, options, opening.by === 'token' ? undefined : unlockKey)
  } finally {
    seed.fill(0)
    secret.fill(0)
  }
}

/** Throws CustodyError; changes nothing. */
export function openCustody(places: Places, random: Random, options: CustodyOptions = {}): Promise<Custody> {
  return open(places, random, options)
}

/**
 * Another way to the same root key: places 2 and 3 anew, in other places, by which it opens as well. To move to another kind
 * of place 3, or to keep a way in for the day a token is lost. What was there stays as it is. Throws CustodyError.
 */
export async function addUnlocking(
  places: Places,
  added: Pick<Places, 'privateKey' | 'unlockKey'>,
  random: Random,
): Promise<Custody> {
  const to: Places = { rootKey: places.rootKey, ...added }
  requireSeparate(to, false)
  requireAllThere(places)
  for (const [place, path] of [
    [2, privateKeyPath(to)],
    ...(hasUnlockFile(to) ? [[3, unlockKeyPath(to)] as const] : []),
  ] as const)
    if (partExists(place, path))
      throw new CustodyError(place, path, 'is there already, and was left as it is.', 'Name another place.')
  const part = readPart(2, privateKeyPath(places), { bodyBytes: privateKeyBodyBytes })
  const present = readUnlockKey(places, [])
  const seed = decodePrivateKey(places, part, await openUnlockKey(places, openingOf(places, part), present))
  present?.body.fill(0)
  try {
    const { installation } = part
    const { unlockKey, opening } = await createUnlockKey(to, installation, random)
    writePart(2, privateKeyPath(to), encodePrivateKey(seed, { installation, opening, unlockKey }, random), random)
  } finally {
    seed.fill(0)
  }
  return open(to, random, {})
}

/** With the unlock key where it is known already. */
async function open(
  places: Places,
  random: Random,
  options: CustodyOptions,
  knownUnlockKey?: KeyObject,
): Promise<Custody> {
  const warnings = [...requireSeparate(places, options.allowSharedFolders ?? false)]
  requireAllThere(places)
  const rootKeyParts = storedGenerations(places.rootKey).map((number) => {
    const path = rootKeyPath(places, number)
    return { place: 1 as const, path, number, part: readPart(1, path, { bodyBytes: rootKeyBodyBytes, warnings }) }
  })
  const privateKeyPart = readPart(2, privateKeyPath(places), { bodyBytes: privateKeyBodyBytes, warnings })
  const unlockKeyPart = readUnlockKey(places, warnings)
  const privateKeyPlace = { place: 2 as const, path: privateKeyPath(places), part: privateKeyPart }
  requireOneInstallation([
    ...rootKeyParts,
    privateKeyPlace,
    ...(unlockKeyPart === undefined ? [] : [{ place: 3 as const, path: unlockKeyPath(places), part: unlockKeyPart }]),
  ])

  const unlockKey = knownUnlockKey ?? (await openUnlockKey(places, openingOf(places, privateKeyPart), unlockKeyPart))
  unlockKeyPart?.body.fill(0)
  const seed = decodePrivateKey(places, privateKeyPart, unlockKey)
  const privateKey = privateKeyOf(seed)
  seed.fill(0)
  const generations = new Map<number, Generation>()
  for (const { number, path, part } of rootKeyParts) admit(number, decodeRootKey(privateKey, path, number, part))

  function admit(number: number, generation: Generation): void {
    const [first] = generations.values()
    if (first !== undefined && !first.lastingKey.equals(generation.lastingKey))
      throw new CustodyError(
        1,
        rootKeyPath(places, number),
        'has another lasting key than the generations before it.',
        'Restore place 1 from its backup.',
      )
    generations.set(number, generation)
  }

  function readRootKey(number: number): Generation {
    const path = rootKeyPath(places, number)
    const part = readPart(1, path, { bodyBytes: rootKeyBodyBytes })
    requireOneInstallation([{ place: 1, path, part }, privateKeyPlace])
    return decodeRootKey(privateKey, path, number, part)
  }

  /** Another process may have added a generation: it must be used from the moment it is there. */
  function refresh(): void {
    for (const number of storedGenerations(places.rootKey))
      if (!generations.has(number)) admit(number, readRootKey(number))
  }

  const rootKeys = rootKeysOf(generations, refresh)
  return {
    ...rootKeys,
    warnings,
    describe: () =>
      `generation ${rootKeys.newest()}: place 1 ${places.rootKey}, place 2 ${places.privateKey}, place 3 ${unlockKeyPath(places)}`,
    addGeneration() {
      const newest = rootKeys.newest()
      const generation = newest + 1
      const secret = newSecret(random, generations.get(newest))
      try {
        const { installation } = privateKeyPart
        const rootKey = encodeRootKey(privateKey, { installation, generation, secret }, random)
        writePart(1, rootKeyPath(places, generation), rootKey, random)
      } finally {
        secret.fill(0)
      }
      // Read from the disk: what cannot be read back must not seal anything.
      refresh()
      return generation
    },
    retireGenerations() {
      const newest = rootKeys.newest()
      if (checkValue(newest, readRootKey(newest)) !== rootKeys.rootKeyCheck())
        throw new CustodyError(
          1,
          rootKeyPath(places, newest),
          'is not the root key that is in use.',
          'Restore it from its backup.',
        )
      const old = storedGenerations(places.rootKey).filter((number) => number < newest)
      for (const number of old) {
        renameDurably(rootKeyPath(places, number), retiredRootKeyPath(places, number))
        generations.delete(number)
      }
      return old
    },
  }
}

/** Development and tests: a root key that is gone with the process. */
export function memoryCustody(random: Random): Custody {
  const generations = new Map<number, Generation>()
  const rootKeys = rootKeysOf(generations, () => {})
  function add(number: number): number {
    const secret = newSecret(random, generations.get(number - 1))
    generations.set(number, generationOf(secret))
    secret.fill(0)
    return number
  }
  add(1)
  return {
    ...rootKeys,
    warnings: ['The root key is kept in memory only: what is sealed under it is lost with this process.'],
    describe: () => 'in memory only',
    addGeneration: () => add(rootKeys.newest() + 1),
    retireGenerations() {
      const old = rootKeys.generations().slice(0, -1)
      for (const number of old) generations.delete(number)
      return old
    },
  }
}

function readUnlockKey(places: Places, warnings: string[]): Part | undefined {
  switch (places.unlockKey.is) {
    case 'file':
      return readPart(3, unlockKeyPath(places), { bodyBytes: unlockKeyBytes, warnings })
    case 'provided':
      // As open as its provider makes it: containers mount their secrets readable for all.
      return readPart(3, unlockKeyPath(places), { bodyBytes: unlockKeyBytes })
    case 'passphrase':
    case 'token':
      return undefined
  }
}

function requireNothingThere(places: Places): void {
  const there = custodyExists(places)
  if (there === 'none') return
  if (there === 'complete')
    throw new CustodyError(1, places.rootKey, 'holds a root key already; nothing was changed.', 'Open it instead.')
  const [place = 1] = there.present
  const missing = there.missing.map((number) => `place ${number} (${placeNames[number]}, ${pathOf(places, number)})`)
  throw new CustodyError(
    place,
    pathOf(places, place),
    `is there, but not ${missing.join(', nor ')}; nothing was changed.`,
    'Restore what is missing from its backup. Only if this installation has never served, because its creation was cut short: delete what is there, and create it again.',
  )
}

function requireAllThere(places: Places): void {
  const there = custodyExists(places)
  if (there === 'complete') return
  if (there === 'none')
    throw new CustodyError(1, places.rootKey, 'holds no root key.', 'Create it, or mend the configuration.')
  const [place = 1] = there.missing
  throw new CustodyError(
    place,
    pathOf(places, place),
    'is missing.',
    'Restore it from its backup, or mend the configuration. Without it no key of this installation can be opened.',
  )
}

function pathOf(places: Places, place: PlaceNumber): string {
  return { 1: places.rootKey, 2: privateKeyPath(places), 3: unlockKeyPath(places) }[place]
}

/** The parts name their installation; the one that differs from the others is the one to look at. */
function requireOneInstallation(
  parts: readonly { readonly place: PlaceNumber; readonly path: string; readonly part: Part }[],
): void {
  const installationOf = ({ installation }: Part) => Buffer.from(installation).toString('hex')
  const counts = new Map<string, number>()
  for (const { part } of parts) counts.set(installationOf(part), (counts.get(installationOf(part)) ?? 0) + 1)
  if (counts.size === 1) return
  const [[rarest]] = [...counts].sort(([, left], [, right]) => left - right) as [[string, number]]
  const stranger = parts.find(({ part }) => installationOf(part) === rarest)!
  const others = parts.filter(({ part }) => installationOf(part) !== rarest).map(({ path }) => path)
  throw new CustodyError(
    stranger.place,
    stranger.path,
    `belongs to another installation than ${others.join(' and ')}.`,
    'Put the parts of one installation together.',
  )
}

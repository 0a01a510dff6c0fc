import { createSecretKey, type KeyObject } from 'node:crypto'
import type { Random } from '../../domain/ports.ts'
import { derive } from './derive.ts'
import { drawSecret } from './draw.ts'

/**
 * The root key, opened. There are several generations of it while it is rotated: new secrets are sealed under the newest,
 * old ones open under the generation that they name.
 *
 * Beside the root key there is the lasting key. What is derived from it must be the same for ever: fingerprints that tie
 * a key to its first material (R53), keys of tokens. It is drawn once, is kept with every generation, and seals nothing.
 */
export type RootKeys = {
  /** The generation under which to seal just now. */
  newest(): number
  /** Ascending. */
  generations(): readonly number[]
  /** 32 bytes from one generation's root key; undefined where that generation is not open. */
  derive(generation: number, purpose: readonly string[]): Uint8Array | undefined
  /** 32 bytes from the lasting key, the same under every generation. */
  deriveLasting(purpose: readonly string[]): Uint8Array
  /** To be stored with what is sealed, so that a wrong root key is noticed before anything is served. Not secret. */
  rootKeyCheck(): string
  /** Is this the check of a generation that is open? When it is not, nothing may be served. */
  matches(check: string): boolean
}

export const rootKeyBytes = 32

/** One generation: what custody keeps, in the shape in which it is used. */
export type Generation = { readonly rootKey: KeyObject; readonly lastingKey: KeyObject }

export const secretBytes = 2 * rootKeyBytes

/** Root key and lasting key, one after the other; the caller wipes the bytes. */
export function generationOf(secret: Uint8Array): Generation {
  if (secret.length !== secretBytes) throw new Error('a generation has a root key and a lasting key of 32 bytes each')
  return {
    rootKey: createSecretKey(secret.subarray(0, rootKeyBytes)),
    lastingKey: createSecretKey(secret.subarray(rootKeyBytes)),
  }
}

/** The secret of a new generation; the lasting key goes over from the one before. */
export function newSecret(random: Random, before?: Generation): Uint8Array {
  const secret = new Uint8Array(secretBytes)
  const rootKey = drawSecret(random, rootKeyBytes)
  const lastingKey = before === undefined ? drawSecret(random, rootKeyBytes) : before.lastingKey.export()
  secret.set(rootKey)
  secret.set(lastingKey, rootKeyBytes)
  rootKey.fill(0)
  lastingKey.fill(0)
  requireRandom(secret.subarray(0, rootKeyBytes), secret.subarray(rootKeyBytes))
  return secret
}

/** Tells a root key from another, and nothing about it: the generation, and 32 bytes derived from it, hex. */
export function checkValue(number: number, { rootKey }: Generation): string {
  return `${number}:${Buffer.from(derive(rootKey, ['check value'])).toString('hex')}`
}

/** Out of a broken or absent source of chance come equal bytes: a key of such is refused. */
export function requireRandom(...keys: readonly Uint8Array[]): void {
  for (const key of keys)
    if (key.length < rootKeyBytes || key.every((byte) => byte === key[0])) throw new Error('a new key is not random')
}

/** `refresh` looks for generations that came since, and adds them to the map. */
export function rootKeysOf(generations: ReadonlyMap<number, Generation>, refresh: () => void): RootKeys {
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

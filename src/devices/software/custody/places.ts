import { existsSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { CustodyError, type PlaceNumber } from './part.ts'

export type Places = {
  /** Place 1, a folder. */
  readonly rootKey: string
  /** Place 2, a folder. */
  readonly privateKey: string
  /** Place 3. */
  readonly unlockKey: UnlockKeyPlace
}

/** A path names the file, or a folder in which it is called `unlock-key`. */
export type UnlockKeyPlace =
  /** A file of ours, which nobody but this user may read. */
  | { readonly is: 'file'; readonly path: string }
  /** The same file, handed in by what starts the service (a systemd credential, a container's secret): only read. */
  | { readonly is: 'provided'; readonly path: string }
  /** UTF-8. It is asked for when the custody is made or opened, and wiped afterwards. */
  | { readonly is: 'passphrase'; readonly passphrase: () => Uint8Array | Promise<Uint8Array> }
  /** A secret key that never leaves its token (a hardware security module, a TPM). */
  | UnlockToken

export type UnlockToken = {
  readonly is: 'token'
  /** Of the key, for messages. */
  readonly name: string
  /** HMAC-SHA-256 under the key. With `make`, the key is made where it is not there yet. */
  readonly mac: (message: Uint8Array, make: boolean) => Promise<Uint8Array>
}

export function rootKeyPath(places: Places, generation: number): string {
  return join(places.rootKey, `root-key.${generation}`)
}

/** Out of use after a rotation; opens what is in older backups. */
export function retiredRootKeyPath(places: Places, generation: number): string {
  return join(places.rootKey, `retired-root-key.${generation}`)
}

export function privateKeyPath(places: Places): string {
  return join(places.privateKey, 'private-key')
}

/** Is there a file in place 3? */
export function hasUnlockFile({ unlockKey }: Places): boolean {
  return unlockKey.is === 'file' || unlockKey.is === 'provided'
}

/** What stands for the path where there is no file: `passphrase`, or the name of the key in its token. */
export function unlockKeyPath({ unlockKey }: Places): string {
  if (unlockKey.is === 'passphrase') return 'passphrase'
  if (unlockKey.is === 'token') return `key ${unlockKey.name} in the token`
  const { path } = unlockKey
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true ? join(path, 'unlock-key') : path
}

/**
 * Whoever copies one place must not come away with two: no two of them in one folder, none inside place 1 or 2. Throws
 * CustodyError; where folders may be shared, gives the same as warnings.
 */
export function requireSeparate(places: Places, mayShare: boolean): readonly string[] {
  const folders: { readonly place: PlaceNumber; readonly folder: string; readonly given: string }[] = [
    { place: 1, folder: realFolder(places.rootKey), given: places.rootKey },
    { place: 2, folder: realFolder(places.privateKey), given: places.privateKey },
  ]
  if (hasUnlockFile(places)) {
    const path = unlockKeyPath(places)
    folders.push({ place: 3, folder: realFolder(dirname(path)), given: path })
  }
  const warnings: string[] = []
  for (const outer of folders) {
    for (const inner of folders) {
      const same = outer.folder === inner.folder
      // Two in one folder are found from both sides, and told once: of the later place.
      if (outer === inner || (same && outer.place > inner.place)) continue
      // The folder of place 3 may hold others below it: it is not Keyward's own (/etc, a volume, the data folder).
      if (!same && (outer.place === 3 || !contains(outer.folder, inner.folder))) continue
      const shared = new CustodyError(
        inner.place,
        inner.given,
        `lies in the folder of place ${outer.place}, ${outer.given}: who copies it has both.`,
        'Give each place a folder of its own, on another volume if possible.',
      )
      if (!mayShare) throw shared
      warnings.push(shared.message)
    }
  }
  return warnings
}

function contains(outer: string, inner: string): boolean {
  const way = relative(outer, inner)
  return way !== '..' && !way.startsWith('../') && resolve(way) !== way
}

/** With symbolic links resolved as far as the folder is there already. */
function realFolder(folder: string): string {
  const absolute = resolve(folder)
  if (existsSync(absolute)) return realpathSync(absolute)
  const parent = dirname(absolute)
  return parent === absolute ? absolute : join(realFolder(parent), basename(absolute))
}

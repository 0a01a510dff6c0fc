import { existsSync, realpathSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import type { Places } from './custody.ts'
import { CustodyError, type PlaceNumber } from './custody-part.ts'

/**
 * Whoever copies one place must not come away with two: no two of them in one folder, none inside place 1 or 2. Throws
 * CustodyError; where folders may be shared, gives the same as warnings.
 */
export function requireSeparate(places: Places, mayShare: boolean): readonly string[] {
  const folders: { readonly place: PlaceNumber; readonly folder: string; readonly given: string }[] = [
    { place: 1, folder: realFolder(places.rootKey), given: places.rootKey },
    { place: 2, folder: realFolder(places.privateKey), given: places.privateKey },
  ]
  if (places.unlockKey.is !== 'passphrase') {
    const { path } = places.unlockKey
    folders.push({ place: 3, folder: realFolder(dirname(path)), given: path })
  }
  const warnings: string[] = []
  for (const outer of folders) {
    for (const inner of folders) {
      if (outer === inner || !(outer.place < 3 ? contains(outer.folder, inner.folder) : outer.folder === inner.folder))
        continue
      // Two in the same folder are found from both sides; said once, of the later place.
      if (outer.folder === inner.folder && outer.place > inner.place) continue
      const problem = new CustodyError(
        inner.place,
        inner.given,
        `lies in the folder of place ${outer.place}, ${outer.given}: who copies it has both.`,
        'Give each place a folder of its own, on another volume if possible.',
      )
      if (!mayShare) throw problem
      warnings.push(problem.message)
    }
  }
  return warnings
}

function contains(outer: string, inner: string): boolean {
  const way = relative(outer, inner)
  return way === '' || (way !== '..' && !way.startsWith('../') && !way.startsWith('..\\') && resolve(way) !== way)
}

/** With symbolic links resolved as far as the folder is there already. */
function realFolder(folder: string): string {
  const absolute = resolve(folder)
  if (existsSync(absolute)) return realpathSync(absolute)
  const parent = dirname(absolute)
  return parent === absolute ? absolute : join(realFolder(parent), basename(absolute))
}

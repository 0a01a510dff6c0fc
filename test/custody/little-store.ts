import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openCustody, type Places } from '../../src/devices/software/custody.ts'
import { createSealer } from '../../src/devices/software/sealer.ts'
import type { Random } from '../../src/domain/ports.ts'

export function placesIn(home: string): Places {
  return {
    rootKey: join(home, 'one'),
    privateKey: join(home, 'two'),
    unlockKey: { is: 'file', path: join(home, 'three', 'unlock-key') },
  }
}

/** What is sealed under the root key, each under its own name, and beside it the root key's check. */
export const secretNames = ['a', 'b']
export const checkName = 'check'

export function readStore(home: string, name: string): string {
  return readFileSync(join(home, 'store', name), 'latin1')
}

/** All or nothing, like the commit of a store. */
export function writeStore(home: string, name: string, text: string): void {
  const path = join(home, 'store', name)
  writeFileSync(`${path}.new`, text)
  renameSync(`${path}.new`, path)
}

/** A whole rotation of the root key, from wherever it was left. */
export async function rotate(home: string, random: Random): Promise<void> {
  const custody = await openCustody(placesIn(home), random)
  const sealer = createSealer({ rootKeys: custody, random })
  // One that was begun is taken up, not begun again.
  if (custody.generations().length === 1) custody.addGeneration()
  writeStore(home, checkName, custody.rootKeyCheck())
  for (const name of secretNames) {
    const resealed = sealer.reseal([name], readStore(home, name))
    if (resealed !== undefined) writeStore(home, name, resealed)
  }
  custody.retireGenerations()
}

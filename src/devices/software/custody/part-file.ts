/** Parts on disk: read with care, written once, never overwritten. */
import { readFileSync, statSync } from 'node:fs'
import type { Random } from '../../../domain/ports.ts'
import { createDurably } from './durable-file.ts'
import { CustodyError, decodePart, type Part, type PlaceNumber, placeNames } from './part.ts'

/** No part is larger: a device or a wrong file is not read into memory. */
const mostPartBytes = 4_096

export type Reading = {
  /** The lengths that the body can have. */
  readonly bodyBytes: readonly number[]
  /** What an operator should mend goes here. Without it, and for files that are handed in, nobody looks at the mode. */
  readonly warnings?: string[]
}

/** Throws CustodyError. */
export function readPart(place: PlaceNumber, path: string, { bodyBytes, warnings }: Reading): Part {
  let bytes: Uint8Array
  try {
    const file = statSync(path)
    // Containers make a folder of what should have been mounted and was not there.
    if (!file.isFile() || file.size > mostPartBytes)
      throw new CustodyError(place, path, 'is no file of Keyward.', 'Restore it from its backup, or mount it.')
    if (warnings !== undefined) checkMode(place, path, file.mode, warnings)
    bytes = readFileSync(path)
  } catch (cause) {
    if (cause instanceof CustodyError) throw cause
    throw new CustodyError(
      place,
      path,
      `cannot be read (${codeOf(cause)}).`,
      'Give the file to the user that runs Keyward, or restore it from its backup.',
      cause,
    )
  }
  return decodePart(place, path, bytes, bodyBytes)
}

/** A group may be how a platform mounts volumes (Kubernetes' fsGroup): told, not refused. */
function checkMode(place: PlaceNumber, path: string, mode: number, warnings: string[]): void {
  const mend = `Run chmod 600 ${path}.`
  if ((mode & 0o007) !== 0) throw new CustodyError(place, path, 'is open to every user of this machine.', mend)
  if ((mode & 0o070) !== 0)
    warnings.push(`Place ${place} (${placeNames[place]}, ${path}) is open to a group of users. ${mend}`)
}

/** Durable once this returns. Throws CustodyError, also where the file exists: it is left as it was. */
export function writePart(place: PlaceNumber, path: string, part: Uint8Array, random: Random): void {
  try {
    createDurably(path, part, random.uuid())
  } catch (cause) {
    throw codeOf(cause) === 'EEXIST'
      ? new CustodyError(place, path, 'exists already, and was left as it is.', 'See who made it just now.', cause)
      : new CustodyError(
          place,
          path,
          `cannot be written (${codeOf(cause)}).`,
          'Give the folder to the user that runs Keyward, on a file system that has room and hard links.',
          cause,
        )
  }
}

/** A file that cannot be reached is not taken for one that is missing: nobody should restore over it, or create anew. */
export function partExists(place: PlaceNumber, path: string): boolean {
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

/** The code of a system error, such as ENOENT. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
}

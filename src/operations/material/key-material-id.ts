import { createHash } from 'node:crypto'
import { z } from 'zod'
import { problem } from '../../domain/errors.ts'
import type { Key } from '../../domain/key.ts'
import type { World } from '../../domain/ports.ts'
import { allVersions } from '../versions/all-versions.ts'

/** AWS's id of key material, here of the version it belongs to: 64 hex digits, the SHA-256 of the version's id. */
export function keyMaterialIdOf(versionId: string): string {
  return createHash('sha256').update(versionId).digest('hex')
}

export const keyMaterialId = z
  .string()
  .regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hex digits')
  .optional()
  .describe('If given, the material must be this: the SHA-256, in hex, of the id of its key version.')

/** The version whose material the caller means: the current one where they name none; undefined before the first import. */
export async function versionOfMaterial(
  world: Pick<World, 'store'>,
  key: Key,
  wanted: string | undefined,
): Promise<string | undefined> {
  if (wanted === undefined) return key.currentVersionId
  const ids = (await allVersions(world, key)).map(({ versionId }) => versionId)
  const named = ids.find((versionId) => keyMaterialIdOf(versionId) === wanted)
  if (named === undefined)
    throw problem('IncorrectKeyMaterial', {
      member: 'keyMaterialId',
      message: `The key has no key material with the id ${wanted}.`,
      mend:
        ids.length === 0
          ? 'Leave keyMaterialId out: nothing was imported yet.'
          : `It has: ${ids.map(keyMaterialIdOf).join(', ')}.`,
      facts: { keyId: key.keyId },
    })
  return named
}

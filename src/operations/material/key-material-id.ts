import { createHash } from 'node:crypto'
import { z } from 'zod'
import { problem } from '../../domain/errors.ts'
import type { Key } from '../../domain/key.ts'

/** AWS's id of key material, here of the version it belongs to: 64 hex digits, the SHA-256 of the version's id. */
export function keyMaterialIdOf(versionId: string): string {
  return createHash('sha256').update(versionId).digest('hex')
}

export const keyMaterialId = z
  .string()
  .regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hex digits')
  .optional()
  .describe('If given, the material must be this: the SHA-256, in hex, of the id of its key version.')

/** An imported key has one material; who names another is told so before anything happens. */
export function requireMaterial(key: Key, wanted: string | undefined): void {
  if (wanted === undefined) return
  const own = key.currentVersionId === undefined ? undefined : keyMaterialIdOf(key.currentVersionId)
  if (own !== wanted)
    throw problem('IncorrectKeyMaterial', {
      member: 'keyMaterialId',
      message: `The key has no key material with the id ${wanted}.`,
      mend: own === undefined ? 'Leave keyMaterialId out: nothing was imported yet.' : `Its material is ${own}.`,
      facts: { keyId: key.keyId },
    })
}

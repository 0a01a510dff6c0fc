import { z } from 'zod'
import type { Key, KeyVersion } from '../../domain/key.ts'
import type { Decryptions } from '../../domain/ports.ts'
import { specs } from '../../domain/specs.ts'
import { instant } from '../shapes.ts'

export const keyVersionFacts = z
  .object({
    keyId: z.string(),
    keyVersionId: z.string(),
    number: z.number().int(),
    createdAt: instant(),
    primary: z.boolean().describe('Always false for asymmetric keys: they have no primary version.'),
    lastDecryptedAt: instant().optional(),
    decryptCount: z.number().int().describe('How often this version has decrypted, since the key was made.'),
  })
  .meta({ id: 'KeyVersion' })

export function describeVersion(
  key: Key,
  version: KeyVersion,
  decryptions: ReadonlyMap<string, Decryptions>,
): z.output<typeof keyVersionFacts> {
  return {
    keyId: key.keyId,
    keyVersionId: version.versionId,
    number: version.number,
    createdAt: version.createdAt,
    primary: specs[key.spec].family !== 'asymmetric' && key.currentVersionId === version.versionId,
    lastDecryptedAt: decryptions.get(version.versionId)?.lastAt,
    decryptCount: decryptions.get(version.versionId)?.count ?? 0,
  }
}

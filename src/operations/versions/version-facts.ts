import { z } from 'zod'
import type { Key, KeyVersion } from '../../domain/key.ts'
import { specs } from '../../domain/specs.ts'
import type { Instant } from '../../domain/time.ts'
import { instant } from '../shapes.ts'

export const keyVersionFacts = z
  .object({
    keyId: z.string(),
    keyVersionId: z.string(),
    number: z.number().int(),
    createdAt: instant(),
    primary: z.boolean().describe('Always false for asymmetric keys: they have no primary version.'),
    lastDecryptedAt: instant().optional(),
  })
  .meta({ id: 'KeyVersion' })

export function describeVersion(
  key: Key,
  version: KeyVersion,
  lastDecrypted: ReadonlyMap<string, Instant>,
): z.output<typeof keyVersionFacts> {
  return {
    keyId: key.keyId,
    keyVersionId: version.versionId,
    number: version.number,
    createdAt: version.createdAt,
    primary: specs[key.spec].family !== 'asymmetric' && key.currentVersionId === version.versionId,
    lastDecryptedAt: lastDecrypted.get(version.versionId),
  }
}

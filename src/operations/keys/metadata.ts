/** How a key looks to those who may see it. */
import { z } from 'zod'
import type { Key, MultiRegion } from '../../domain/key.ts'
import { keyArn } from '../../domain/key-reference.ts'
import { deleteAtOf, stateAt } from '../../domain/lifecycle.ts'
import { algorithmsOf, specs } from '../../domain/specs.ts'
import type { Instant } from '../../domain/time.ts'
import { instant, keyProtection, keySpec, keyUsage, tags } from '../shapes.ts'

const copyFacts = z.object({ region: z.string(), keyArn: z.string() })

export const keyMetadata = z
  .object({
    keyId: z.string(),
    keyArn: z.string(),
    account: z.string(),
    region: z.string(),
    description: z.string(),
    keyState: z.enum([
      'Enabled',
      'Disabled',
      'PendingImport',
      'PendingDeletion',
      'PendingReplicaDeletion',
      'Unavailable',
    ]),
    keySpec,
    keyUsage,
    algorithms: z.array(z.string()),
    origin: z.enum(['KEYWARD', 'EXTERNAL', 'EXTERNAL_KEY_STORE']),
    protectionLevel: keyProtection,
    external: z.object({ keyStoreId: z.string(), externalKeyId: z.string() }).optional(),
    createdAt: instant(),
    createdBy: z.string(),
    /** Symmetric and MAC keys only: an asymmetric key has no primary version (R41). */
    primaryVersionId: z.string().optional(),
    newestVersionId: z.string().optional(),
    versionCount: z.number().int(),
    lastRotatedAt: instant(),
    rotation: z
      .object({
        status: z.enum(['Enabled', 'Disabled', 'Suspended']),
        periodDays: z.number().int(),
        nextRotationAt: instant().optional(),
      })
      .optional(),
    deletionProtection: z.object({ reason: z.string() }).optional(),
    deleteAt: instant().optional(),
    pendingWindowInDays: z
      .number()
      .int()
      .optional()
      .describe('Of a primary that waits for its copies: how long after the last of them it will be deleted.'),
    materialExpiresAt: instant().optional(),
    importApproval: z.boolean().optional(),
    defaultFor: z.string().optional(),
    multiRegion: z
      .object({ primary: copyFacts, replicas: z.array(copyFacts) })
      .optional()
      .describe('Where the copies of a multi-Region key are.'),
    tags,
  })
  .meta({ id: 'KeyMetadata' })

export type KeyMetadata = z.output<typeof keyMetadata>

export function describeKey(key: Key, now: Instant): KeyMetadata {
  const state = stateAt(key, now)
  const asymmetric = specs[key.spec].family === 'asymmetric'
  return {
    keyId: key.keyId,
    keyArn: keyArn(key),
    account: key.account,
    region: key.region,
    description: key.description,
    keyState: state.is as KeyMetadata['keyState'],
    keySpec: key.spec,
    keyUsage: key.usage,
    algorithms: [...algorithmsOf(key.spec, key.usage)],
    origin: key.origin,
    protectionLevel: key.protection,
    external: key.external === undefined ? undefined : { ...key.external },
    createdAt: key.createdAt,
    createdBy: key.createdBy,
    primaryVersionId: asymmetric ? undefined : key.currentVersionId,
    newestVersionId: key.currentVersionId,
    versionCount: key.versionCount,
    lastRotatedAt: key.lastRotatedAt,
    rotation:
      key.rotation === undefined
        ? undefined
        : {
            status: !key.rotation.enabled ? 'Disabled' : state.is === 'Enabled' ? 'Enabled' : 'Suspended',
            periodDays: key.rotation.periodDays,
            nextRotationAt: key.rotation.enabled ? key.rotation.nextAt : undefined,
          },
    deletionProtection: key.deletionProtection === undefined ? undefined : { reason: key.deletionProtection.reason },
    deleteAt: deleteAtOf(state),
    pendingWindowInDays: state.is === 'PendingReplicaDeletion' ? state.windowDays : undefined,
    materialExpiresAt: state.is === 'PendingImport' ? undefined : key.materialExpiresAt,
    importApproval: key.importApproval,
    defaultFor: key.defaultFor,
    multiRegion: key.multiRegion === undefined ? undefined : describeCopies(key, key.multiRegion),
    tags: { ...key.tags },
  }
}

function describeCopies(key: Key, { primaryRegion, regions }: MultiRegion): KeyMetadata['multiRegion'] {
  const copyIn = (region: string) => ({ region, keyArn: keyArn({ account: key.account, region, keyId: key.keyId }) })
  return { primary: copyIn(primaryRegion), replicas: regions.filter((region) => region !== primaryRegion).map(copyIn) }
}

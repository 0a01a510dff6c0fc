/** How a key comes to be: its record and its first version, made together. */
import { problem } from '../../domain/errors.ts'
import type { Key, KeyOrigin, KeyVersion, ProtectionLevel } from '../../domain/key.ts'
import type { ExternalKey } from '../../domain/key-store.ts'
import type { Change, World } from '../../domain/ports.ts'
import type { Scope } from '../../domain/scope.ts'
import { algorithmsOf, defaultUsage, type KeySpec, type KeyUsage, keySpecs, specs } from '../../domain/specs.ts'
import { dayMs, type Instant } from '../../domain/time.ts'
import { deviceOf } from '../material.ts'

export type KeyWish = {
  readonly spec: KeySpec
  readonly usage?: KeyUsage | undefined
  readonly origin: KeyOrigin
  readonly protection: ProtectionLevel
  readonly description: string
  readonly rotationPeriodDays?: number | undefined
  readonly tags: Readonly<Record<string, string>>
  readonly deletionProtection?: { readonly reason: string } | undefined
  readonly createdBy: string
  readonly defaultFor?: string
  readonly policy?: string | undefined
  readonly importsEverySpec?: true | undefined
  readonly importApproval?: true | undefined
  readonly multiRegion?: boolean | undefined
  readonly external?: ExternalKey | undefined
}

export async function newKey(
  world: World,
  scope: Scope,
  wish: KeyWish,
  now: Instant,
): Promise<{ readonly key: Key; readonly changes: readonly Change[] }> {
  const usage = wish.usage ?? defaultUsage(wish.spec)
  checkWish(world, wish, usage)
  const id = world.random.uuid()
  const keyId = wish.multiRegion ? `mrk-${id.replaceAll('-', '')}` : id
  const external = wish.origin === 'EXTERNAL'
  const version = external ? undefined : await newVersion(world, { ...scope, keyId, ...wish }, 1, now)
  const key: Key = {
    account: scope.account,
    region: scope.region,
    revision: 1,
    keyId,
    spec: wish.spec,
    usage,
    origin: wish.origin,
    protection: wish.protection,
    description: wish.description,
    createdAt: now,
    createdBy: wish.createdBy,
    state: { is: external ? 'PendingImport' : 'Enabled' },
    ...(version === undefined ? {} : { currentVersionId: version.versionId }),
    versionCount: version === undefined ? 0 : 1,
    lastRotatedAt: now,
    ...(wish.rotationPeriodDays === undefined
      ? {}
      : {
          rotation: {
            enabled: true,
            periodDays: wish.rotationPeriodDays,
            nextAt: now + wish.rotationPeriodDays * dayMs,
          },
        }),
    tags: wish.tags,
    ...(wish.deletionProtection === undefined ? {} : { deletionProtection: wish.deletionProtection }),
    ...(wish.defaultFor === undefined ? {} : { defaultFor: wish.defaultFor }),
    ...(wish.policy === undefined ? {} : { policy: wish.policy }),
    ...(wish.importApproval === undefined ? {} : { importApproval: wish.importApproval }),
    ...(wish.external === undefined ? {} : { external: wish.external }),
    ...(wish.multiRegion ? { multiRegion: { primaryRegion: scope.region, regions: [scope.region] } } : {}),
  }
  const changes: Change[] = [{ put: 'key', record: key }]
  if (version !== undefined) changes.push({ put: 'version', record: version })
  return { key, changes }
}

function checkWish(world: World, wish: KeyWish, usage: KeyUsage): void {
  if (algorithmsOf(wish.spec, usage).length === 0)
    throw problem('InvalidRequest', {
      member: 'keyUsage',
      message: `A key of spec ${wish.spec} cannot be for ${usage}.`,
      mend: `Choose one of: ${Object.keys(specs[wish.spec].usages).join(', ')}.`,
      facts: { spec: wish.spec, usage },
    })
  if (wish.origin === 'EXTERNAL' && wish.spec !== 'AES_256' && !wish.importsEverySpec)
    throw problem('KeyOriginMismatch', {
      member: 'origin',
      message: `Key material of spec ${wish.spec} cannot be imported.`,
      mend: 'Only AES_256 keys take external key material.',
    })
  if (wish.importApproval !== undefined && wish.origin !== 'EXTERNAL')
    throw problem('InvalidRequest', {
      member: 'importApproval',
      message: 'Approval of imports is for keys of external origin.',
      mend: 'Leave importApproval out, or set origin to EXTERNAL.',
    })
  if (wish.external !== undefined && (wish.multiRegion || wish.protection !== 'EXTERNAL'))
    throw problem('InvalidRequest', {
      member: wish.multiRegion ? 'multiRegion' : 'protectionLevel',
      message: 'A key in an external key store is in one region, and of protection level EXTERNAL.',
      mend: 'Leave multiRegion and protectionLevel out.',
    })
  if (wish.rotationPeriodDays !== undefined) requireRotatable({ ...wish, defaultFor: undefined })
  const device = deviceOf(world, wish)
  if (!device.supports(wish.spec, usage)) {
    const possible = keySpecs.filter((spec) => device.supports(spec, usage))
    throw problem('UnsupportedOperation', {
      member: 'keySpec',
      message: `The ${wish.protection} device cannot do ${wish.spec} for ${usage}.`,
      mend:
        possible.length > 0
          ? `Choose another protection level, or one of: ${possible.join(', ')}.`
          : 'Choose another protection level.',
    })
  }
}

/** Automatic rotation is for symmetric keys whose material the service draws (R39, R47). */
export function requireRotatable(key: {
  readonly keyId?: string
  readonly spec: KeySpec
  readonly origin: KeyOrigin
  readonly defaultFor?: string | undefined
}): void {
  if (!specs[key.spec].rotates)
    throw problem('RotationNotSupported', {
      message: `Keys of spec ${key.spec} are not rotated automatically.`,
      mend: 'Make a new version by hand: CreateKeyVersion.',
      facts: { keyId: key.keyId, spec: key.spec },
    })
  if (key.origin !== 'KEYWARD')
    throw problem('RotationNotSupported', {
      message: `Keys of origin ${key.origin} are not rotated by the service, which does not make their material.`,
      mend: 'Create another key with new material, and point the alias at it.',
      facts: { keyId: key.keyId, origin: key.origin },
    })
}

/** The next version of a key, with fresh material. */
export async function newVersion(
  world: World,
  key: Scope & {
    readonly keyId: string
    readonly spec: KeySpec
    readonly protection: ProtectionLevel
    readonly external?: ExternalKey | undefined
  },
  number: number,
  createdAt: Instant,
): Promise<KeyVersion> {
  const binding = {
    account: key.account,
    region: key.region,
    keyId: key.keyId,
    versionId: world.random.uuid(),
    spec: key.spec,
  }
  const { sealed, publicKey } = await deviceOf(world, key).generate(binding)
  return {
    ...binding,
    revision: 1,
    number,
    createdAt,
    sealed,
    ...(key.external === undefined ? {} : { external: key.external }),
    ...(publicKey === undefined ? {} : { publicKey: Buffer.from(publicKey).toString('base64') }),
  }
}

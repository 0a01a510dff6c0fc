/** Default keys (R63, R64, R77): the service makes one where a reserved alias is first used, and looks after it. */
import { Problem } from '../../domain/errors.ts'
import type { Key } from '../../domain/key.ts'
import type { AuditRecord, World } from '../../domain/ports.ts'
import { partitionOf, type Scope } from '../../domain/scope.ts'
import { formatInstant } from '../../domain/time.ts'
import { newKey } from './new-key.ts'

/** `alias/acs/<service>` or `alias/aws/<service>`: a service's name, and nothing below it. */
const reservedName = /^alias\/(?:acs|aws)\/([a-z0-9][a-z0-9-]{0,62})$/

/** Reading 7: yearly. */
const rotationPeriodDays = 365

export function namesDefaultKey(aliasName: string): boolean {
  return reservedName.test(aliasName)
}

/** Exactly one per account, region and name, however many ask at the same moment. */
export async function ensureDefaultKey(world: World, scope: Scope, aliasName: string): Promise<Key | undefined> {
  const now = world.clock.now()
  const { key, changes } = await newKey(
    world,
    scope,
    {
      spec: 'AES_256',
      origin: 'KEYWARD',
      protection: 'SOFTWARE',
      description: `Default key for ${aliasName.slice(aliasName.lastIndexOf('/') + 1)}, managed by the service.`,
      rotationPeriodDays,
      tags: {},
      createdBy: 'service',
      defaultFor: aliasName,
    },
    now,
  )
  const record: AuditRecord = {
    time: formatInstant(now),
    requestId: world.random.uuid(),
    protocol: 'service',
    operation: 'CreateKey',
    ...scope,
    keyId: key.keyId,
    alias: aliasName,
    outcome: 'ok',
    input: { defaultFor: aliasName },
  }
  try {
    await world.store.commit(
      [
        ...changes,
        {
          put: 'alias',
          record: { ...scope, revision: 1, aliasName, keyId: key.keyId, createdAt: now, updatedAt: now },
        },
      ],
      record,
    )
    await world.audit.append(record)
    world.store.settled([record.requestId])
    return key
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'Conflict') throw error
    const alias = await world.store.get('alias', partitionOf(scope), aliasName)
    return alias && world.store.get('key', partitionOf(scope), alias.keyId)
  }
}

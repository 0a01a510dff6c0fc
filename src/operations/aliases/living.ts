import type { Alias } from '../../domain/key.ts'
import { stateAt } from '../../domain/lifecycle.ts'
import type { World } from '../../domain/ports.ts'
import { partitionOf } from '../../domain/scope.ts'
import type { Instant } from '../../domain/time.ts'

/** An alias dies with its key, at the key's time, though its record may be tidied away later. */
export async function aliasOfLivingKey(world: Pick<World, 'store'>, alias: Alias, now: Instant): Promise<boolean> {
  const key = await world.store.get('key', partitionOf(alias), alias.keyId)
  return key !== undefined && stateAt(key, now).is !== 'Deleted'
}

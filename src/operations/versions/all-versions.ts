import type { Key, KeyVersion } from '../../domain/key.ts'
import type { World } from '../../domain/ports.ts'
import { partitionOf } from '../../domain/scope.ts'

/** The oldest first. */
export async function allVersions(world: Pick<World, 'store'>, key: Key): Promise<readonly KeyVersion[]> {
  const versions: KeyVersion[] = []
  let after: string | undefined
  do {
    const page = await world.store.list('version', {
      partition: partitionOf(key),
      index: 'number',
      prefix: `${key.keyId}/`,
      limit: 1000,
      ...(after === undefined ? {} : { after }),
    })
    versions.push(...page.records)
    after = page.next
  } while (after !== undefined)
  return versions
}

import { z } from 'zod'
import type { Key } from '../../domain/key.ts'
import type { World } from '../../domain/ports.ts'
import { keyStoresOf } from '../key-stores/key-stores.ts'
import { operation, present } from '../operation.ts'
import { keyRef } from '../shapes.ts'
import { describeKey as describe, keyMetadata } from './metadata.ts'

export const describeKey = operation({
  name: 'DescribeKey',
  summary: 'Show what a key is and in which state.',
  group: 'keys',
  rest: 'GET /v1/keys/{keyId}',
  cli: 'key describe',
  key: { ...present(), rotates: 'ifPossible' },
  crossAccount: true,
  input: z.strictObject({ keyId: keyRef }),
  output: z.object({ key: keyMetadata }),
  audit: ['keyId'],
  async run({ world, key, now }) {
    const shown = describe(key, now)
    if (!inUse.has(shown.keyState) || !(await isCutOff(world, key))) return { key: shown }
    return { key: { ...shown, keyState: 'Unavailable' as const } }
  },
})

const inUse: ReadonlySet<string> = new Set(['Enabled', 'Disabled'])

/** A key in an external key store is of use only while that is connected. */
async function isCutOff(world: Pick<World, 'store'>, key: Key): Promise<boolean> {
  if (key.external === undefined) return false
  const { stores } = await keyStoresOf(world, key)
  return stores.find(({ keyStoreId }) => keyStoreId === key.external?.keyStoreId)?.connection.is !== 'CONNECTED'
}

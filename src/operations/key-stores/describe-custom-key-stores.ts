import { z } from 'zod'
import { problem } from '../../domain/errors.ts'
import { operation } from '../operation.ts'
import { describeKeyStore, findKeyStore, keyStoreFacts, keyStoreId, keyStoreName, keyStoresOf } from './key-stores.ts'

export const describeCustomKeyStores = operation({
  name: 'DescribeCustomKeyStores',
  summary: 'Show the external key stores, and whether they are connected. There are ten at the most.',
  group: 'keyStores',
  rest: 'GET /v1/key-stores',
  cli: 'key-store list',
  key: undefined,
  input: z.strictObject({ keyStoreId: keyStoreId.optional(), name: keyStoreName.optional() }),
  output: z.object({ keyStores: z.array(keyStoreFacts) }),
  audit: ['keyStoreId', 'name'],
  async run({ world, scope, input }) {
    const all = await keyStoresOf(world, scope)
    if (input.keyStoreId !== undefined) return { keyStores: [describeKeyStore(findKeyStore(all, input.keyStoreId))] }
    const found = all.stores.filter(({ name }) => input.name === undefined || name === input.name)
    if (input.name !== undefined && found.length === 0)
      throw problem('KeyStoreNotFound', {
        message: `There is no key store named ${input.name} in region ${scope.region}.`,
        mend: 'DescribeCustomKeyStores without a name shows those there are.',
      })
    return { keyStores: found.map(describeKeyStore) }
  },
})

import { z } from 'zod'
import { problem } from '../../domain/errors.ts'
import { operation } from '../operation.ts'
import { changedStores, findKeyStore, keyStoreId, keyStoresOf, keysIn, requireConnection } from './key-stores.ts'

export const deleteCustomKeyStore = operation({
  name: 'DeleteCustomKeyStore',
  summary: 'Forget an external key store that is disconnected and has no keys. Nothing happens to its key manager.',
  group: 'keyStores',
  rest: 'DELETE /v1/key-stores/{keyStoreId}',
  cli: 'key-store delete',
  stepUp: true,
  key: undefined,
  input: z.strictObject({ keyStoreId }),
  output: z.object({}),
  audit: ['keyStoreId'],
  async run({ world, scope, now, input, commit }) {
    const all = await keyStoresOf(world, scope)
    const found = findKeyStore(all, input.keyStoreId)
    requireConnection(found, 'DISCONNECTED')
    const [key] = await keysIn(world, scope, found, now)
    if (key !== undefined)
      throw problem('KeyStoreNotEmpty', {
        message: `There are keys in this key store, such as ${key.keyId}.`,
        mend: 'Schedule their deletion, and delete the key store when they are gone.',
      })
    await commit([
      changedStores(
        all,
        all.stores.filter((one) => one !== found),
      ),
    ])
    return {}
  },
})

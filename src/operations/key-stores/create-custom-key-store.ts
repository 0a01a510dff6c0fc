import { z } from 'zod'
import type { KeyStore } from '../../domain/key-store.ts'
import { operation } from '../operation.ts'
import {
  addressOf,
  changedStores,
  describeKeyStore,
  keyStoreFacts,
  keyStoreName,
  keyStoresOf,
  originOf,
  proxyMembers,
  requireUnique,
  sealSecret,
} from './key-stores.ts'

export const createCustomKeyStore = operation({
  name: 'CreateCustomKeyStore',
  summary: 'Make an external key store: keys that a key manager of yours holds the other half of.',
  group: 'keyStores',
  rest: 'POST /v1/key-stores',
  cli: 'key-store create',
  key: undefined,
  input: z.strictObject({ name: keyStoreName, ...proxyMembers }),
  output: z.object({ keyStore: keyStoreFacts }),
  audit: ['name', 'endpoint', 'path', 'accessKeyId'],
  async run({ world, scope, now, input, commit, onBehalf }) {
    const { name, path, accessKeyId, secretAccessKey } = input
    const endpoint = originOf(input.endpoint)
    const keyStoreId = `cks-${world.random.uuid().replaceAll('-', '').slice(0, 17)}`
    const sealedSecret = sealSecret(world, scope, keyStoreId, secretAccessKey)
    const made: KeyStore = {
      keyStoreId,
      name,
      proxy: { endpoint, path, accessKeyId, sealedSecret },
      connection: { is: 'DISCONNECTED' },
      createdAt: now,
    }
    const all = await keyStoresOf(world, scope)
    requireUnique(all, made)
    await world.keyStoreProxies.check(addressOf(scope, made), onBehalf)
    await commit([changedStores(all, [...all.stores, made])])
    return { keyStore: describeKeyStore(made) }
  },
})

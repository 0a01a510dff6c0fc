import { z } from 'zod'
import { problem } from '../../domain/errors.ts'
import type { KeyStore } from '../../domain/key-store.ts'
import { operation } from '../operation.ts'
import {
  addressOf,
  describeKeyStore,
  findKeyStore,
  keyStoreFacts,
  keyStoreId,
  keyStoreName,
  keyStoresOf,
  originOf,
  proxyMembers,
  replacing,
  requireConnection,
  requireUnique,
  sealSecret,
} from './key-stores.ts'

export const updateCustomKeyStore = operation({
  name: 'UpdateCustomKeyStore',
  summary: 'Change the name of an external key store, or where its proxy is and how requests to it are signed.',
  group: 'keyStores',
  rest: 'PATCH /v1/key-stores/{keyStoreId}',
  cli: 'key-store update',
  key: undefined,
  input: z.strictObject({
    keyStoreId,
    name: keyStoreName.optional(),
    endpoint: proxyMembers.endpoint.optional(),
    path: proxyMembers.path.optional(),
    accessKeyId: proxyMembers.accessKeyId.optional(),
    secretAccessKey: proxyMembers.secretAccessKey.optional(),
  }),
  output: z.object({ keyStore: keyStoreFacts }),
  audit: ['keyStoreId', 'name', 'endpoint', 'path', 'accessKeyId'],
  async run({ world, scope, input, commit, onBehalf }) {
    const { name, endpoint, path, accessKeyId, secretAccessKey } = input
    if ((accessKeyId === undefined) !== (secretAccessKey === undefined))
      throw problem('InvalidRequest', {
        member: accessKeyId === undefined ? 'accessKeyId' : 'secretAccessKey',
        message: 'accessKeyId and secretAccessKey go together; one of them is missing.',
        mend: 'Give both, or neither.',
      })
    const all = await keyStoresOf(world, scope)
    const found = findKeyStore(all, input.keyStoreId)
    // The keys of a store stay with its key manager: to another address it goes only when nothing is under way.
    if (endpoint !== undefined) requireConnection(found, 'DISCONNECTED')
    const next: KeyStore = {
      ...found,
      ...(name === undefined ? {} : { name }),
      proxy: {
        ...found.proxy,
        ...(endpoint === undefined ? {} : { endpoint: originOf(endpoint) }),
        ...(path === undefined ? {} : { path }),
        ...(accessKeyId === undefined ? {} : { accessKeyId }),
        ...(secretAccessKey === undefined
          ? {}
          : { sealedSecret: sealSecret(world, scope, found.keyStoreId, secretAccessKey) }),
      },
    }
    requireUnique(all, next)
    if ([endpoint, path, accessKeyId].some((member) => member !== undefined))
      await world.keyStoreProxies.check(addressOf(scope, next), onBehalf)
    await commit([replacing(all, next)])
    return { keyStore: describeKeyStore(next) }
  },
})

/** Keys of an external key store are of use while it is connected; disconnecting it stops them all at once. */
import { z } from 'zod'
import { Problem } from '../../domain/errors.ts'
import type { KeyStore, ProxyFailure } from '../../domain/key-store.ts'
import { operation } from '../operation.ts'
import {
  addressOf,
  describeKeyStore,
  findKeyStore,
  keyStoreFacts,
  keyStoreId,
  keyStoresOf,
  replacing,
  requireConnection,
} from './key-stores.ts'

export const connectCustomKeyStore = operation({
  name: 'ConnectCustomKeyStore',
  summary: 'Connect an external key store to its proxy. Where that fails the store is FAILED, and says why.',
  group: 'keyStores',
  rest: 'POST /v1/key-stores/{keyStoreId}/connect',
  cli: 'key-store connect',
  key: undefined,
  input: z.strictObject({ keyStoreId }),
  output: z.object({ keyStore: keyStoreFacts }),
  audit: ['keyStoreId'],
  async run({ world, scope, input, commit, note, onBehalf }) {
    const all = await keyStoresOf(world, scope)
    const found = findKeyStore(all, input.keyStoreId)
    requireConnection(found, 'DISCONNECTED', 'CONNECTED')
    let connection: KeyStore['connection'] = { is: 'CONNECTED' }
    try {
      await world.keyStoreProxies.check(addressOf(scope, found), onBehalf)
    } catch (error) {
      if (!(error instanceof Problem) || error.code !== 'KeyStoreProxyFailed') throw error
      connection = { is: 'FAILED', failure: error.facts.failure as ProxyFailure }
    }
    const next = { ...found, connection }
    note({ input: { connectionState: connection.is } })
    await commit([replacing(all, next)])
    return { keyStore: describeKeyStore(next) }
  },
})

export const disconnectCustomKeyStore = operation({
  name: 'DisconnectCustomKeyStore',
  summary: 'Disconnect an external key store: its keys cannot be used until it is connected again.',
  group: 'keyStores',
  rest: 'POST /v1/key-stores/{keyStoreId}/disconnect',
  cli: 'key-store disconnect',
  key: undefined,
  input: z.strictObject({ keyStoreId }),
  output: z.object({ keyStore: keyStoreFacts }),
  audit: ['keyStoreId'],
  async run({ world, scope, input, commit }) {
    const all = await keyStoresOf(world, scope)
    const found = findKeyStore(all, input.keyStoreId)
    requireConnection(found, 'CONNECTED', 'FAILED')
    const next: KeyStore = { ...found, connection: { is: 'DISCONNECTED' } }
    await commit([replacing(all, next)])
    return { keyStore: describeKeyStore(next) }
  },
})

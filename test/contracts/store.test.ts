import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Store } from '../../src/domain/ports.ts'
import { cachedStore } from '../../src/stores/cached.ts'
import { memoryStore } from '../../src/stores/memory/store.ts'
import { openSqliteStore } from '../../src/stores/sqlite/store.ts'
import { type StoreUnderTest, storeContract } from './store.ts'

storeContract('The store in memory', async () => inMemory((store) => store, true))
storeContract('A cache in front of the store in memory', async () => inMemory(cached, true))
storeContract('The store in SQLite', async () => inSqlite((store) => store, false))
storeContract('A cache in front of the store in SQLite', async () => inSqlite(cached, true))
storeContract('A cache too small for anything, in front of the store in memory', async () =>
  inMemory((store) => cachedStore(store, { maximumRecords: 1 }), true),
)

function cached(store: Store): Store {
  return cachedStore(store, { maximumRecords: 1000 })
}

async function inMemory(dress: (store: Store) => Store, sameObject: boolean): Promise<StoreUnderTest> {
  const store = dress(memoryStore())
  return { store, sameObject, end: () => store.close() }
}

async function inSqlite(dress: (store: Store) => Store, sameObject: boolean): Promise<StoreUnderTest> {
  const directory = await mkdtemp(join(tmpdir(), 'keyward-store-'))
  const file = join(directory, 'keyward.db')
  const first = dress(await openSqliteStore({ file }))
  let store = first
  return {
    store,
    sameObject,
    reopen: async () => {
      await store.close()
      store = dress(await openSqliteStore({ file }))
      return store
    },
    end: async () => {
      await store.close()
      await rm(directory, { recursive: true })
    },
  }
}

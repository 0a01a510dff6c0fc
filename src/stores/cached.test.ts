import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { conflict, put, remove } from '../../test/contracts/store.ts'
import { alias, key, partition, version } from '../../test/contracts/store-records.ts'
import type { Store } from '../domain/ports.ts'
import { cachedStore } from './cached.ts'
import type { ForeignCommits, StoreEngine } from './engine.ts'
import { memoryStore } from './memory/store.ts'
import type { RecordName } from './rows.ts'

/** A store whose reads and commits can be held up, before or after they have happened, and are counted. */
function slowStore() {
  const store = memoryStore()
  let reads = 0
  const gates: { before?: Promise<void>; after?: Promise<void> } = {}
  const slow: Store = {
    ...store,
    get: async (...name) => {
      reads++
      const { before, after } = gates
      await before
      const record = await store.get(...name)
      await after
      return record
    },
    commit: async (...changes) => {
      const { before, after } = gates
      await before
      await store.commit(...changes)
      await after
    },
  }
  return { store, slow, gates, reads: () => reads }
}

const name = ['alias', partition, 'a'] as const

test('a record is read once, and so is that there is none', async () => {
  const { slow, reads } = slowStore()
  const cache = cachedStore(slow, { maximumRecords: 10 })
  await cache.commit([put('alias', alias('a'))])
  for (let time = 0; time < 3; time++) {
    assert.ok(await cache.get(...name))
    assert.equal(await cache.get('alias', partition, 'none'), undefined)
  }
  assert.equal(reads(), 2)
  await cache.commit([put('alias', alias('none'))])
  assert.ok(await cache.get('alias', partition, 'none'))
})

test('those who ask for a cold record at the same time share one read', async () => {
  const { store, slow, reads } = slowStore()
  await store.commit([put('alias', alias('a'))])
  const cache = cachedStore(slow, { maximumRecords: 10 })
  const [first, ...others] = await Promise.all(Array.from({ length: 20 }, () => cache.get(...name)))
  assert.ok(first)
  assert.ok(others.every((other) => other === first))
  assert.equal(reads(), 1)
})

test('a cold key and its latest version are one read, unless a commit overtakes it', async () => {
  const engine = memoryStore()
  let reads = 0
  let overtake: (() => Promise<void>) | undefined
  const counted: StoreEngine = {
    ...engine,
    get: async (...wanted) => {
      reads++
      return engine.get(...wanted)
    },
    getWithNext: async (...wanted) => {
      reads++
      const found = await engine.getWithNext(...wanted)
      await overtake?.()
      return found
    },
  }
  await engine.commit([put('key', key('k')), put('version', version('k', 1)), put('version', version('k', 2))])
  const cold = () => cachedStore(counted, { maximumRecords: 10 })
  const readsOf = async (cache: Store, versionId: string) => {
    const before = reads
    assert.deepEqual(await cache.get('key', partition, 'k'), key('k'))
    assert.equal((await cache.get('version', partition, `k/${versionId}`))?.versionId, versionId)
    return reads - before
  }
  const cache = cold()
  assert.equal(await readsOf(cache, 'v2'), 1)
  assert.equal(await readsOf(cache, 'v2'), 0)
  assert.equal(await readsOf(cache, 'v1'), 1)

  const overtaken = cold()
  overtake = async () => {
    overtake = undefined
    await overtaken.commit([put('version', { ...version('k', 2), revision: 2, createdAt: 7 })])
  }
  await overtaken.get('key', partition, 'k')
  assert.equal((await overtaken.get('version', partition, 'k/v2'))?.createdAt, 7)
})

test('a read that failed is not remembered', async () => {
  const store = memoryStore()
  await store.commit([put('alias', alias('a'))])
  let fails = true
  const failing: Store = {
    ...store,
    get: (...wanted) => (fails ? Promise.reject(new Error('broken')) : store.get(...wanted)),
  }
  const cache = cachedStore(failing, { maximumRecords: 10 })
  await assert.rejects(async () => cache.get(...name), /broken/)
  fails = false
  assert.ok(await cache.get(...name))
})

test('a read that a commit overtook never puts the old record back', async () => {
  const { store, slow, gates } = slowStore()
  await store.commit([put('alias', alias('a'))])
  const cache = cachedStore(slow, { maximumRecords: 10 })
  const gate = Promise.withResolvers<void>()
  gates.after = gate.promise
  const overtaken = cache.get(...name)
  await new Promise(setImmediate)
  delete gates.after
  await cache.commit([put('alias', alias('a', { revision: 2 }))])
  // Whoever asks now sees the commit, although the older read is still under way.
  assert.equal((await cache.get(...name))?.revision, 2)
  gate.resolve()
  await overtaken
  assert.equal((await cache.get(...name))?.revision, 2)
})

test('a read that begins while a commit is under way is not kept', async () => {
  const { store, slow, gates } = slowStore()
  await store.commit([put('alias', alias('a'))])
  const cache = cachedStore(slow, { maximumRecords: 10 })
  assert.equal((await cache.get(...name))?.revision, 1)
  const gate = Promise.withResolvers<void>()
  gates.before = gate.promise
  const committed = cache.commit([put('alias', alias('a', { revision: 2 }))])
  delete gates.before
  const readGate = Promise.withResolvers<void>()
  gates.after = readGate.promise
  const early = cache.get(...name)
  await new Promise(setImmediate)
  delete gates.after
  gate.resolve()
  await committed
  readGate.resolve()
  assert.equal((await early)?.revision, 1)
  assert.equal((await cache.get(...name))?.revision, 2)
})

test('once anybody saw the new record nobody is given the old one, answered or not', async () => {
  const { store, slow, gates } = slowStore()
  await store.commit([put('alias', alias('a'))])
  const cache = cachedStore(slow, { maximumRecords: 10 })
  await cache.get(...name)
  const gate = Promise.withResolvers<void>()
  gates.after = gate.promise
  const committed = cache.commit([put('alias', alias('a', { revision: 2 }))])
  delete gates.after
  await new Promise(setImmediate)
  assert.equal((await cache.list('alias', { partition, limit: 1 })).records[0]?.revision, 2)
  assert.equal((await cache.get(...name))?.revision, 2)
  gate.resolve()
  await committed
})

test('after a commit that failed the record is read anew, for nobody knows what happened', async () => {
  const store = memoryStore()
  await store.commit([put('alias', alias('a'))])
  const lossy: Store = {
    ...store,
    commit: async (...changes) => {
      await store.commit(...changes)
      throw new Error('The connection was lost.')
    },
  }
  const cache = cachedStore(lossy, { maximumRecords: 10 })
  await cache.get(...name)
  await assert.rejects(cache.commit([put('alias', alias('a', { revision: 2 }))]), /lost/)
  assert.equal((await cache.get(...name))?.revision, 2)
})

test('a commit that conflicts costs nobody else the record', async () => {
  const { slow, reads } = slowStore()
  const cache = cachedStore(slow, { maximumRecords: 10 })
  await cache.commit([put('alias', alias('a')), put('alias', alias('b'))])
  const other = await cache.get('alias', partition, 'b')
  await assert.rejects(cache.commit([put('alias', alias('a'))]), conflict)
  assert.equal(await cache.get('alias', partition, 'b'), other)
  assert.equal(reads(), 1)
})

test('a record that was removed and made anew at the same revision is the new one in lists too', async () => {
  const cache = cachedStore(memoryStore(), { maximumRecords: 10 })
  await cache.commit([put('alias', alias('a', { keyId: 'old' }))])
  await cache.get(...name)
  await cache.commit([remove('alias', alias('a')), put('alias', alias('a', { keyId: 'new' }))])
  assert.equal((await cache.list('alias', { partition, limit: 1 })).records[0]?.keyId, 'new')
  assert.equal((await cache.get(...name))?.keyId, 'new')
})

test('a page stays what it was at its moment, whatever is committed while it is on its way', async () => {
  const store = memoryStore()
  const gate = Promise.withResolvers<void>()
  const slow: Store = {
    ...store,
    list: async (...wanted) => {
      const page = await store.list(...wanted)
      await gate.promise
      return page
    },
  }
  const cache = cachedStore(slow, { maximumRecords: 10 })
  await cache.commit([put('alias', alias('a', { keyId: 'old' })), put('alias', alias('b', { keyId: 'old' }))])
  const listed = cache.list('alias', { partition, limit: 2 })
  await cache.commit([remove('alias', alias('a')), remove('alias', alias('b'))])
  await cache.commit([put('alias', alias('a', { keyId: 'new' }))])
  await cache.get(...name)
  gate.resolve()
  assert.deepEqual(
    (await listed).records.map((record) => record.keyId),
    ['old', 'old'],
  )
})

test('in whatever order reads and commits come through, nobody is given what was overwritten before he asked', async () => {
  const step = fc.record({ write: fc.boolean(), id: fc.constantFrom('a', 'b') })
  const clients = fc.array(fc.array(step, { minLength: 1, maxLength: 5 }), { minLength: 2, maxLength: 4 })
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), clients, async (scheduler, plans) => {
      const pause = () => scheduler.schedule(Promise.resolve())
      const store = memoryStore()
      const slow: Store = {
        ...store,
        get: async (...wanted) => {
          await pause()
          const record = await store.get(...wanted)
          await pause()
          return record
        },
        list: async (...wanted) => {
          await pause()
          const page = await store.list(...wanted)
          await pause()
          return page
        },
        commit: async (...changes) => {
          await pause()
          await store.commit(...changes)
          await pause()
        },
      }
      const cache = cachedStore(slow, { maximumRecords: 10 })
      /** Of each record the highest revision that was answered to anybody, by a read or a commit. */
      const known = { a: 0, b: 0 } as Record<string, number>
      const told = (id: string, revision: number) => {
        known[id] = Math.max(known[id] ?? 0, revision)
      }
      const client = async (plan: readonly { readonly write: boolean; readonly id: string }[]) => {
        for (const { write, id } of plan) {
          const atLeast = known[id] ?? 0
          const revision = (await cache.get('alias', partition, id))?.revision ?? 0
          assert.ok(revision >= atLeast, `${id}: ${revision} was read, ${atLeast} was known`)
          told(id, revision)
          if (write)
            await cache.commit([put('alias', alias(id, { revision: revision + 1 }))]).then(
              () => told(id, revision + 1),
              (error) => conflict(error),
            )
          else {
            const before = known[id] ?? 0
            const { records } = await cache.list('alias', { partition, prefix: id, limit: 1 })
            const listed = records[0]?.revision ?? 0
            assert.ok(listed >= before, `${id}: ${listed} was listed, ${before} was known`)
            told(id, listed)
          }
        }
      }
      const done = Promise.all(plans.map(client))
      await scheduler.waitFor(done)
    }),
    { numRuns: 300 },
  )
})

test('no more records are kept than were allowed', async () => {
  const { slow, reads } = slowStore()
  const cache = cachedStore(slow, { maximumRecords: 2 })
  await cache.commit(['a', 'b', 'c'].map((aliasName) => put('alias', alias(aliasName))))
  for (const aliasName of ['a', 'b', 'c', 'a']) await cache.get('alias', partition, aliasName)
  assert.equal(reads(), 4)
  await cache.get('alias', partition, 'c')
  assert.equal(reads(), 4)
})

test('no two names share a place', async () => {
  const cache = cachedStore(memoryStore(), { maximumRecords: 10 })
  await cache.commit([put('alias', { ...alias('1/local'), account: 'a', region: 'b' })])
  assert.ok(await cache.get('alias', 'a/b', '1/local'))
  assert.equal(await cache.get('alias', 'a/', 'b1/local'), undefined)
  assert.equal(await cache.get('alias', 'a/b1', '/local'), undefined)
})

test('commits of others end what was kept: all of it, or what the store names', async () => {
  const store = memoryStore()
  await store.commit([put('alias', alias('a')), put('alias', alias('b'))])
  let generation: number | undefined = 1
  let changed: (names: readonly RecordName[]) => void = () => {}
  const shared: Store & ForeignCommits = {
    ...store,
    generation: () => generation,
    watch: (listener) => {
      changed = listener
    },
  }
  const cache = cachedStore(shared, { maximumRecords: 10 })
  const revision = async (id: string) => (await cache.get('alias', partition, id))?.revision
  assert.deepEqual([await revision('a'), await revision('b')], [1, 1])

  await store.commit([put('alias', alias('a', { revision: 2 })), put('alias', alias('b', { revision: 2 }))])
  assert.deepEqual([await revision('a'), await revision('b')], [1, 1])
  changed([{ collection: 'alias', partition, id: 'a' }])
  assert.deepEqual([await revision('a'), await revision('b')], [2, 1])
  generation = 2
  assert.deepEqual([await revision('a'), await revision('b')], [2, 2])

  generation = undefined
  await store.commit([put('alias', alias('a', { revision: 3 }))])
  assert.equal(await revision('a'), 3)
  await store.commit([put('alias', alias('a', { revision: 4 }))])
  assert.equal(await revision('a'), 4)
  generation = 2
  assert.equal(await revision('a'), 4)
})

test('after a commit of others a record is read once more, and is the same object unless it has changed', async () => {
  const { store, slow, reads } = slowStore()
  await store.commit([put('alias', alias('a')), put('alias', alias('b')), put('alias', alias('c'))])
  let generation: number | undefined = 1
  const cache = cachedStore({ ...slow, generation: () => generation }, { maximumRecords: 10 })
  const get = (id: string) => cache.get('alias', partition, id)
  const before = await Promise.all(['a', 'b', 'c', 'none'].map(get))
  await store.commit([put('alias', alias('b', { revision: 2 }))])
  // Made anew at the same revision: another record.
  await store.commit([remove('alias', alias('c'))])
  await store.commit([put('alias', alias('c', { keyId: 'other' }))])
  await store.commit([put('alias', alias('none'))])
  generation = 2
  const readBefore = reads()
  for (let round = 0; round < 2; round++) {
    assert.equal(await get('a'), before[0])
    assert.equal((await get('b'))?.revision, 2)
    assert.equal((await get('c'))?.keyId, 'other')
    assert.equal((await get('none'))?.revision, 1)
  }
  assert.equal(reads() - readBefore, 4)
  generation = undefined
  assert.equal(await get('a'), before[0], 'the same object, though it is read each time')
  assert.equal(await get('a'), before[0])
  assert.equal(reads() - readBefore, 6)
})

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { conflict, put } from '../../test/contracts/store.ts'
import { alias, auditRecord, dyingKey, partition, setting } from '../../test/contracts/store-records.ts'
import { copyStore } from './copy.ts'
import type { StoreEngine } from './engine.ts'
import { memoryStore } from './memory/store.ts'
import { openSqliteStore } from './sqlite/store.ts'

/** Several pages of one collection, two partitions, revisions above one, odd names, and two unsettled records. */
async function filled(): Promise<StoreEngine> {
  const store = memoryStore()
  await store.commit(Array.from({ length: 2_500 }, (_, at) => put('alias', alias(`alias/${at}`))))
  await store.commit([
    put('alias', alias('alias/7', { revision: 2, keyId: 'moved' })),
    put('alias', alias('alias/7', { region: 'elsewhere' })),
    put('alias', alias('\0\ud83d\udd11\uffff')),
    put('key', dyingKey('k1', 7)),
    put('setting', setting('s', 'v')),
  ])
  await store.commit([], auditRecord('r2'))
  await store.commit([], auditRecord('r1'))
  return store
}

test('a copy holds everything: records, revisions, orders, unsettled audit records', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'keyward-copy-'))
  const source = await filled()
  const file = await openSqliteStore({ file: join(directory, 'keyward.db') })
  const back = memoryStore()
  try {
    const told: number[] = []
    const copied = await copyStore(source, file, { progress: (_, records) => told.push(records) })
    assert.equal(copied.alias, 2_502)
    assert.equal(copied.key, 1)
    assert.ok(told.includes(1_000) && told.includes(2_502))
    assert.deepEqual(await copyStore(file, back), copied)
    assert.equal((await back.get('alias', partition, 'alias/7'))?.revision, 2)
    assert.deepEqual(
      (await back.unsettled()).map((record) => record.requestId),
      ['r2', 'r1'],
    )
    assert.equal((await back.due('key', 7, 1)).length, 1)
    await back.commit([put('alias', alias('alias/7', { revision: 3 }))])
  } finally {
    await file.close()
    await rm(directory, { recursive: true })
  }
})

test('a copy that broke off is begun again, and ends the same', async () => {
  const source = await filled()
  const target = memoryStore()
  let loads = 0
  const breaking: StoreEngine = {
    ...target,
    load: async (collection, records) => {
      await target.load(collection, records)
      if (++loads === 2) throw new Error('The power went out.')
    },
  }
  await assert.rejects(copyStore(source, breaking), /power/)
  assert.ok((await target.count('alias', partition)) > 0)
  const copied = await copyStore(source, breaking)
  assert.deepEqual(await copyStore(source, target), copied)
  assert.equal((await target.unsettled()).length, 2)
})

test('a copy never overwrites, and is no copy where the target holds more', async () => {
  const source = await filled()
  const other = memoryStore()
  await other.commit([put('alias', alias('alias/7', { keyId: 'mine' }))])
  await assert.rejects(copyStore(source, other), conflict)
  assert.equal((await other.get('alias', partition, 'alias/7'))?.keyId, 'mine')

  const more = memoryStore()
  await more.commit([put('setting', setting('zzz', 'only here'))])
  await assert.rejects(copyStore(source, more), conflict)

  const audited = memoryStore()
  await audited.commit([], auditRecord('only here'))
  await assert.rejects(copyStore(source, audited), conflict)
})

test('a source that changes while it is copied is noticed', async () => {
  const source = await filled()
  const target = memoryStore()
  let changed = false
  const progress = (collection: string) => {
    if (changed || collection !== 'alias') return
    changed = true
    void source.commit([put('alias', alias('alias/0', { revision: 2 }))])
  }
  await assert.rejects(copyStore(source, target, { progress }), conflict)
})

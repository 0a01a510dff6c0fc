import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { key } from '../../../test/contracts/store-records.ts'
import { factsOfAll, rowOf } from '../rows.ts'
import { openForWriting } from './connection.ts'
import { slotSize } from './content.ts'
import { migrate } from './schema.ts'
import { type Commit, transactionOn } from './transaction.ts'

const shape = Object.fromEntries(Object.entries(factsOfAll).map(([name, { indexes }]) => [name, Object.keys(indexes)]))

function fact(title: string, prove: (database: DatabaseSync) => void): void {
  test(title, async () => {
    const directory = await mkdtemp(join(tmpdir(), 'keyward-transaction-'))
    const database = openForWriting(join(directory, 'keyward.db'))
    try {
      migrate(database, factsOfAll)
      prove(database)
    } finally {
      database.close()
      await rm(directory, { recursive: true })
    }
  })
}

function putKey(keyId: string, description = '', revision = 1): Commit {
  const row = rowOf(factsOfAll.key, key(keyId, { description, revision }))
  return { steps: [{ ...row, verb: 'put', collection: 'key' }], settled: [] }
}

function keys(database: DatabaseSync): unknown[] {
  return database
    .prepare('SELECT id FROM record_key ORDER BY id')
    .all()
    .map((row) => row.id)
}

fact('commits share a transaction, and one that conflicts leaves the others alone', (database) => {
  const transaction = transactionOn(database, shape)
  const outcomes = transaction.run([putKey('a'), putKey('a'), putKey('b', '', 2), putKey('c')])
  assert.deepEqual(
    outcomes.map(({ is }) => is),
    ['done', 'conflict', 'conflict', 'done'],
  )
  assert.deepEqual(keys(database), ['a', 'c'])
})

fact('a full disk fails the batch and keeps what was there; with room again, all goes on', (database) => {
  const transaction = transactionOn(database, shape)
  transaction.run([putKey('a')])
  const pages = Number(database.prepare('PRAGMA page_count').get()?.page_count)
  database.exec(`PRAGMA max_page_count = ${pages + 4}`)
  assert.throws(() => transaction.run([putKey('b'), putKey('c', 'x'.repeat(100_000))]), /full/)
  assert.equal(database.isTransaction, false)
  assert.deepEqual(keys(database), ['a'])
  transaction.run([putKey('b')])
  database.exec('PRAGMA max_page_count = 100000')
  transaction.run([putKey('c', 'x'.repeat(100_000))])
  assert.deepEqual(keys(database), ['a', 'b', 'c'])
  assert.equal(database.prepare('PRAGMA integrity_check').get()?.integrity_check, 'ok')
})

fact('what was taken away is said once, and only then', (database) => {
  const transaction = transactionOn(database, shape)
  transaction.run([putKey('a')])
  assert.equal(transaction.tookAway(), false)
  transaction.run([putKey('a', 'new', 2)])
  assert.equal(transaction.tookAway(), true)
  assert.equal(transaction.tookAway(), false)
})

fact('each slot is in use by one record, or vacant, or neither: never two at once', (database) => {
  const transaction = transactionOn(database, shape)
  for (let revision = 1; revision < 40; revision++)
    transaction.run([
      putKey('a', 'x'.repeat((revision * 397) % 3000), revision),
      putKey('b', 'y'.repeat((revision * 211) % 3000), revision),
      // Taken back to its savepoint, with the slot it had taken.
      { steps: [...putKey(`c${revision}`, 'z'.repeat(500)).steps, ...putKey('a', '', 1).steps], settled: [] },
    ])
  const used = database
    .prepare('SELECT slot FROM record_key')
    .all()
    .map((row) => Number(row.slot))
  const vacant = database.prepare('SELECT slot, size FROM vacant').all()
  const all = database.prepare('SELECT slot, length(CAST(text AS BLOB)) AS size FROM content').all()
  const slots = [...used, ...vacant.map((row) => Number(row.slot))].sort((left, right) => left - right)
  assert.deepEqual(
    slots,
    all.map((row) => Number(row.slot)),
  )
  for (const { slot, size } of vacant) assert.equal(all.find((row) => row.slot === slot)?.size, size)
})

test('a slot holds its text, wastes at most a quarter, and there are few sizes', () => {
  const sizes = new Set<number>()
  for (let bytes = 1; bytes < 70_000; bytes += 7) {
    const size = slotSize(bytes)
    assert.ok(size >= bytes)
    assert.ok(bytes <= 256 || size <= bytes * 1.25, `${bytes} in ${size}`)
    assert.equal(slotSize(size), size)
    sizes.add(size)
  }
  assert.ok(sizes.size < 40)
})

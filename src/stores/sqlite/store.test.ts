import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { conflict, put, remove } from '../../../test/contracts/store.ts'
import { alias, auditRecord, dyingKey, key, partition, setting } from '../../../test/contracts/store-records.ts'
import { cachedStore } from '../cached.ts'
import { type FactsOfAll, factsOfAll } from '../rows.ts'
import { openSqliteStore } from './store.ts'

function fact(title: string, prove: (file: string, directory: string) => Promise<void>): void {
  test(title, async () => {
    const directory = await mkdtemp(join(tmpdir(), 'keyward-sqlite-'))
    try {
      await prove(join(directory, 'keyward.db'), directory)
    } finally {
      await rm(directory, { recursive: true })
    }
  })
}

/** Everything that lies in the directory, as text. */
async function bytesIn(directory: string): Promise<string> {
  const files = await readdir(directory)
  const contents = await Promise.all(files.map((file) => readFile(join(directory, file), 'latin1')))
  return contents.join('\n')
}

/** Small, fast, and the same numbers for the same seed (mulberry32). */
function numbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

fact('what was removed or overwritten is in none of the files', async (file, directory) => {
  const random = numbers(1)
  const live = new Map<string, { revision: number; marker: string }>()
  const gone: string[] = []
  let markers = 0
  const newMarker = () => `marker-${markers++}-${'x'.repeat(random() < 0.1 ? 5000 : random() * 700)}`
  const store = await openSqliteStore({ file })
  try {
    // Enough rows, of enough sizes, in random places, that the pages of a plain table would be split and joined.
    for (let round = 0; round < 40; round++) {
      const changes = []
      for (let step = 0; step < 100; step++) {
        const names = [...live.keys()]
        const name = names[Math.floor(random() * names.length)] ?? ''
        const known = live.get(name)
        if (known === undefined || random() < 0.45) {
          const fresh = `${Math.floor(random() * 1e9)}`
          if (live.has(fresh)) continue
          const marker = newMarker()
          live.set(fresh, { revision: 1, marker })
          changes.push(put('key', key(fresh, { description: marker })))
        } else if (random() < 0.5) {
          gone.push(known.marker)
          live.delete(name)
          changes.push(remove('key', key(name, { revision: known.revision, description: known.marker })))
        } else {
          gone.push(known.marker)
          const marker = newMarker()
          live.set(name, { revision: known.revision + 1, marker })
          changes.push(put('key', key(name, { revision: known.revision + 1, description: marker })))
        }
      }
      await store.commit(changes)
    }
    assert.ok(gone.length > 1000)
    const found = (bytes: string) => {
      const inFiles = new Set(bytes.match(/marker-\d+-/g))
      return gone.filter((marker) => inFiles.has(marker.replace(/x*$/, '')))
    }
    // The write-ahead log is emptied soon after, while the store serves.
    for (let tries = 0; tries < 200 && found(await bytesIn(directory)).length > 0; tries++) await wait(50)
    const bytes = await bytesIn(directory)
    assert.deepEqual(found(bytes), [])
    for (const { marker } of live.values()) assert.ok(bytes.includes(marker.replace(/x*$/, '')))
  } finally {
    await store.close()
  }
})

fact('the room of what was removed is used again', async (file) => {
  const description = 'x'.repeat(10_000)
  /** How large the file is once it is closed: until then a part of what was written may lie beside it. */
  const sizeAfter = async (rounds: number) => {
    const store = await openSqliteStore({ file })
    try {
      for (let round = 0; round < rounds; round++)
        for (let at = 0; at < 20; at++) {
          await store.commit([put('key', key(`k${at}`, { description }))])
          await store.commit([remove('key', key(`k${at}`, { description }))])
        }
    } finally {
      await store.close()
    }
    return (await stat(file)).size
  }
  const size = await sizeAfter(1)
  assert.equal(await sizeAfter(5), size)
})

fact('only its owner can read the data file and what lies beside it', async (file, directory) => {
  const store = await openSqliteStore({ file })
  try {
    await store.commit([put('alias', alias('a'))])
    await store.backup(join(directory, 'backup.db'))
    const files = await readdir(directory)
    assert.ok(files.length >= 4)
    for (const name of files) assert.equal((await stat(join(directory, name))).mode & 0o777, 0o600, name)
  } finally {
    await store.close()
  }
})

fact('a second writer is turned away, in this process and in another', async (file, directory) => {
  const store = await openSqliteStore({ file })
  const inUse = { code: 'StoreUnavailable', message: /Another process has the data file .* open for writing/ }
  await assert.rejects(openSqliteStore({ file }), inUse)
  await assert.rejects(openSqliteStore({ file: join(directory, '.', 'keyward.db') }), inUse)
  const other = child('open', file)
  assert.match(await other.said('refused'), /Another process has the data file/)
  await other.ended
  await store.commit([put('alias', alias('a'))])
  await store.close()
  const again = await openSqliteStore({ file })
  assert.equal(await again.count('alias', partition), 1)
  await again.close()
})

fact('whatever was answered is there after kill -9 at any moment, and nothing is there by half', async (file) => {
  const random = numbers(2)
  let answered = 0
  for (let round = 0; round < 5; round++) {
    const writer = child('write', file)
    await writer.said('open')
    await writer.said('answered')
    await wait(random() * 120)
    writer.kill()
    await writer.ended
    answered = Math.max(answered, ...writer.lines('answered').map(Number))
    const store = await openSqliteStore({ file })
    try {
      const found = await store.get('alias', partition, 'pair/a')
      assert.ok(found && found.revision >= answered, `${answered} was answered, ${found?.revision} is there`)
      assert.equal((await store.get('key', partition, 'pair/b'))?.revision, found.revision)
      const unsettled = await store.unsettled()
      assert.equal(unsettled.at(-1)?.requestId, `r${found.revision}`)
      assert.equal(await store.count('alias', partition), 1)
    } finally {
      await store.close()
    }
  }
  assert.ok(answered > 5)
})

fact('a process that reads sees what another one commits, at once, through its cache', async (file) => {
  const store = await openSqliteStore({ file })
  await store.commit([put('setting', setting('s', 'one'))])
  const reader = await openSqliteStore({ file, readOnly: true })
  const cache = cachedStore(reader, { maximumRecords: 10 })
  try {
    const before = await cache.get('setting', '*', 's')
    assert.equal(before?.value, 'one')
    assert.equal(await cache.get('setting', '*', 's'), before)
    const other = child('watch', file)
    await other.said('saw one')
    for (const [at, value] of ['two', 'three', 'four'].entries()) {
      await store.commit([put('setting', setting('s', value, at + 2))])
      assert.equal((await cache.get('setting', '*', 's'))?.value, value)
      await other.said(`saw ${value}`)
    }
    other.kill()
    await other.ended
    await assert.rejects(reader.commit([put('alias', alias('a'))]), { code: 'StoreUnavailable' })
    await reader.check()
  } finally {
    await cache.close()
    await store.close()
  }
})

fact('a reader beside no data file is told so', async (file) => {
  await assert.rejects(openSqliteStore({ file, readOnly: true }), { code: 'StoreUnavailable', message: /no data file/ })
})

fact('an index, a due time and a collection that come later work on an older file', async (file) => {
  const { tombstone: _, ...others } = factsOfAll
  const { due: __, ...keyFacts } = factsOfAll.key
  const older = { ...others, key: { ...keyFacts, indexes: {} } } as unknown as FactsOfAll
  const store = await openSqliteStore({ file, facts: older })
  await store.commit([
    put('key', key('k1', { createdAt: 30 })),
    put('key', dyingKey('k2', 7, { createdAt: 10, tags: { emoji: '🔑' } })),
    put('alias', alias('a')),
  ])
  await store.close()

  await assert.rejects(openSqliteStore({ file, readOnly: true }), { message: /older version/ })
  const newer = await openSqliteStore({ file })
  const list = await newer.list('key', { partition, index: 'created', limit: 10 })
  assert.deepEqual(
    list.records.map((found) => found.keyId),
    ['k2', 'k1'],
  )
  assert.deepEqual(
    (await newer.due('key', 7, 10)).map((found) => found.keyId),
    ['k2'],
  )
  assert.deepEqual(list.records[0]?.tags, { emoji: '🔑' })
  assert.equal(await newer.count('key', partition), 2)
  assert.equal(await newer.count('tombstone', partition), 0)
  await newer.commit([put('key', key('k1', { revision: 2, createdAt: 5 }))])
  await newer.commit([remove('key', dyingKey('k2', 7))])
  assert.equal(await newer.count('key', partition), 1)
  await newer.close()

  // The older version does not know what a tombstone forbids: it must not go on.
  await assert.rejects(openSqliteStore({ file, facts: older }), { message: /newer version of Keyward.*"tombstone"/ })
  const again = await openSqliteStore({ file })
  assert.equal((await again.get('key', partition, 'k1'))?.createdAt, 5)
  await again.close()
})

fact('a changed helper of an index is noticed although its own text is the same', async (file) => {
  const spelled = (spell: (id: string) => string) =>
    ({
      ...factsOfAll,
      key: { ...factsOfAll.key, indexes: { spelled: (record) => spell((record as { keyId: string }).keyId) } },
    }) as FactsOfAll
  const store = await openSqliteStore({ file, facts: spelled((id) => id) })
  await store.commit([put('key', key('a')), put('key', key('b'))])
  await store.close()
  const again = await openSqliteStore({ file, facts: spelled((id) => (id === 'a' ? 'z' : id)) })
  const list = await again.list('key', { partition, index: 'spelled', limit: 10 })
  assert.deepEqual(
    list.records.map((found) => found.keyId),
    ['b', 'a'],
  )
  await again.close()
})

fact(
  'a file of a newer format, of another program, or none at all is refused and left alone',
  async (file, directory) => {
    await (await openSqliteStore({ file })).close()
    const database = new DatabaseSync(file)
    database.exec('PRAGMA user_version = 99')
    database.close()
    await assert.rejects(openSqliteStore({ file }), { code: 'StoreUnavailable', message: /newer version.*format 99/ })

    const foreign = join(directory, 'foreign.db')
    const other = new DatabaseSync(foreign)
    other.exec('CREATE TABLE theirs (a)')
    other.close()
    await assert.rejects(openSqliteStore({ file: foreign }), { code: 'StoreUnavailable', message: /another program/ })
    const left = new DatabaseSync(foreign)
    assert.deepEqual(
      left
        .prepare('SELECT name FROM sqlite_schema')
        .all()
        .map((row) => row.name),
      ['theirs'],
    )
    left.close()

    const text = join(directory, 'text.db')
    await writeFile(text, 'This is no database, however long it may be.'.repeat(100))
    await assert.rejects(openSqliteStore({ file: text }), { code: 'StoreUnavailable' })
    await assert.rejects(openSqliteStore({ file: join(directory, 'no', 'such', 'directory') }), {
      code: 'StoreUnavailable',
    })
  },
)

fact('a data file that was removed or replaced while it was open is noticed', async (file) => {
  const store = await openSqliteStore({ file })
  try {
    await store.check()
    await rename(file, `${file}.moved`)
    await assert.rejects(store.check(), { code: 'StoreUnavailable' })
    await writeFile(file, '')
    await assert.rejects(store.check(), { code: 'StoreUnavailable' })
    await rename(`${file}.moved`, file)
    await store.check()
  } finally {
    await store.close()
  }
})

fact('a data file that was cut short is not served as if it were whole', async (file) => {
  const store = await openSqliteStore({ file })
  await store.commit(
    Array.from({ length: 500 }, (_, at) => put('key', key(`k${at}`, { description: 'x'.repeat(500) }))),
  )
  await store.close()
  await truncate(file, 40_960)
  await assert.rejects(
    async () => {
      const cut = await openSqliteStore({ file })
      try {
        for (let at = 0; at < 500; at++)
          assert.ok(await cut.get('key', partition, `k${at}`), 'a record that was there seems never to have been')
      } finally {
        await cut.close()
      }
    },
    { code: 'StoreUnavailable' },
  )
})

fact('settled records are forgotten for good once the store is closed, without any other commit', async (file) => {
  const store = await openSqliteStore({ file })
  await store.commit([], auditRecord('r1'))
  store.settled(['r1'])
  await store.close()
  const again = await openSqliteStore({ file })
  assert.deepEqual(await again.unsettled(), [])
  await again.close()
})

fact('what is settled in the same moment as a commit that conflicts is settled all the same', async (file) => {
  const store = await openSqliteStore({ file })
  await store.commit([put('alias', alias('a'))], auditRecord('r1'))
  store.settled(['r1'])
  await assert.rejects(store.commit([put('alias', alias('a'))]), conflict)
  await store.close()
  const again = await openSqliteStore({ file })
  assert.deepEqual(await again.unsettled(), [])
  await again.close()
})

fact('a backup that fails leaves nothing behind', async (file, directory) => {
  const store = await openSqliteStore({ file })
  await assert.rejects(store.backup(join(directory, 'no-such-directory', 'backup.db')))
  await store.backup(join(directory, 'backup.db'))
  await store.close()
  assert.deepEqual((await readdir(directory)).sort(), ['backup.db', 'keyward.db', 'keyward.db.lock'])
})

/** Another process on the same data file: test/contracts/store-process.ts says what each task does. */
function child(task: 'open' | 'write' | 'watch', file: string) {
  const started = fork(join(import.meta.dirname, '../../../test/contracts/store-process.ts'), [task, file], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const said: string[] = []
  started.on('message', (line) => said.push(String(line)))
  const ended = once(started, 'exit')
  return {
    /** The first line that begins so. */
    said: async (beginning: string): Promise<string> => {
      for (;;) {
        const line = said.find((candidate) => candidate.startsWith(beginning))
        if (line !== undefined) return line
        assert.equal(started.exitCode, null, `the process ended and never said ${beginning}`)
        await Promise.race([once(started, 'message'), ended])
      }
    },
    lines: (beginning: string) =>
      said.filter((line) => line.startsWith(beginning)).map((line) => line.slice(beginning.length + 1)),
    kill: () => started.kill('SIGKILL'),
    ended,
  }
}

fact('a commit that is asked for again is made once, and a record is kept for the log it goes to', async (file) => {
  const first = await openSqliteStore({ file, shared: { resumes: false } })
  const step = {
    verb: 'put',
    collection: 'setting',
    partition: '*',
    id: 'a',
    revision: 1,
    due: null,
    indexed: [],
    text: '{"revision":1,"name":"a","value":"v"}',
  } as const
  const commit = {
    steps: [step],
    settled: [],
    id: 'p1-1',
    unsettled: { requestId: 'r1', text: '{"requestId":"r1"}', log: 3 },
  }
  assert.deepEqual(await first.writer?.write(commit), { is: 'done' })
  assert.deepEqual(await first.writer?.write(commit), { is: 'done' })
  assert.deepEqual(await first.unsettled(), [], 'it belongs to another process')
  await first.close()

  const second = await openSqliteStore({ file, shared: { resumes: true }, sees: () => true })
  assert.deepEqual(await second.writer?.write(commit), { is: 'done' })
  assert.deepEqual(
    (await second.unsettled()).map(({ requestId }) => requestId),
    ['r1'],
  )
  assert.deepEqual(await second.writer?.write({ steps: [], settled: ['r1'], answered: ['p1-1'] }), { is: 'done' })
  assert.equal((await second.writer?.write(commit))?.is, 'conflict', 'nobody was to ask for it again')
  assert.deepEqual(await second.unsettled(), [])
  await second.close()
})

fact(
  'a store beside the writer sees each commit at its next read, and the same object where nothing has changed',
  async (file) => {
    const writing = await openSqliteStore({ file })
    const beside = await openSqliteStore({ file, readOnly: true })
    const cache = cachedStore(beside, { maximumRecords: 10 })
    const numbered = (name: string, revision: number) => ({ revision, name, value: String(revision) })
    await writing.commit([
      { put: 'setting', record: numbered('a', 1) },
      { put: 'setting', record: numbered('b', 1) },
    ])
    const b = await cache.get('setting', '*', 'b')
    for (let revision = 2; revision < 200; revision++) {
      const before = beside.generation?.()
      assert.equal(beside.generation?.(), before)
      await writing.commit([{ put: 'setting', record: numbered('a', revision) }])
      assert.notEqual(beside.generation?.(), before)
      assert.equal((await cache.get('setting', '*', 'a'))?.revision, revision)
      assert.equal(await cache.get('setting', '*', 'b'), b)
    }
    await beside.close()
    await writing.close()
  },
)

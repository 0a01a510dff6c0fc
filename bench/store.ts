/**
 * What a store costs: point reads, commits one after the other and many at once, pages at both ends of a partition, a
 * count, and opening it again. `node bench/store.ts [records ...]`; without numbers 1,000 and 100,000.
 */
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Key } from '../src/domain/key.ts'
import type { Store } from '../src/domain/ports.ts'
import { cachedStore } from '../src/stores/cached.ts'
import type { StoreEngine } from '../src/stores/engine.ts'
import { memoryStore } from '../src/stores/memory/store.ts'
import { openPostgresStore } from '../src/stores/postgres/store.ts'
import { openSqliteStore } from '../src/stores/sqlite/store.ts'
import { auditRecord, key, partition } from '../test/contracts/store-records.ts'
import { postgresServer } from '../test/postgres-server.ts'

const loadSize = 1_000
const secondsEach = 1
const together = 64
const pageSize = 100

type Engine = { readonly name: string; open(): Promise<StoreEngine>; size?(): number }

export async function benchStore(sizes: readonly number[], print: (line: string) => void = console.log): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'keyward-bench-store-'))
  const server = await postgresServer({ skip: print }, ['fsync=on'])
  try {
    print(
      `| store | keys | open ms | get us | commits/s | commits/s, ${together} at once | page of ${pageSize}: first / last ms | count ms | file MB |`,
    )
    print('| --- | --- | --- | --- | --- | --- | --- | --- | --- |')
    for (const size of sizes) {
      // Its sorted arrays are not made for more.
      const engines: Engine[] = size > 200_000 ? [] : [{ name: 'memory', open: async () => memoryStore() }]
      const file = join(directory, `${size}.db`)
      engines.push({ name: 'sqlite', open: () => openSqliteStore({ file }), size: () => statSync(file).size })
      if (server !== undefined)
        engines.push({
          name: 'postgres',
          open: () =>
            openPostgresStore({
              url: server.url,
              tls: 'off',
              schema: `bench_${size}`,
              clock: { wall: () => Date.now() },
              monotonic: () => performance.now(),
              random: { uuid: () => randomUUID() },
            }),
        })
      for (const engine of engines) print(await measured(engine, size))
    }
  } finally {
    await server?.stop()
    rmSync(directory, { recursive: true })
  }
}

async function measured(engine: Engine, size: number): Promise<string> {
  let store = await engine.open()
  const ids = Array.from({ length: size }, () => randomUUID() as string)
  for (let first = 0; first < size; first += loadSize)
    await store.load('key', ids.slice(first, first + loadSize).map(sample))
  let openMs = 0
  if (engine.name !== 'memory') {
    await store.close()
    openMs = await timed(async () => {
      store = await engine.open()
    })
  }
  try {
    const get = await each(async (at) => {
      await store.get('key', partition, ids[(at * 7919) % size] ?? '')
    })
    const cached = cachedStore(store, { maximumRecords: size })
    for (const id of ids) await cached.get('key', partition, id)
    const cachedGet = await each(async (at) => {
      await cached.get('key', partition, ids[(at * 7919) % size] ?? '')
    })
    const alone = await commits(store, 1)
    const many = await commits(store, together)
    const first = await pageMs(store, undefined)
    const last = await pageMs(store, await lastPosition(store))
    const countMs = await timed(() => store.count('key', partition))
    const megabytes = engine.size === undefined ? '' : (engine.size() / 1e6).toFixed(1)
    const cells = [
      engine.name,
      size,
      openMs.toFixed(0),
      `${get.toFixed(1)} (cached ${cachedGet.toFixed(2)})`,
      alone.toFixed(0),
      many.toFixed(0),
      `${first.toFixed(2)} / ${last.toFixed(2)}`,
      countMs.toFixed(2),
      megabytes,
    ]
    return `| ${cells.join(' | ')} |`
  } finally {
    await store.close()
  }
}

/** As large as a key with a few tags is. */
function sample(keyId: string): Key {
  return key(keyId, { description: 'Signs the nightly builds', tags: { team: 'build', stage: 'production' } })
}

/** Microseconds for one, of as many as go into a second. */
async function each(act: (at: number) => Promise<void>): Promise<number> {
  const start = performance.now()
  let done = 0
  while (performance.now() - start < secondsEach * 1000) for (let at = 0; at < 100; at++) await act(done++)
  return ((performance.now() - start) * 1000) / done
}

/** A second; each writes a new key with its audit record, as CreateKey does, and settles the record before it. */
async function commits(store: Store, atOnce: number): Promise<number> {
  const start = performance.now()
  let done = 0
  const worker = async () => {
    while (performance.now() - start < secondsEach * 1000) {
      const keyId = randomUUID()
      await store.commit([{ put: 'key', record: sample(keyId) }], auditRecord(keyId))
      store.settled([keyId])
      done++
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  return (done * 1000) / (performance.now() - start)
}

async function pageMs(store: Store, after: string | undefined): Promise<number> {
  const query = { partition, index: 'created', limit: pageSize, ...(after !== undefined && { after }) }
  const took: number[] = []
  for (let round = 0; round < 9; round++) took.push(await timed(() => store.list('key', query)))
  return took.sort((left, right) => left - right)[4] ?? 0
}

/** Where the last page begins: the far end of the order, read backwards. */
async function lastPosition(store: Store): Promise<string | undefined> {
  const backwards = await store.list('key', { partition, index: 'created', limit: pageSize + 1, reverse: true })
  return backwards.next
}

async function timed(act: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await act()
  return performance.now() - start
}

if (import.meta.main) {
  const sizes = process.argv.slice(2).map(Number)
  await benchStore(sizes.length > 0 ? sizes : [1_000, 100_000])
}

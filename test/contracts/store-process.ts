/** Run by src/stores/sqlite/store.test.ts as a process of its own: opens a store, writes until it is killed, or watches a record. */
import process from 'node:process'
import { setTimeout as wait } from 'node:timers/promises'
import { cachedStore } from '../../src/stores/cached.ts'
import { openSqliteStore } from '../../src/stores/sqlite/store.ts'
import { put } from './store.ts'
import { alias, auditRecord, key, partition } from './store-records.ts'

const [task, file = ''] = process.argv.slice(2)

function say(line: string): void {
  process.send?.(line)
}

async function open(): Promise<void> {
  try {
    await (await openSqliteStore({ file })).close()
    say('opened')
  } catch (error) {
    say(`refused ${error instanceof Error ? error.message : error}`)
  }
}

/** Two records of one revision to a commit, and its audit record; many commits are under way at a time. */
async function write(): Promise<void> {
  const store = await openSqliteStore({ file })
  say('open')
  const start = (await store.get('alias', partition, 'pair/a'))?.revision ?? 0
  for (let first = start + 1; ; first += 8)
    await Promise.all(
      Array.from({ length: 8 }, async (_, at) => {
        const revision = first + at
        await store.commit(
          [put('alias', alias('pair/a', { revision })), put('key', key('pair/b', { revision }))],
          auditRecord(`r${revision}`),
        )
        say(`answered ${revision}`)
      }),
    )
}

async function watch(): Promise<void> {
  const store = cachedStore(await openSqliteStore({ file, readOnly: true }), { maximumRecords: 10 })
  for (let last = ''; ; await wait(1)) {
    const value = (await store.get('setting', '*', 's'))?.value ?? ''
    if (value !== last) say(`saw ${value}`)
    last = value
  }
}

if (task === 'open') await open()
else if (task === 'write') await write()
else if (task === 'watch') await watch()
process.disconnect?.()

/**
 * A million keys with ten aliases each, against a thousand: how long a start takes, what Encrypt costs on hot keys and on
 * keys that nobody has used before, by id and by any of ten million aliases, memory, and pages of lists.
 * `KEYS=1000000 ALIASES=10 npm run bench scale`; a folder that an earlier run has made is taken up by `DATA=folder`, and
 * kept: with as many aliases as it was made with.
 */
import type { ChildProcess } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSqliteStore } from '../src/stores/sqlite/store.ts'
import { hasWrk, type Load, loadOf, median, residentBytes, startChild, type Target } from './load.ts'

const many = Number(process.env.KEYS ?? 1_000_000)
const few = 1_000
const aliasesEach = Number(process.env.ALIASES ?? 10)
const rounds = Number(process.env.ROUNDS ?? 5)
const seconds = Number(process.env.SECONDS ?? 3)
const connections = 16
const hotKeys = 1_000
const coldKeys = 100_000
const aliasReads = 200_000
const partition = '111122223333/local'
const program = join(import.meta.dirname, 'service.ts')

type Running = {
  readonly child: ChildProcess
  readonly pid: number
  readonly hot: Target
  readonly cold: Target
  readonly byAlias: Target
}

type Installation = {
  readonly name: string
  readonly keys: number
  readonly data: string
  readonly keyIds: readonly string[]
}

/** Made in a process of its own, so that nothing of the making is in memory when it is measured. */
async function make(keys: number, data: string): Promise<Installation> {
  if (!existsSync(join(data, 'keyward.sqlite'))) {
    console.log(`making ${keys.toLocaleString('en')} keys with ${aliasesEach} aliases each ...`)
    const start = performance.now()
    const { child } = await startChild(program, [String(keys), data, 'sqlite', String(aliasesEach)])
    console.log(`made in ${((performance.now() - start) / 1000).toFixed(0)} s`)
    child.kill('SIGTERM')
    await new Promise((resolve) => child.once('exit', resolve))
  }
  const store = await openSqliteStore({ file: join(data, 'keyward.sqlite'), readOnly: true })
  const sample: string[] = []
  const step = Math.max(1, Math.floor(keys / (hotKeys + coldKeys)))
  let seen = 0
  let after: { readonly partition: string; readonly id: string } | undefined
  for (;;) {
    const records = await store.scan('key', after, 1000)
    const last = records.at(-1)
    if (last === undefined) break
    for (const { keyId } of records) if (seen++ % step === 0) sample.push(keyId)
    after = { partition, id: last.keyId }
  }
  const page = async (words: string, query: object) => {
    const took: number[] = []
    for (let round = 0; round < 9; round++) {
      const start = performance.now()
      await store.list('key', { partition, index: 'created', limit: 100, ...query })
      took.push(performance.now() - start)
    }
    return `${words} ${median(took).toFixed(2)} ms`
  }
  const backwards = await store.list('key', { partition, index: 'created', limit: 101, reverse: true })
  const pages = [await page('first', {}), await page('last', { after: backwards.next })]
  const aliases = await lookUpAliases(store, keys)
  console.log(`${keys.toLocaleString('en')} keys: pages of 100: ${pages.join(', ')}, ${aliases}`)
  await store.close()
  return { name: `${keys.toLocaleString('en')} keys`, keys, data, keyIds: sample }
}

/** Any of all there are, as `service.ts` names them. */
function anyAlias(keys: number): string {
  return `alias/${randomInt(keys) + 1}-${randomInt(aliasesEach)}`
}

/** Each is one point read: a sum over them, with the first look at a page of the file among them. */
async function lookUpAliases(store: Awaited<ReturnType<typeof openSqliteStore>>, keys: number): Promise<string> {
  const names = Array.from({ length: aliasReads }, () => anyAlias(keys))
  const start = performance.now()
  for (const name of names)
    if ((await store.get('alias', partition, name)) === undefined) throw new Error(`there is no ${name}`)
  return `look-up of an alias ${(((performance.now() - start) * 1000) / aliasReads).toFixed(1)} us`
}

export async function run(): Promise<void> {
  if (!hasWrk()) {
    console.log('skipped, wrk is not installed (apt-get install wrk).')
    return
  }
  if (!(aliasesEach >= 1)) throw new Error('ALIASES is the number of aliases of each key, at least 1.')
  const kept = process.env.DATA
  const largeData = kept ?? mkdtempSync(join(tmpdir(), 'keyward-scale-'))
  const smallData = mkdtempSync(join(tmpdir(), 'keyward-scale-'))
  const small = await make(few, smallData)
  const large = await make(many, largeData)
  const running: Running[] = []
  for (const { data, name, keys, keyIds } of [small, large]) {
    const { child, ready } = await startChild(program, ['0', data])
    const target = (words: string, references: readonly string[]): Target => ({
      name: `${name}, ${words}`,
      pid: Number(ready.pid),
      url: String(ready.url),
      headers: { 'content-type': 'application/json', authorization: `Bearer ${ready.token}` },
      body: JSON.stringify({ plaintext: Buffer.alloc(32, 7).toString('base64') }),
      paths: references.map((reference) => `/v1/keys/${encodeURIComponent(reference)}/encrypt`),
    })
    console.log(
      `${name}: start ${(Number(ready.startedMs) / 1000).toFixed(2)} s (goal 3), resident ${megabytes(Number(ready.pid))} MB`,
    )
    const some = Math.max(1, Math.floor(keyIds.length / hotKeys))
    const hot = keyIds.filter((_, at) => at % some === 0).slice(0, hotKeys)
    running.push({
      child,
      pid: Number(ready.pid),
      hot: target('hot', hot),
      cold: target('cold', keyIds.slice(0, coldKeys)),
      byAlias: target(
        'any alias',
        Array.from({ length: coldKeys }, () => anyAlias(keys)),
      ),
    })
  }
  const [a, b] = running as [Running, Running]
  // Cold first, before anything is remembered; each of these keys is asked for once or a few times.
  const cold = await loadOf(b.cold, connections, seconds)
  const byAlias = await loadOf(b.byAlias, connections, seconds)
  const hot = new Map<string, Load[]>()
  for (const { hot: target } of [a, b]) await loadOf(target, connections, 2)
  for (let round = 0; round < rounds; round++)
    for (const { hot: target } of [a, b])
      hot.set(target.name, [...(hot.get(target.name) ?? []), await loadOf(target, connections, seconds)])
  const all: readonly (readonly [string, readonly Load[]])[] = [
    ...hot,
    [b.cold.name, [cold]],
    [b.byAlias.name, [byAlias]],
  ]
  for (const [name, loads] of all) {
    const of = (pick: (load: Load) => number) => median(loads.map(pick))
    const rate = of((load) => load.requestsPerSecond).toFixed(0)
    const failed = loads.reduce((sum, load) => sum + load.failed, 0)
    console.log(
      `${name.padEnd(24)} ${rate.padStart(7)} requests/s  ${of((load) => load.cpuMicroseconds).toFixed(1)} us CPU each  p99 ${of((load) => load.p99Ms).toFixed(2)} ms${failed > 0 ? `  ${failed} FAILED` : ''}`,
    )
  }
  const p99 = ({ hot: target }: Running) => median((hot.get(target.name) as Load[]).map((load) => load.p99Ms))
  console.log(
    `p99 is ${(p99(b) / p99(a)).toFixed(2)} of that with ${few.toLocaleString('en')} keys (goal 1.2); resident ${megabytes(b.pid)} MB after the load (goal 500).`,
  )
  for (const { child } of running) {
    child.kill('SIGTERM')
    await new Promise((resolve) => child.once('exit', resolve))
  }
  rmSync(smallData, { recursive: true })
  if (kept === undefined) rmSync(largeData, { recursive: true })
}

function megabytes(pid: number): string {
  return (residentBytes(pid) / 1e6).toFixed(0)
}

if (import.meta.main) await run()

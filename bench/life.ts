/**
 * Keys in their number: what it costs to look at one of 100,000, to encrypt under a key of 10,000 versions, and to encrypt
 * while 10,000 keys are rotated. Over the whole road of a request but HTTP: rights, durable record and all.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { doChores } from '../src/chores.ts'
import { loadConfig } from '../src/config.ts'
import type { Change } from '../src/domain/ports.ts'
import { dayMs } from '../src/domain/time.ts'
import { invoke, type Service } from '../src/invoke.ts'
import { newAccount } from '../src/operations/access/accounts.ts'
import { operations } from '../src/operations/index.ts'
import { newKey, newVersion } from '../src/operations/keys/new-key.ts'
import { openPermissions } from '../src/permissions.ts'
import { openAuthenticator } from '../src/protocols/authenticator.ts'
import { openWorld } from '../src/world.ts'

const scope = { account: '111122223333', region: 'local' }
const keys = 100_000
const due = 10_000
const versions = 10_000
const wish = {
  spec: 'AES_256',
  origin: 'KEYWARD',
  protection: 'SOFTWARE',
  description: '',
  tags: {},
  createdBy: 'bench',
} as const

export async function run(): Promise<void> {
  const data = mkdtempSync(join(tmpdir(), 'keyward-bench-life-'))
  const config = {
    ...loadConfig({}),
    data,
    rootCiphertext: join(data, 'c', '1'),
    rootPrivateKey: join(data, 'c', '2'),
    rootUnlockKey: join(data, 'c', '3', 'key'),
  }
  const world = await openWorld(config)
  try {
    const { credentials, changes } = newAccount(world, scope.account, 'bench', world.clock.now())
    await world.store.commit(changes)
    const service: Service = {
      world,
      permissions: openPermissions(world),
      settings: {
        operatorAccount: scope.account,
        version: 'bench',
        listOperations: () => operations,
        listSettings: () => [],
      },
      reportBug: (error) => console.error(error),
    }
    const authenticator = openAuthenticator(world)
    const call = (name: string, input: object) => {
      const operation = operations.find((one) => one.name === name)
      if (operation === undefined) throw new Error(`no operation ${name}`)
      return invoke(service, {
        requestId: world.random.uuid(),
        protocol: 'rest',
        operation,
        input,
        region: scope.region,
        sourceAddress: '127.0.0.1',
        secureTransport: false,
        authenticate: () => authenticator.byToken(credentials.token),
      })
    }
    const encrypt = (keyId: string) => call('Encrypt', { keyId, plaintext: 'AAAA' })

    const ids: string[] = []
    for (let made = 0; made < keys; made += 500) {
      const batch: Change[] = []
      for (let one = 0; one < 500; one++) {
        const now = world.clock.now()
        // The first of them are due together, seven days from now.
        const rotates = made + one < due ? { rotationPeriodDays: 7 } : {}
        const { key, changes: ofKey } = await newKey(world, scope, { ...wish, ...rotates }, now)
        const aliasName = `alias/key-${made + one}`
        batch.push(...ofKey, {
          put: 'alias',
          record: { ...scope, revision: 1, aliasName, keyId: key.keyId, createdAt: now, updatedAt: now },
        })
        ids.push(key.keyId)
      }
      await world.store.commit(batch)
    }
    const some = (at: number) => ids[(at * 7919) % keys] as string
    console.log(`${keys} keys, each with an alias; one request after the other, p50 and p99 in ms`)
    await report('DescribeKey', 1000, (at) => call('DescribeKey', { keyId: some(at) }))
    await report('DescribeKey by alias', 1000, (at) =>
      call('DescribeKey', { keyId: `alias/key-${(at * 7919) % keys}` }),
    )
    await report('Encrypt by alias', 1000, (at) => encrypt(`alias/key-${(at * 7919) % keys}`))
    let marker: string | undefined
    await report('ListKeys, 100 to a page', 300, async () => {
      const page = (await call('ListKeys', { limit: 100, marker })) as { nextMarker: string | undefined }
      marker = page.nextMarker
    })
    await report('ListAliases, 100 to a page', 300, async (at) => {
      if (at === 0) marker = undefined
      const page = (await call('ListAliases', { limit: 100, marker })) as { nextMarker: string | undefined }
      marker = page.nextMarker
    })

    const old = await newKey(world, scope, wish, world.clock.now())
    await world.store.commit(old.changes)
    const [young, aged] = [some(keys - 1), old.key.keyId]
    const first = (await encrypt(aged)) as { ciphertextBlob: Uint8Array }
    await giveVersions(world, aged)
    for (let round = 0; round < 300; round++) await Promise.all([encrypt(young), encrypt(aged)])
    await report('Encrypt, key of 1 version', 3000, () => encrypt(young))
    await report(`Encrypt, key of ${versions} versions`, 3000, () => encrypt(aged))
    const oldest = Buffer.from(first.ciphertextBlob).toString('base64')
    await report('Decrypt under its first version', 1000, () => call('Decrypt', { ciphertextBlob: oldest }))

    await rotationBeside(world, () => encrypt(some(keys - 1)))
  } finally {
    await world.close()
    rmSync(data, { recursive: true, force: true })
  }
}

type BenchWorld = Awaited<ReturnType<typeof openWorld>>

/** As so many rotations would leave the key, without the wait for each of them. */
async function giveVersions(world: BenchWorld, keyId: string): Promise<void> {
  const partition = `${scope.account}/${scope.region}`
  let key = await world.store.get('key', partition, keyId)
  for (let number = 2; number <= versions; ) {
    if (key === undefined) throw new Error('no key')
    const changes: Change[] = []
    let last = ''
    for (let one = 0; one < 500 && number <= versions; one++, number++) {
      const version = await newVersion(world, key, number, world.clock.now())
      last = version.versionId
      changes.push({ put: 'version', record: version })
    }
    const next = { ...key, revision: key.revision + 1, currentVersionId: last, versionCount: number - 1 }
    await world.store.commit([...changes, { put: 'key', record: next }])
    key = next
  }
}

/** Eight callers, without and with the chores that rotate what is due. */
async function rotationBeside(world: BenchWorld, encrypt: () => Promise<unknown>): Promise<void> {
  const callers = 8
  const loadWhile = async (busy: () => boolean) => {
    const times: number[] = []
    await Promise.all(
      Array.from({ length: callers }, async () => {
        while (busy()) times.push(await timed(encrypt))
      }),
    )
    return times
  }
  const until = performance.now() + 5000
  await loadWhile(() => performance.now() < until - 4000)
  const quiet = await loadWhile(() => performance.now() < until)
  world.clock.advance(7 * dayMs)
  const begin = performance.now()
  let done: number | undefined
  const chores = doChores(world).then((count) => {
    done = count
  })
  const busy = await loadWhile(() => done === undefined)
  await chores
  const seconds = (performance.now() - begin) / 1000
  const ratio = quantile(busy, 0.99) / quantile(quiet, 0.99)
  console.log(
    `Encrypt by ${callers} callers: p99 ${quantile(quiet, 0.99).toFixed(2)} ms alone, ${quantile(busy, 0.99).toFixed(2)} ms while ${done} keys were rotated in ${seconds.toFixed(1)} s: ${ratio.toFixed(2)}x (goal 2); ${(quiet.length / 4).toFixed(0)} and ${(busy.length / seconds).toFixed(0)} a second`,
  )
}

async function report(name: string, count: number, once: (at: number) => Promise<unknown>): Promise<void> {
  const times: number[] = []
  for (let at = 0; at < count; at++) times.push(await timed(() => once(at)))
  console.log(`  ${name.padEnd(34)} ${quantile(times, 0.5).toFixed(2)}  ${quantile(times, 0.99).toFixed(2)}`)
}

async function timed(act: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await act()
  return performance.now() - start
}

function quantile(times: readonly number[], share: number): number {
  const sorted = times.toSorted((left, right) => left - right)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] as number
}

if (import.meta.main) await run()

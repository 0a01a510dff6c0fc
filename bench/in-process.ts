/** Encrypt without HTTP: the whole road from a parsed request to an encoded answer, permission, audit record and all. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig } from '../src/config.ts'
import { invoke, type Service } from '../src/invoke.ts'
import { newAccount } from '../src/operations/access/accounts.ts'
import { encrypt } from '../src/operations/cryptography/encrypt.ts'
import { operations } from '../src/operations/index.ts'
import { newKey } from '../src/operations/keys/new-key.ts'
import { openPermissions } from '../src/permissions.ts'
import { openAuthenticator } from '../src/protocols/authenticator.ts'
import { canonicalDialect, encoderFor } from '../src/protocols/dialect.ts'
import { openWorld } from '../src/world.ts'

const account = '111122223333'

export async function run(): Promise<void> {
  const data = mkdtempSync(join(tmpdir(), 'keyward-bench-'))
  const config = {
    ...loadConfig({}),
    data,
    rootCiphertext: join(data, 'c', '1'),
    rootPrivateKey: join(data, 'c', '2'),
    rootUnlockKey: join(data, 'c', '3', 'key'),
  }
  const world = await openWorld(config)
  const first = newAccount(world, account, 'bench', world.clock.now())
  const wish = {
    spec: 'AES_256',
    origin: 'KEYWARD',
    protection: 'SOFTWARE',
    description: '',
    tags: {},
    createdBy: 'bench',
  } as const
  const made = await newKey(world, { account, region: 'local' }, wish, world.clock.now())
  await world.store.commit([...first.changes, ...made.changes])
  const service: Service = {
    world,
    permissions: openPermissions(world),
    settings: { operatorAccount: account, version: 'bench', listOperations: () => operations, listSettings: () => [] },
    reportBug: (error) => console.error(error),
  }
  const authenticator = openAuthenticator(world)
  const encode = encoderFor(encrypt.output, canonicalDialect)
  const plaintext = Buffer.alloc(32, 7).toString('base64')
  const once = async () => {
    const output = await invoke(service, {
      requestId: world.random.uuid(),
      protocol: 'rest',
      operation: encrypt,
      input: { keyId: made.key.keyId, plaintext },
      region: 'local',
      sourceAddress: '127.0.0.1',
      secureTransport: false,
      authenticate: () => authenticator.byToken(first.credentials.token),
    })
    JSON.stringify(encode(output))
  }
  const concurrently = async (requests: number) => {
    let left = requests
    await Promise.all(
      Array.from({ length: 64 }, async () => {
        while (left-- > 0) await once()
      }),
    )
  }
  await concurrently(20_000)
  const figures: number[] = []
  for (let round = 0; round < 5; round++) {
    const before = process.cpuUsage()
    await concurrently(20_000)
    const { user, system } = process.cpuUsage(before)
    figures.push((user + system) / 20_000)
  }
  figures.sort((left, right) => left - right)
  console.log(
    `Encrypt in process: ${(figures[2] as number).toFixed(1)} us CPU each, all threads, durable audit included (goal 30); ${figures.map((one) => one.toFixed(1)).join(' ')}`,
  )
  await world.close()
  rmSync(data, { recursive: true, force: true })
}

if (import.meta.main) await run()

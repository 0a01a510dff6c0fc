/** Where everything comes together: the only file that asks the machine for the time or for chance. */
import { randomFillSync, randomUUID } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openAuditLog } from './audit/log.ts'
import { openMemoryAuditLog } from './audit/memory-log.ts'
import { noteSigner } from './audit/note.ts'
import type { Config } from './config.ts'
import {
  type Custody,
  createCustody,
  custodyExists,
  memoryCustody,
  openCustody,
  type Places,
} from './devices/software/custody.ts'
import { createSoftwareDevice, type SoftwareDevice } from './devices/software/device.ts'
import { createSealer, type ResealingSealer } from './devices/software/sealer.ts'
import { problem } from './domain/errors.ts'
import type { ProtectionLevel } from './domain/key.ts'
import type { Clock, Device, ProvableLog, Random, Store, World } from './domain/ports.ts'
import { installation } from './domain/records.ts'
import type { Instant } from './domain/time.ts'
import { cachedStore } from './stores/cached.ts'
import type { StoreEngine } from './stores/engine.ts'
import { memoryStore } from './stores/memory/store.ts'
import { openSqliteStore } from './stores/sqlite/store.ts'
import { openUsage } from './usage/fold.ts'

/** Bytes drawn from the kernel's generator at a time: a call costs as much for 12 bytes as for these. */
const randomBlock = 4096

export function systemRandom(): Random {
  let block = Buffer.alloc(0)
  let used = 0
  return {
    bytes(count) {
      if (count > randomBlock / 4) return randomFillSync(new Uint8Array(count))
      if (used + count > block.length) {
        block = randomFillSync(Buffer.allocUnsafeSlow(randomBlock))
        used = 0
      }
      const drawn = new Uint8Array(block.subarray(used, used + count))
      // What was given out must not be found here later.
      block.fill(0, used, used + count)
      used += count
      return drawn
    },
    uuid: () => randomUUID(),
  }
}

export type WorldClock = Clock & {
  /** Dev mode: the time that decides over keys goes forward, and never back. */
  advance(milliseconds: number): void
  /** Nothing earlier than this will be told from now on. */
  raiseTo(instant: Instant): void
}

export function systemClock(): WorldClock {
  let ahead = 0
  let latest = 0
  return {
    wall: () => Date.now(),
    now() {
      const now = Date.now() + ahead
      if (now > latest) latest = now
      return latest
    },
    advance(milliseconds) {
      ahead += milliseconds
    },
    raiseTo(instant) {
      if (instant > latest) latest = instant
    },
  }
}

/** Milliseconds from an arbitrary point, for durations. */
export const monotonic = (): number => performance.now()

export type OpenWorld = World & {
  readonly clock: WorldClock
  /** The store itself, without the cache: for work on all of it. */
  readonly engine: StoreEngine
  readonly custody: Custody
  readonly software: SoftwareDevice
  readonly sealer: ResealingSealer
  close(): Promise<void>
}

/** In the data folder: the key that checkpoints and proofs of the audit log are verified with. */
export const verifierKeyFile = 'audit-verifier-key'

export const settingNames = {
  rootKeyCheck: 'root-key-check',
  signingSeed: 'audit-signing-seed',
  highWater: 'clock-high-water',
}
export const seedPurpose = ['audit-signing-seed']

/** Everything that `config` names, opened and checked. What is missing is made only where nothing is there yet. */
export async function openWorld(config: Config, parts: { readonly clock?: WorldClock } = {}): Promise<OpenWorld> {
  const random = systemRandom()
  const clock = parts.clock ?? systemClock()
  mkdirSync(config.data, { recursive: true, mode: 0o700 })
  const custody = await openOrCreateCustody(config, random)
  const store = await openStore(config)
  const closing: (() => unknown)[] = [() => store.close()]
  try {
    return await assemble(config, { random, clock, custody, store, inMemory: false }, closing)
  } catch (error) {
    for (const close of closing.reverse()) await close()
    throw error
  }
}

/** A throw-away world: everything in memory. For dev mode, examples and tests. */
export function openMemoryWorld(
  config: Config,
  parts: { readonly clock?: WorldClock; readonly random?: Random } = {},
): Promise<OpenWorld> {
  const random = parts.random ?? systemRandom()
  const store = memoryStore()
  return assemble(
    config,
    { random, clock: parts.clock ?? systemClock(), custody: memoryCustody(random), store, inMemory: true },
    [() => store.close()],
  )
}

type Parts = {
  readonly random: Random
  readonly clock: WorldClock
  readonly custody: Custody
  readonly store: StoreEngine
  readonly inMemory: boolean
}

async function assemble(config: Config, parts: Parts, closing: (() => unknown)[]): Promise<OpenWorld> {
  const { random, clock, custody, inMemory } = parts
  const sealer = createSealer({ rootKeys: custody, random })
  const store = cachedStore(parts.store, { maximumRecords: config.cachedRecords })
  await requireSameRootKey(store, custody)

  const software = createSoftwareDevice({ rootKeys: custody, random })
  closing.push(() => software.close())
  await software.selfTest()
  const devices = new Map<ProtectionLevel, Device>([['SOFTWARE', software]])

  const signer = noteSigner(`${config.auditName}/audit`, await signingSeed(store, sealer, random))
  const audit: ProvableLog = inMemory
    ? await openMemoryAuditLog({ signer })
    : await openAuditLog({ directory: join(config.data, 'audit'), signer })
  closing.push(() => audit.close())
  // Auditors verify with this key, and need nothing else of the service.
  if (!inMemory) writeFileSync(join(config.data, verifierKeyFile), `${audit.vkey}\n`, { mode: 0o644 })
  await raiseClock(clock, store, audit)
  await putOnRecord(store, audit)

  const usage = openUsage(inMemory ? ':memory:' : join(config.data, 'usage.sqlite'), audit, () => clock.now())
  closing.push(() => usage.close())
  return {
    clock,
    random,
    store,
    devices,
    audit,
    sealer,
    usage,
    engine: parts.store,
    custody,
    software,
    async close() {
      for (const close of closing.toReversed()) await close()
    },
  }
}

async function openOrCreateCustody(config: Config, random: Random): Promise<Custody> {
  const places = placesOf(config)
  return custodyExists(places) === 'none' ? createCustody(places, random) : openCustody(places, random)
}

function placesOf(config: Config): Places {
  const { rootPassphraseFile } = config
  return {
    rootKey: config.rootCiphertext,
    privateKey: config.rootPrivateKey,
    unlockKey:
      rootPassphraseFile !== undefined
        ? { is: 'passphrase', passphrase: () => readPassphrase(rootPassphraseFile) }
        : config.rootUnlockCredential !== undefined
          ? { is: 'provided', path: config.rootUnlockCredential }
          : { is: 'file', path: config.rootUnlockKey },
  }
}

/** The first line of the file, without its end. */
async function readPassphrase(path: string): Promise<Uint8Array> {
  const bytes = await readFile(path)
  const end = bytes.findIndex((byte) => byte === 0x0a || byte === 0x0d)
  return end === -1 ? bytes : bytes.subarray(0, end)
}

function openStore(config: Config): Promise<StoreEngine> {
  if (config.store === 'memory') return Promise.resolve(memoryStore())
  if (config.store === 'sqlite') return openSqliteStore({ file: join(config.data, 'keyward.sqlite') })
  throw problem('InvalidRequest', {
    message: `${config.store} is no store.`,
    mend: 'Set store to sqlite, memory or a postgres:// URL.',
  })
}

/** minio#17377: data under a wrong root key is lost. A store that was made under another one is not served. */
async function requireSameRootKey(store: Store, custody: Custody): Promise<void> {
  const stored = await store.get('setting', installation, settingNames.rootKeyCheck)
  const own = custody.rootKeyCheck()
  if (stored === undefined)
    await store.commit([{ put: 'setting', record: { revision: 1, name: settingNames.rootKeyCheck, value: own } }])
  else if (!custody.matches(stored.value))
    throw problem('Unavailable', {
      message: 'The root key is not the one that this store was made under.',
      mend: 'Point data, store and the three places of the root key at the same installation. Nothing was changed.',
    })
}

async function signingSeed(store: Store, sealer: ResealingSealer, random: Random): Promise<Uint8Array> {
  const stored = await store.get('setting', installation, settingNames.signingSeed)
  if (stored !== undefined) return sealer.open(seedPurpose, stored.value)
  const seed = random.bytes(32)
  const value = sealer.seal(seedPurpose, seed)
  await store.commit([{ put: 'setting', record: { revision: 1, name: settingNames.signingSeed, value } }])
  return seed
}

/** The clock does not go back over a restart: not behind the last record, nor behind what the chores have noted. */
async function raiseClock(clock: WorldClock, store: Store, audit: ProvableLog): Promise<void> {
  const noted = await store.get('setting', installation, settingNames.highWater)
  if (noted !== undefined) clock.raiseTo(Number(noted.value))
  const size = audit.size()
  for await (const { record } of audit.read(Math.max(0, size - 1), size)) clock.raiseTo(Date.parse(record.time))
}

/** How far back in the log a change's record can be: all that was appended while its commit was under way, and more. */
const searched = 100_000

/** Changes that were durable when the process died, but whose record was not: they are put on record now. */
async function putOnRecord(store: Store, audit: ProvableLog): Promise<void> {
  const unsettled = await store.unsettled()
  if (unsettled.length === 0) return
  const missing = new Map(unsettled.map((record) => [record.requestId, record]))
  const size = audit.size()
  for await (const { record } of audit.read(Math.max(0, size - searched), size)) missing.delete(record.requestId)
  for (const record of missing.values()) await audit.append({ ...record, recovered: true })
  store.settled(unsettled.map(({ requestId }) => requestId))
}

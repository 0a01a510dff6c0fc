/** Where everything comes together. */
import { mkdirSync, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Recovery } from './audit/load.ts'
import { openMemoryAuditLog } from './audit/memory-log.ts'
import { noteSigner } from './audit/note.ts'
import { logName } from './audit/places.ts'
import { type LogDuty, type OpenLogs, openLogs, type Warn } from './audit-logs.ts'
import { type Config, type Environment, hsmPinVariable } from './config.ts'
import {
  type HsmConnection,
  type HsmRootKeyReference,
  initializeHsm,
  macInToken,
  openPkcs11Device,
} from './devices/pkcs11/open-device.ts'
import { type VendorName, vendors } from './devices/pkcs11/vendors.ts'
import {
  addUnlocking as addUnlockingTo,
  type Custody,
  createCustody,
  custodyExists,
  memoryCustody,
  openCustody,
  type Places,
} from './devices/software/custody.ts'
import { createSoftwareDevice, type SoftwareDevice } from './devices/software/device.ts'
import { createSealer, type ResealingSealer } from './devices/software/sealer.ts'
import { createXksDevice } from './devices/xks/device.ts'
import { Problem, problem } from './domain/errors.ts'
import type { ProtectionLevel } from './domain/key.ts'
import type { Clock, Device, Random, ReadableLog, Store, World } from './domain/ports.ts'
import { installation } from './domain/records.ts'
import { partitionOf } from './domain/scope.ts'
import { choreSettings } from './domain/setting-names.ts'
import { monotonic, systemClock, systemRandom, type WorldClock } from './machine.ts'
import { remoteDevice, serveDevices } from './processes/devices.ts'
import type { Siblings } from './processes/siblings.ts'
import { storeWriter } from './processes/store-writer.ts'
import { remoteUsage, serveUsage } from './processes/usage.ts'
import { cachedStore } from './stores/cached.ts'
import type { StoreEngine } from './stores/engine.ts'
import { memoryStore } from './stores/memory/store.ts'
import { openPostgresStore } from './stores/postgres/store.ts'
import { openSqliteStore } from './stores/sqlite/store.ts'
import { openUsage, type UsageFold } from './usage/fold.ts'

export type OpenWorld = World & {
  readonly clock: WorldClock
  /** The counts themselves, where this process keeps them. */
  readonly fold: UsageFold | undefined
  /** What the start found of a crash in the audit log. It is on record by now. */
  readonly recovery: Recovery
  /** The store itself, without the cache: for work on all of it. */
  readonly engine: StoreEngine
  readonly custody: Custody
  readonly software: SoftwareDevice
  readonly sealer: ResealingSealer
  close(): Promise<void>
}

export const settingNames = {
  rootKeyCheck: 'root-key-check',
  hsmRootKey: 'hsm-root-key',
  signingSeed: 'audit-signing-seed',
}
export const seedPurpose = ['audit-signing-seed']

export type OpenParts = {
  readonly clock?: WorldClock
  /** What the operator should hear of at once. Nothing secret is in it. */
  readonly warn?: Warn
  /** Where this is one of several processes of a service. */
  readonly siblings?: Siblings
  /** For `keyward audit accept-damage`: go on with what is left of a damaged audit log. */
  readonly acceptAuditDamage?: boolean
  /** Of the process: what the module of an HSM reads from it is passed on. */
  readonly environment?: Environment
  /** For `keyward hsm init`: the settings name an HSM that has no root key yet. */
  readonly withoutHsm?: boolean
}

/** Everything that `config` names, opened and checked. What is missing is made only where nothing is there yet. */
export async function openWorld(config: Config, parts: OpenParts = {}): Promise<OpenWorld> {
  const random = systemRandom()
  const clock = parts.clock ?? systemClock()
  mkdirSync(config.data, { recursive: true, mode: 0o700 })
  const { siblings } = parts
  const store = await openStore(config, { clock, random, ...(siblings && { siblings }) })
  const closing: (() => unknown)[] = [() => store.close()]
  try {
    // First of all: what is unsettled under the name of this node is another process's, if one runs.
    await store.lease?.take()
    const custody = await openOrCreateCustody(config, store, random, parts.environment ?? {})
    return await assemble(
      config,
      {
        random,
        clock,
        custody,
        store,
        inMemory: false,
        warn: parts.warn ?? (() => {}),
        acceptAuditDamage: parts.acceptAuditDamage ?? false,
        ...(siblings && { siblings }),
        ...(parts.withoutHsm ? {} : { environment: parts.environment ?? {} }),
      },
      closing,
    )
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
    {
      random,
      clock: parts.clock ?? systemClock(),
      custody: memoryCustody(random),
      store,
      inMemory: true,
      warn: () => {},
      acceptAuditDamage: false,
    },
    [() => store.close()],
  )
}

type Parts = {
  readonly random: Random
  readonly clock: WorldClock
  readonly custody: Custody
  readonly store: StoreEngine
  readonly inMemory: boolean
  readonly warn: Warn
  readonly acceptAuditDamage: boolean
  readonly siblings?: Siblings
  /** Where an HSM may be opened. */
  readonly environment?: Environment
}

async function assemble(config: Config, parts: Parts, closing: (() => unknown)[]): Promise<OpenWorld> {
  const { random, clock, custody, inMemory, siblings } = parts
  const sealer = createSealer({ rootKeys: custody, random })
  const store = cachedStore(parts.store, { maximumRecords: config.cachedRecords })
  await requireSameRootKey(store, custody)

  const software = createSoftwareDevice({ rootKeys: custody, random })
  closing.push(() => software.close())
  await software.selfTest()
  const devices = new Map<ProtectionLevel, Device>([['SOFTWARE', software]])
  if (parts.environment !== undefined && config.hsmVendor !== undefined) {
    const hsm =
      siblings === undefined || siblings.number === 0
        ? await openHsm(config, store, { random, environment: parts.environment, warn: parts.warn })
        : await remoteDevice(siblings, 'HSM')
    if (hsm !== undefined) {
      closing.push(() => hsm.close())
      devices.set('HSM', hsm)
    }
  }
  if (siblings?.number === 0) serveDevices(siblings, devices, store)

  const external = createXksDevice({
    inner: software,
    sealer,
    clock,
    allowedEndpoints: config.xksEndpoints ?? [],
    authorities: config.xksCa === undefined ? undefined : readAuthorities(config.xksCa),
    timeoutMs: config.xksTimeoutMs,
    findStore: async (scope, keyStoreId) =>
      (await store.get('keyStores', partitionOf(scope), 'all'))?.stores.find((one) => one.keyStoreId === keyStoreId),
  })
  closing.push(() => external.close())
  if (config.xksEndpoints !== undefined) devices.set('EXTERNAL', external)

  const duty = dutyOf(siblings)
  const node = parts.store.lease?.node
  const seed = await signingSeed(store, sealer, random)
  const { audit, others, recovery } = inMemory
    ? await inMemoryLog(config, seed)
    : await openLogs({ ...parts, config, store, seed, node, acceptDamage: parts.acceptAuditDamage }, duty)
  closing.push(() => audit.close())
  const logs = async (): Promise<readonly ReadableLog[]> => {
    // What others have not published yet is in their memory and their journals.
    await siblings?.call('supervisor', 'ask', 'publish')
    return [{ number: duty.own, ...audit }, ...(await others())].sort((one, other) => one.number - other.number)
  }
  await raiseClock(clock, store, [{ number: duty.own, ...audit }, ...(await others())])
  siblings?.handle('publish', async () => {
    await audit.checkpoint()
  })

  const fold =
    siblings === undefined || siblings.number === 0
      ? openUsage(inMemory ? ':memory:' : join(config.data, 'usage.sqlite'), logs, () => clock.now())
      : undefined
  closing.push(() => fold?.close())
  if (siblings !== undefined && fold !== undefined) serveUsage(siblings, fold)
  return {
    clock,
    random,
    store,
    devices,
    keyStoreProxies: external.proxies,
    audit,
    logs,
    recovery,
    sealer,
    usage: fold ?? remoteUsage(siblings as Siblings),
    fold,
    ...(parts.store.lease && { lease: parts.store.lease }),
    ...(parts.store.onceOnly && { onceOnly: parts.store.onceOnly }),
    engine: parts.store,
    custody,
    software,
    async close() {
      for (const close of closing.toReversed()) await close()
    },
  }
}

/** A certificate authority that cannot be read must not mean that others are trusted. */
function readAuthorities(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw problem('InvalidRequest', {
      message: `The file of xks_ca cannot be read: ${(error as Error).message}`,
      mend: 'Mend its name or its rights.',
    })
  }
}

async function inMemoryLog(config: Config, seed: Uint8Array): Promise<OpenLogs> {
  const audit = await openMemoryAuditLog({ signer: noteSigner(logName(config.auditName, 0), seed) })
  return { audit, others: async () => [], recovery: audit.recovery }
}

/** Log 0 is that of the keeper, or of a service in one process; whoever has it takes up those that nobody writes now. */
function dutyOf(siblings: Siblings | undefined): LogDuty {
  const { number: own, processes } = siblings ?? { number: 0, processes: 0 }
  return { own, isAbandoned: (log) => own === 0 && log > processes }
}

/** A store that was made under a root key is never given another one: without its own, nothing of it opens. */
async function openOrCreateCustody(
  config: Config,
  store: Store,
  random: Random,
  environment: Environment,
): Promise<Custody> {
  const places = placesOf(config, environment)
  if (custodyExists(places) !== 'none') return openCustody(places, random)
  if ((await store.get('setting', installation, settingNames.rootKeyCheck)) !== undefined)
    throw problem('Unavailable', {
      message: 'The root key is gone: none of its three places holds anything, and the store was made under one.',
      mend: 'Restore the three places from their backups, or point the settings at them. Nothing was changed.',
    })
  return createCustody(places, random)
}

/** Another way to open the root key: what the settings name, with these in their stead. */
export async function addUnlocking(config: Config, added: Partial<Config>, environment: Environment): Promise<Custody> {
  const without = { rootPassphraseFile: undefined, rootUnlockCredential: undefined, rootUnlockHsm: undefined }
  const to = placesOf({ ...config, ...without, ...added }, environment)
  return addUnlockingTo(placesOf(config, environment), to, systemRandom())
}

function placesOf(config: Config, environment: Environment): Places {
  const { rootCiphertext, rootPrivateKey } = config
  return { rootKey: rootCiphertext, privateKey: rootPrivateKey, unlockKey: thirdPlaceOf(config, environment) }
}

function thirdPlaceOf(config: Config, environment: Environment): Places['unlockKey'] {
  const { rootPassphraseFile, rootUnlockCredential, rootUnlockHsm } = config
  const named = Object.entries({
    root_passphrase_file: rootPassphraseFile,
    root_unlock_credential: rootUnlockCredential,
    root_unlock_hsm: rootUnlockHsm,
  }).filter(([, value]) => value !== undefined)
  if (named.length > 1)
    throw problem('InvalidRequest', {
      message: `${named.map(([name]) => name).join(' and ')} are set: place 3 can be one thing only.`,
      mend: 'Leave only the one that this installation was made with.',
    })
  if (rootPassphraseFile !== undefined)
    return { is: 'passphrase', passphrase: () => readPassphrase(rootPassphraseFile) }
  if (rootUnlockCredential !== undefined) return { is: 'provided', path: rootUnlockCredential }
  if (rootUnlockHsm === undefined) return { is: 'file', path: config.rootUnlockKey }
  const connection = hsmConnection(config, environment)
  const [label = '', id] = rootUnlockHsm.split('/')
  const key = { label, ...(id === undefined ? {} : { id }) }
  return { is: 'token', name: rootUnlockHsm, mac: (message, make) => macInToken(connection, key, message, make) }
}

/** The first line of the file, without its end. */
async function readPassphrase(path: string): Promise<Uint8Array> {
  const bytes = await readFile(path)
  const end = bytes.findIndex((byte) => byte === 0x0a || byte === 0x0d)
  return end === -1 ? bytes : bytes.subarray(0, end)
}

/** The store that the settings name. */
export function openStore(
  config: Config,
  needs: {
    readonly clock: Clock
    readonly random: Random
    readonly siblings?: Siblings
    /** For a copy of everything: the unsettled records of all nodes that share the store, not just of this one. */
    readonly ofEveryNode?: boolean
  },
): Promise<StoreEngine> {
  const { store } = config
  if (store === 'memory') return Promise.resolve(memoryStore())
  if (store === 'sqlite') return openSqlite(join(config.data, 'keyward.sqlite'), needs.siblings)
  if (/^postgres(?:ql)?:\/\//.test(store)) {
    const { node, leaseMs, storeListen: listens, storeTls, storeCa } = config
    const tls = storeTls === 'off' ? 'off' : storeCa === undefined ? undefined : { ca: readFileSync(storeCa, 'utf8') }
    return openPostgresStore({
      url: store,
      node,
      leaseMs,
      listens,
      monotonic,
      ...needs,
      ...(tls === undefined ? {} : { tls }),
    })
  }
  throw problem('InvalidRequest', {
    message: `${store} is no store.`,
    mend: 'Set store to sqlite, memory or a postgres:// URL.',
  })
}

async function openSqlite(file: string, siblings: Siblings | undefined): Promise<StoreEngine> {
  const { own, isAbandoned } = dutyOf(siblings)
  const sees = (log: number) => log === own || isAbandoned(log)
  if (siblings === undefined) return openSqliteStore({ file, sees })
  if (siblings.number > 0) return openSqliteStore({ file, sees, log: own, writer: storeWriter(siblings) })
  const store = await openSqliteStore({ file, sees, shared: siblings })
  siblings.handle('commit', (commit) => (store.writer as NonNullable<typeof store.writer>).write(commit))
  return store
}

// --------------------------------------------------------------------------------------------------------------- HSM

function hsmConnection(config: Config, environment: Environment): HsmConnection {
  const { hsmVendor, hsmPinFile, hsmModule, hsmModuleParameters, hsmTokenLabel, hsmTokenSerial } = config
  if (hsmVendor === undefined || !(hsmVendor in vendors))
    throw problem('InvalidRequest', {
      message: `hsm_vendor is ${hsmVendor ?? 'not set'}.`,
      mend: `Set it to one of: ${Object.keys(vendors).join(', ')} (docs/operating/hsm.md).`,
    })
  const pinText = environment[hsmPinVariable]
  if ((hsmPinFile === undefined) === (pinText === undefined))
    throw problem('InvalidRequest', {
      message:
        pinText === undefined
          ? `Neither hsm_pin_file nor ${hsmPinVariable} is set.`
          : `Both hsm_pin_file and ${hsmPinVariable} are set.`,
      mend: 'Name a file with the PIN of the token, and nothing else.',
    })
  return {
    vendor: hsmVendor as VendorName,
    pin: hsmPinFile === undefined ? { text: pinText ?? '' } : { file: hsmPinFile },
    environment,
    ...(hsmModule === undefined ? {} : { modulePath: hsmModule }),
    ...(hsmModuleParameters === undefined ? {} : { moduleParameters: hsmModuleParameters }),
    ...(hsmTokenLabel === undefined ? {} : { tokenLabel: hsmTokenLabel }),
    ...(hsmTokenSerial === undefined ? {} : { tokenSerial: hsmTokenSerial }),
  }
}

/** Undefined where the token is there to unlock the software level, and holds no root key of the hardware level. */
async function openHsm(
  config: Config,
  store: Store,
  { random, environment, warn }: { readonly random: Random; readonly environment: Environment; readonly warn: Warn },
): Promise<Device | undefined> {
  const stored = await store.get('setting', installation, settingNames.hsmRootKey)
  if (stored === undefined && config.rootUnlockHsm !== undefined) return undefined
  if (stored === undefined)
    throw problem('DeviceUnavailable', {
      message: 'The HSM of the settings has no root key of this installation yet.',
      mend: 'Make one: keyward hsm init.',
    })
  const reference = JSON.parse(stored.value) as HsmRootKeyReference
  try {
    const log: HsmConnection['log'] = (event, facts) => warn(facts, event)
    return await openPkcs11Device({ ...hsmConnection(config, environment), ...reference, random, log })
  } catch (error) {
    if (error instanceof Problem) throw error
    throw problem('DeviceUnavailable', {
      message: `The HSM cannot be used: ${(error as Error).message}.`,
      mend: 'Mend the hsm_ settings or the token; docs/operating/hsm.md.',
      cause: error,
    })
  }
}

/** Makes the root key in the token, and keeps its index: label and id, and nothing else of it (R32). */
export async function initializeHsmRootKey(
  config: Config,
  world: OpenWorld,
  environment: Environment,
): Promise<HsmRootKeyReference> {
  const stored = await world.store.get('setting', installation, settingNames.hsmRootKey)
  if (stored !== undefined)
    throw problem('Conflict', {
      message: 'This installation has an HSM root key already; keys are sealed under it.',
      mend: 'Nothing is to be done. The settings name the token that holds it.',
    })
  const reference = await initializeHsm({
    ...hsmConnection(config, environment),
    random: world.random,
    rootKeyLabel: config.hsmRootKey,
  })
  const value = JSON.stringify(reference)
  await world.store.commit([{ put: 'setting', record: { revision: 1, name: settingNames.hsmRootKey, value } }])
  return reference
}

/** minio#17377: data under a wrong root key is lost. A store that was made under another one is not served. */
async function requireSameRootKey(store: Store, custody: Custody): Promise<void> {
  const check = await keptSetting(store, settingNames.rootKeyCheck, () => custody.rootKeyCheck())
  if (!custody.matches(check))
    throw problem('Unavailable', {
      message: 'The root key is not the one that this store was made under.',
      mend: 'Point data, store and the three places of the root key at the same installation. Nothing was changed.',
    })
}

async function signingSeed(store: Store, sealer: ResealingSealer, random: Random): Promise<Uint8Array> {
  const sealed = await keptSetting(store, settingNames.signingSeed, () => sealer.seal(seedPurpose, random.bytes(32)))
  return sealer.open(seedPurpose, sealed)
}

/** Made at the first start. Where several nodes start at once, it is what one of them has made. */
async function keptSetting(store: Store, name: string, make: () => string): Promise<string> {
  const stored = await store.get('setting', installation, name)
  if (stored !== undefined) return stored.value
  const value = make()
  try {
    await store.commit([{ put: 'setting', record: { revision: 1, name, value } }])
    return value
  } catch (error) {
    const made = await store.get('setting', installation, name)
    if (made === undefined) throw error
    return made.value
  }
}

/** The clock does not go back over a restart: not behind the last record, nor behind what the chores have noted. */
async function raiseClock(clock: WorldClock, store: Store, logs: readonly ReadableLog[]): Promise<void> {
  const noted = await store.get('setting', installation, choreSettings.clockHighWater)
  if (noted !== undefined) clock.raiseTo(Number(noted.value))
  for (const log of logs)
    for await (const { record } of log.read(Math.max(0, log.size() - 1), log.size()))
      clock.raiseTo(Date.parse(record.time))
}

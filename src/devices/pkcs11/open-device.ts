/** The doors of this folder: open the HSM of an installation, make its root key, and unlock the software level with it. */
import type { Random } from '../../domain/ports.ts'
import { type AgentOptions, type AgentProcess, type Call, startAgent } from './agent-process.ts'
import type { Capabilities } from './capabilities.ts'
import { type Pkcs11Device, pkcs11Device } from './device.ts'
import { type PinSource, readPin } from './pin.ts'
import type { RootKeyIndex, StartRequest, UnlockKeyIndex } from './start.ts'
import { type Vendor, type VendorName, vendors } from './vendors.ts'

/** Which token, and how it is reached. */
export type HsmConnection = {
  readonly vendor: VendorName
  /** Where the vendor's module is; the vendor's usual place without it. */
  readonly modulePath?: string
  /** NSS only: `configdir='sql:/path' ...`. */
  readonly moduleParameters?: string
  /** The token's label. Needed where the module shows more than one token. */
  readonly tokenLabel?: string
  /** The token's serial number, where two share a label. */
  readonly tokenSerial?: string
  /** Where the PIN of the token's user is. */
  readonly pin: PinSource
  /** The service's own environment: the variables that the vendor's module reads are passed on, and no others. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** For the log of the service: starts, ends and complaints of the agent. Nothing secret is in them. */
  readonly log?: AgentOptions['log']
}

export type HsmOptions = HsmConnection & {
  readonly random: Random
  /** The index that `initializeHsm` gave: label, and id in hex. */
  readonly rootKeyLabel: string
  readonly rootKeyId: string
  /** How many operations the token computes at once: its sessions. 8 without it. */
  readonly sessions?: number
  /** How many keys are open in the token at once, beyond which the one used longest ago is closed. 1,024 without it. */
  readonly capacity?: number
  /** Milliseconds: how long a call may take before the agent counts as hung and is killed. 5,000 without it. */
  readonly deadline?: number
  /** Milliseconds, for making keys, starting and the self-test. 60,000 without it. */
  readonly slowDeadline?: number
  /** Milliseconds between two looks at the token. 5,000 without it. */
  readonly checkEvery?: number
}

const defaultSessions = 8
const defaultCapacity = 1024
const defaultDeadline = 5_000
const defaultSlowDeadline = 60_000
const defaultCheckEvery = 5_000

/**
 * Starts the agent, logs in, finds the root key, and tries what the token can do. Rejects with the reason where one of
 * these fails: a service that is configured for an HSM does not start without it.
 */
export async function openPkcs11Device(options: HsmOptions): Promise<Pkcs11Device> {
  const root = { label: options.rootKeyLabel, id: options.rootKeyId }
  const agent = await agentOf(options, { root, create: false })
  try {
    const [answer] = await agent.call('selfTest')
    const capabilities = JSON.parse(answer?.toString('utf8') ?? '{}') as Capabilities
    if (capabilities.algorithms.AES_256 === undefined)
      throw new Error('the token does not compute AES-256-GCM, without which nothing can be sealed')
    const { random, capacity = defaultCapacity } = options
    return pkcs11Device({ agent, capabilities, random, capacity })
  } catch (error) {
    await agent.close()
    throw error
  }
}

/** The index of a root key: all that an installation stores of it (R32). Not secret. */
export type HsmRootKeyReference = { readonly rootKeyLabel: string; readonly rootKeyId: string }

/**
 * `keyward hsm init`: makes the root key inside the token, non-extractable, and gives its index. Every run makes another
 * one. Rejects where the token cannot hold one, and leaves nothing behind then.
 */
export async function initializeHsm(
  options: HsmConnection & { readonly random: Random; readonly rootKeyLabel?: string },
): Promise<HsmRootKeyReference> {
  const root = {
    label: options.rootKeyLabel ?? 'keyward root key',
    id: Buffer.from(options.random.bytes(rootKeyIdBytes)).toString('hex'),
  }
  const agent = await agentOf(options, { root, create: true })
  await agent.close()
  return { rootKeyLabel: root.label, rootKeyId: root.id }
}

const rootKeyIdBytes = 16

/**
 * For the third place of the software level's custody: HMAC-SHA-256 by a secret key of the token that was never extractable.
 * With `make`, the key is made where it is not there yet. The agent runs for this one call.
 */
export async function macInToken(
  options: HsmConnection,
  key: UnlockKeyIndex,
  message: Uint8Array,
  make: boolean,
): Promise<Uint8Array> {
  const agent = await agentOf({ ...options, sessions: 1 }, { root: undefined, create: false })
  try {
    const [mac] = await agent.call('unlock', Buffer.from(JSON.stringify(key)), Buffer.of(make ? 1 : 0), message)
    if (mac === undefined) throw new Error('the HSM agent left something out')
    const own = Uint8Array.from(mac)
    mac.fill(0)
    return own
  } finally {
    await agent.close()
  }
}

async function agentOf(
  options: HsmConnection & Partial<HsmOptions>,
  { root, create }: { readonly root: RootKeyIndex | undefined; readonly create: boolean },
): Promise<AgentProcess> {
  const vendor = vendors[options.vendor]
  if (vendor === undefined) throw new Error(`there is no HSM vendor '${options.vendor}'`)
  if (root !== undefined && !/^[0-9a-f]{32}$/.test(root.id))
    throw new Error('the id of a root key is 32 hex digits, lower case')
  if (root?.label === '') throw new Error('the label of the root key is empty')
  const { sessions = defaultSessions, moduleParameters, tokenLabel, tokenSerial } = options
  const request: Omit<StartRequest, 'generation'> = {
    vendor: options.vendor,
    modulePath: options.modulePath ?? vendor.modulePath,
    ...(moduleParameters === undefined ? {} : { moduleParameters }),
    ...(tokenLabel === undefined ? {} : { tokenLabel }),
    ...(tokenSerial === undefined ? {} : { tokenSerial }),
    ...(root === undefined ? {} : { root }),
    create,
    sessions,
  }
  const start = async (call: Call, generation: number) => {
    const pin = await readPin(options.pin)
    try {
      await call('start', Buffer.from(JSON.stringify({ ...request, generation })), pin)
    } finally {
      pin.fill(0)
    }
  }
  return startAgent({
    environment: passedOn(vendor, options.environment ?? {}),
    sessions,
    deadline: options.deadline ?? defaultDeadline,
    slowDeadline: options.slowDeadline ?? defaultSlowDeadline,
    checkEvery: options.checkEvery ?? defaultCheckEvery,
    start,
    log: options.log ?? (() => {}),
  })
}

function passedOn(vendor: Vendor, environment: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const passed: Record<string, string> = {}
  for (const name of vendor.environment) {
    const value = environment[name]
    if (value !== undefined) passed[name] = value
  }
  return passed
}

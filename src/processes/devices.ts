/** The HSM is reached by one process, the keeper, which has one agent and one set of sessions; others ask it. */
import type { KeyVersion, ProtectionLevel } from '../domain/key.ts'
import type { Device, Store } from '../domain/ports.ts'
import { partitionOf } from '../domain/scope.ts'
import { type KeySpec, type KeyUsage, keyUsages, specs } from '../domain/specs.ts'
import { wrappingAlgorithm, wrappingKeySpec } from '../operations/material/get-parameters-for-import.ts'
import type { DeviceFacts } from './calls.ts'
import { errorOf, refusalOf } from './channel.ts'
import type { Siblings } from './siblings.ts'

const asynchronous: { readonly [M in Exclude<keyof Device, keyof ReturnType<typeof synchronous>>]: true } = {
  generate: true,
  encrypt: true,
  decrypt: true,
  asymmetricEncrypt: true,
  asymmetricDecrypt: true,
  sign: true,
  verify: true,
  mac: true,
  verifyMac: true,
  agree: true,
  encapsulate: true,
  decapsulate: true,
  generateKeyPair: true,
  encryptFor: true,
  generateWrappingKey: true,
  importMaterial: true,
  rebind: true,
  selfTest: true,
}

/** How often a process asks whether the device is well, in milliseconds. */
const healthEveryMs = 1_000

/** What a device answers without waiting, from what the keeper told at the start. */
function synchronous(facts: DeviceFacts, healthy: () => boolean, close: () => Promise<void>) {
  return {
    protection: facts.protection,
    supports: (spec: KeySpec, usage: KeyUsage) => facts.supports[spec]?.includes(usage) === true,
    unwraps: (...wanted: Parameters<Device['unwraps']>) => facts.unwraps.includes(wanted.join(' ')),
    envelopeAlgorithm(spec: KeySpec) {
      const algorithm = facts.envelopeAlgorithms[spec]
      if (typeof algorithm === 'number') return algorithm
      throw algorithm === undefined ? new Error(`Nobody knows how ${spec} encrypts.`) : errorOf(algorithm)
    },
    healthy,
    close,
  }
}

/** Undefined where the keeper has no such device. */
export async function remoteDevice({ call }: Siblings, protection: ProtectionLevel): Promise<Device | undefined> {
  const facts = await call(0, 'deviceFacts', protection)
  if (facts === undefined) return undefined
  let healthy = true
  const timer = setInterval(async () => {
    healthy = await call(0, 'deviceHealthy', protection).catch(() => false)
  }, healthEveryMs).unref()
  const asked = Object.keys(asynchronous)
    .filter((method) => method !== 'encryptFor' || facts.encryptsFor)
    .map((method) => [
      method,
      (...args: readonly unknown[]) => call(0, 'device', protection, method as keyof Device, args),
    ])
  const close = async () => clearInterval(timer)
  return { ...Object.fromEntries(asked), ...synchronous(facts, () => healthy, close) } as Device
}

export function serveDevices(
  { handle }: Siblings,
  devices: ReadonlyMap<ProtectionLevel, Device>,
  store: Pick<Store, 'get'>,
): void {
  function deviceOf(protection: ProtectionLevel): Device {
    const device = devices.get(protection)
    if (device === undefined) throw new Error(`There is no ${protection} device.`)
    return device
  }

  /** The device keeps keys open by the identity of their records: the record of the store, in place of its copy. */
  async function known(argument: unknown): Promise<unknown> {
    if (typeof argument !== 'object' || argument === null || !('versionId' in argument)) return argument
    const copy = argument as KeyVersion
    const record = await store.get('version', partitionOf(copy), `${copy.keyId}/${copy.versionId}`)
    return JSON.stringify(record) === JSON.stringify(copy) ? record : copy
  }

  handle('device', async (protection, method, args) => {
    if (!Object.hasOwn(asynchronous, method)) throw new Error(`A device is not asked for ${method}.`)
    const compute = deviceOf(protection)[method] as (...args: readonly unknown[]) => Promise<unknown>
    return compute(...(await Promise.all(args.map(known))))
  })
  handle('deviceHealthy', (protection) => deviceOf(protection).healthy())
  handle('deviceFacts', (protection) => {
    const device = devices.get(protection)
    return device && factsOf(device)
  })
}

function factsOf(device: Device): DeviceFacts {
  const all = Object.keys(specs) as KeySpec[]
  const envelopeAlgorithm = (spec: KeySpec) => {
    try {
      return device.envelopeAlgorithm(spec)
    } catch (error) {
      return refusalOf(error)
    }
  }
  return {
    protection: device.protection,
    supports: Object.fromEntries(all.map((spec) => [spec, keyUsages.filter((usage) => device.supports(spec, usage))])),
    envelopeAlgorithms: Object.fromEntries(all.map((spec) => [spec, envelopeAlgorithm(spec)])),
    unwraps: all.flatMap((spec) =>
      wrappingKeySpec.options.flatMap((wrapping) =>
        wrappingAlgorithm.options
          .filter((algorithm) => device.unwraps(spec, wrapping, algorithm))
          .map((algorithm) => [spec, wrapping, algorithm].join(' ')),
      ),
    ),
    encryptsFor: device.encryptFor !== undefined,
  }
}

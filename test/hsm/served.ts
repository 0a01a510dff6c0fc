/** A service with a soft token behind its hardware level: tests speak to it as its callers do. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Config, loadConfig } from '../../src/config.ts'
import { initializeHsmRootKey, openWorld } from '../../src/world.ts'
import { custodyIn, startTestService, type TestService, type TestServiceOptions } from '../service.ts'
import { type Disposals, type SoftToken, type SoftVendor, softToken } from './tokens.ts'

/** What an operator sets so that the service finds the token. */
export function hsmSettings({ connection, pinFile }: SoftToken): Partial<Config> {
  return {
    hsmVendor: connection.vendor,
    hsmPinFile: pinFile,
    hsmModuleParameters: connection.moduleParameters,
    hsmTokenLabel: connection.tokenLabel,
  }
}

export type Installation = {
  readonly token: SoftToken
  /** The folder of everything but the token. */
  readonly data: string
  start(options?: TestServiceOptions): Promise<TestService>
}

/** After `keyward hsm init`: a new token, and the index of its root key in a new store. Gone after the test. */
export async function hsmInstallation(context: Disposals, vendor: SoftVendor): Promise<Installation> {
  const token = await softToken(context, vendor)
  const data = await mkdtemp(join(tmpdir(), 'keyward-served-'))
  const stops: (() => Promise<void>)[] = []
  context.after(async () => {
    await Promise.all(stops.map((stop) => stop()))
    await rm(data, { recursive: true, force: true })
  })
  const environment = token.connection.environment ?? {}
  const config = { ...loadConfig({}), data, ...custodyIn(data), ...hsmSettings(token) }
  const world = await openWorld(config, { environment, withoutHsm: true })
  try {
    await initializeHsmRootKey(config, world, environment)
  } finally {
    await world.close()
  }
  return {
    token,
    data,
    async start(options = {}) {
      const { config: more, ...rest } = options
      const service = await startTestService({
        on: 'sqlite',
        data,
        environment,
        ...rest,
        config: { ...hsmSettings(token), ...more },
      })
      let stopped: Promise<void> | undefined
      const stop = () => {
        stopped ??= service.stop()
        return stopped
      }
      stops.push(stop)
      return { ...service, stop }
    },
  }
}

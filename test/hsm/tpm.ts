/** A TPM in software (swtpm) with its resource manager and a PKCS#11 token on it: made anew, and gone after the test. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { HsmConnection } from '../../src/devices/pkcs11/open-device.ts'
import { vendors } from '../../src/devices/pkcs11/vendors.ts'
import { type Disposals, eventually, missingOf } from './tokens.ts'

/** Program, and the Debian package that it is in. */
const tools = {
  swtpm: 'swtpm',
  tpm2_ptool: 'libtpm2-pkcs11-tools',
  tpm2_getcap: 'tpm2-tools',
  'tpm2-abrmd': 'tpm2-abrmd',
  'dbus-daemon': 'dbus-daemon',
} as const

/** Why there can be no TPM on this machine; undefined where there can. In strict mode that is a failure. */
export function missingTpm(): string | undefined {
  return missingOf(tools, [vendors.tpm2.modulePath])
}

export type TpmToken = {
  readonly pinFile: string
  readonly connection: HsmConnection
  /** The TPM's own tool for tokens. */
  ptool(...given: readonly string[]): void
}

const pin = 'Tpm-User-Pin-1'

export async function tpmToken(context: Disposals): Promise<TpmToken> {
  const directory = await mkdtemp(join(tmpdir(), 'keyward-tpm-'))
  const processes: ChildProcess[] = []
  context.after(async () => {
    for (const each of processes.reverse()) {
      each.kill('SIGKILL')
      if (each.exitCode === null && each.signalCode === null) await new Promise((resolve) => each.once('exit', resolve))
    }
    await rm(directory, { recursive: true, force: true })
  })
  const run = (program: string, given: readonly string[], env: Record<string, string> = {}) => {
    const child = spawn(program, given, { stdio: 'ignore', env: { ...process.env, ...env } })
    processes.push(child)
    return child
  }
  for (const folder of ['state', 'store']) await mkdir(join(directory, folder))
  const socket = join(directory, 'tpm')
  run('swtpm', [
    ...['socket', '--tpm2', '--tpmstate', `dir=${join(directory, 'state')}`],
    ...['--server', `type=unixio,path=${socket}`, '--ctrl', `type=unixio,path=${socket}.ctrl`],
    ...['--flags', 'not-need-init,startup-clear'],
  ])
  // A TPM holds three objects at once: the resource manager swaps them, and is reached over D-Bus.
  const bus = `unix:path=${join(directory, 'bus')}`
  run('dbus-daemon', ['--session', '--nofork', `--address=${bus}`])
  await eventually(() => ['bus', 'tpm', 'tpm.ctrl'].every((name) => existsSync(join(directory, name))))
  const environment = {
    DBUS_SESSION_BUS_ADDRESS: bus,
    TPM2_PKCS11_STORE: join(directory, 'store'),
    TPM2_PKCS11_TCTI: 'tabrmd:bus_type=session',
  }
  const tcti = { TPM2TOOLS_TCTI: environment.TPM2_PKCS11_TCTI }
  run('tpm2-abrmd', ['--session', '--allow-root', `--tcti=swtpm:path=${socket}`], environment)
  const env = { ...process.env, ...environment, ...tcti }
  await eventually(() => spawnSync('tpm2_getcap', ['properties-fixed'], { env }).status === 0)

  const ptool = (...given: readonly string[]) => {
    const { status, stderr } = spawnSync('tpm2_ptool', given, { encoding: 'utf8', env })
    if (status !== 0) throw new Error(`tpm2_ptool ${given[0]}: ${stderr}`)
  }
  ptool('init')
  ptool('addtoken', '--pid', '1', '--label', 'tpm', '--sopin', pin, '--userpin', pin)
  const pinFile = join(directory, 'pin')
  await writeFile(pinFile, pin, { mode: 0o600 })
  return {
    pinFile,
    connection: { vendor: 'tpm2', pin: { file: pinFile }, environment, tokenLabel: 'tpm' },
    ptool: (command, ...more) => ptool(command ?? '', '--label', 'tpm', '--userpin', pin, ...more),
  }
}

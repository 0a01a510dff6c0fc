/** Soft tokens for tests: made anew in a directory of their own, and removed with it. */
import { spawnSync } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, copyFile, cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Pkcs11Device } from '../../src/devices/pkcs11/device.ts'
import {
  type HsmConnection,
  type HsmOptions,
  type HsmRootKeyReference,
  initializeHsm,
  openPkcs11Device,
} from '../../src/devices/pkcs11/open-device.ts'
import { vendors } from '../../src/devices/pkcs11/vendors.ts'
import type { KeyVersion, MaterialBinding } from '../../src/domain/key.ts'
import type { NewMaterial, Random } from '../../src/domain/ports.ts'
import type { KeySpec } from '../../src/domain/specs.ts'

export type SoftVendor = 'softhsm2' | 'nss'
export const softVendors: readonly SoftVendor[] = ['softhsm2', 'nss']

const tools: Readonly<Record<SoftVendor, { readonly program: string; readonly package: string }>> = {
  softhsm2: { program: 'softhsm2-util', package: 'softhsm2' },
  nss: { program: 'certutil', package: 'libnss3-tools' },
}

/** Why there can be no such token on this machine; undefined where there can. In strict mode that is a failure. */
export function missing(vendor: SoftVendor): string | undefined {
  const { program, package: name } = tools[vendor]
  return missingOf({ [program]: name }, [vendors[vendor].modulePath])
}

/** The same for anything that stands on programs (with the Debian packages they are in) and on modules for PKCS#11. */
export function missingOf(programs: Readonly<Record<string, string>>, modules: readonly string[]): string | undefined {
  const reason = missingHere(programs, modules)
  if (reason !== undefined && process.env.KEYWARD_TEST_STRICT === '1') throw new Error(reason)
  return reason
}

function missingHere(programs: Readonly<Record<string, string>>, modules: readonly string[]): string | undefined {
  for (const [program, name] of Object.entries(programs))
    if (spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0)
      return `${program} is not installed (Debian: ${name})`
  for (const module of modules) if (!existsSync(module)) return `${module} is not there`
  buildFailure ??= build()
  return buildFailure === '' ? undefined : buildFailure
}

let buildFailure: string | undefined

function build(): string {
  const script = join(import.meta.dirname, '..', '..', 'scripts', 'build-pkcs11.mjs')
  const { status, stderr } = spawnSync(process.execPath, [script], { encoding: 'utf8' })
  return status === 0 ? '' : stderr || 'pkcs11js cannot be built'
}

export const random: Random = { bytes: (count) => new Uint8Array(randomBytes(count)), uuid: () => randomUUID() }

/** A test's context, or anything else that runs what it is given when all is done. */
export type Disposals = { after(dispose: () => unknown): void }

export type SoftToken = {
  readonly directory: string
  /** Where the token keeps its objects. */
  readonly objects: string
  readonly pin: string
  readonly pinFile: string
  readonly connection: HsmConnection
}

/** An initialized token without a root key. Gone after the test. */
export async function softToken(context: Disposals, vendor: SoftVendor): Promise<SoftToken> {
  const directory = await mkdtemp(join(tmpdir(), 'keyward-hsm-'))
  context.after(() => rm(directory, { recursive: true, force: true }))
  const objects = join(directory, 'token')
  await mkdir(objects)
  // Every token has its own: a memory that is searched for it does not know it from here.
  const pin = `Pin-${randomBytes(9).toString('base64url')}-7`
  const pinFile = join(directory, 'pin')
  await writeFile(pinFile, `${pin}\n`)
  await chmod(pinFile, 0o600)
  if (vendor === 'nss') {
    run('certutil', ['-N', '-d', `sql:${objects}`, '-f', pinFile])
    const moduleParameters = `configdir='sql:${objects}' certPrefix='' keyPrefix='' secmod='secmod.db' flags=`
    return { directory, objects, pin, pinFile, connection: { vendor, moduleParameters, pin: { file: pinFile } } }
  }
  const environment = { SOFTHSM2_CONF: join(directory, 'softhsm2.conf') }
  await writeFile(
    environment.SOFTHSM2_CONF,
    `directories.tokendir = ${objects}\nobjectstore.backend = file\nlog.level = ERROR\n`,
  )
  run('softhsm2-util', ['--init-token', '--free', '--label', 'test', '--so-pin', pin, '--pin', pin], environment)
  const connection: HsmConnection = { vendor, pin: { file: pinFile }, environment, tokenLabel: 'test' }
  return { directory, objects, pin, pinFile, connection }
}

/** A soft token is cloned by copying its files, while nothing is written; a real one within its maker's cloning domain. */
export async function cloneOf(context: Disposals, token: SoftToken): Promise<SoftToken> {
  const clone = await softToken(context, token.connection.vendor as SoftVendor)
  await rm(clone.objects, { recursive: true })
  await cp(token.objects, clone.objects, { recursive: true })
  await copyFile(token.pinFile, clone.pinFile)
  return { ...clone, pin: token.pin }
}

function run(program: string, args: readonly string[], environment: Record<string, string> = {}): void {
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8', env: { ...process.env, ...environment } })
  if (status !== 0) throw new Error(`${program}: ${stderr}`)
}

export type OpenToken = SoftToken & { readonly root: HsmRootKeyReference; readonly device: Pkcs11Device }

/** A token with a root key, and the device on it. Closed after the test. */
export async function openToken(
  context: Disposals,
  vendor: SoftVendor,
  options: Partial<HsmOptions> = {},
): Promise<OpenToken> {
  const token = await softToken(context, vendor)
  const root = await initializeHsm({ ...token.connection, random })
  return { ...token, root, device: await openOn(context, token, root, options) }
}

export async function openOn(
  context: Disposals,
  { connection }: SoftToken,
  root: HsmRootKeyReference,
  options: Partial<HsmOptions> = {},
): Promise<Pkcs11Device> {
  const device = await openPkcs11Device({ ...connection, random, ...root, ...options })
  context.after(() => device.close())
  return device
}

export function bindingOf(spec: KeySpec, keyId: string = randomUUID()): MaterialBinding {
  return { account: '123456789012', region: 'local', keyId, versionId: randomUUID(), spec }
}

export function versionOf(binding: MaterialBinding, material: NewMaterial): KeyVersion {
  const publicKey = material.publicKey && { publicKey: Buffer.from(material.publicKey).toString('base64') }
  return Object.freeze({ ...binding, revision: 1, number: 1, createdAt: 0, sealed: material.sealed, ...publicKey })
}

export async function newVersion(device: Pkcs11Device, spec: KeySpec): Promise<KeyVersion> {
  const binding = bindingOf(spec)
  return versionOf(binding, await device.generate(binding))
}

/** Waits for what must come true, looking again and again. */
export async function eventually(condition: () => boolean | Promise<boolean>): Promise<void> {
  const giveUp = AbortSignal.timeout(patienceMs)
  while (!(await condition())) {
    if (giveUp.aborted) throw new Error(`it did not come true in ${patienceMs} ms: ${condition}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
const patienceMs = 60_000

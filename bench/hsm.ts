/**
 * What the road to the token costs: Encrypt and Sign through the device (agent process, framing, key cache), against the
 * module called raw in this process, on as many sessions, in one run, at 16 callers. `npm run bench hsm`; one token alone:
 * `UV_THREADPOOL_SIZE=17 node bench/hsm.ts softhsm2` (or nss).
 *
 * Raw means what a program can get out of the module through pkcs11js: the same mechanisms, the calls on threads as well as
 * in place, whichever is faster. Rounds are interleaved, and compared with their neighbours. Device and raw module are not
 * alike in one thing: the device needs two processes, so on a machine whose cores are all busy it gets less than it could.
 * Therefore the processor time is told too: on free cores the dearer of the two processes sets the rate.
 */
import { spawnSync } from 'node:child_process'
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Handle, PKCS11 } from 'pkcs11js'
import { openApart } from '../src/devices/pkcs11/hardening.ts'
import { aesGcm } from '../src/devices/pkcs11/mechanisms.ts'
import { initializeHsm, openPkcs11Device } from '../src/devices/pkcs11/open-device.ts'
import { vendors } from '../src/devices/pkcs11/vendors.ts'
import type { KeySpec } from '../src/domain/specs.ts'

const callers = 16
const rounds = 15
const roundMilliseconds = 300
/** Of `/proc/PID/stat`. */
const ticksPerSecond = 100
if (process.argv[2] === undefined) {
  // Each in a process of its own: libuv reads the number of its threads when it starts.
  const env = { ...process.env, UV_THREADPOOL_SIZE: String(callers + 1) }
  const runs = ['softhsm2', 'nss'].map((each) =>
    spawnSync(process.execPath, [...process.execArgv, import.meta.filename, each], { stdio: 'inherit', env }),
  )
  process.exit(runs.every(({ status }) => status === 0) ? 0 : 1)
}
const vendor = process.argv[2] === 'nss' ? 'nss' : 'softhsm2'
spawnSync(process.execPath, [join(import.meta.dirname, '..', 'scripts', 'build-pkcs11.mjs')], { stdio: 'inherit' })

const directory = mkdtempSync(join(tmpdir(), 'keyward-bench-'))
process.on('exit', () => rmSync(directory, { recursive: true, force: true }))
const pin = 'Bench-Pin-1'
const pinFile = join(directory, 'pin')
writeFileSync(pinFile, pin, { mode: 0o600 })
const configuration = join(directory, 'softhsm2.conf')
writeFileSync(configuration, `directories.tokendir = ${directory}\nobjectstore.backend = file\nlog.level = ERROR\n`)
process.env.SOFTHSM2_CONF = configuration
if (vendor === 'nss') spawnSync('certutil', ['-N', '-d', `sql:${directory}`, '-f', pinFile])
else spawnSync('softhsm2-util', ['--init-token', '--free', '--label', 'bench', '--so-pin', pin, '--pin', pin])

const moduleParameters = `configdir='sql:${directory}' certPrefix='' keyPrefix='' secmod='secmod.db' flags=`
const random = { bytes: (count: number) => new Uint8Array(randomBytes(count)), uuid: () => randomUUID() as string }
const connection = {
  vendor,
  pin: { file: pinFile },
  environment: process.env,
  ...(vendor === 'nss' ? { moduleParameters } : {}),
} as const
const root = await initializeHsm({ ...connection, random })
const device = await openPkcs11Device({ ...connection, ...root, random, sessions: callers })

const plaintext = randomBytes(32)
const context = randomBytes(64)
const digest = createHash('sha256').update(plaintext).digest()

async function versionOf(spec: KeySpec) {
  const binding = { account: '123456789012', region: 'local', keyId: spec, versionId: '1', spec }
  return { ...binding, ...(await sealedOnly(binding)), revision: 1, number: 1, createdAt: 0 }
}
async function sealedOnly(binding: Parameters<typeof device.generate>[0]) {
  const { sealed } = await device.generate(binding)
  return { sealed }
}
const aes = await versionOf('AES_256')
const ec = await versionOf('EC_P256')
const rsa = await versionOf('RSA_2048')

// ------------------------------------------------------------------------------------------------- the module, raw

const { PKCS11: Module } = createRequire(import.meta.url)('pkcs11js') as typeof import('pkcs11js')
const module: PKCS11 = new Module()
// With its own libcrypto, as the agent has it: on Node's, which is newer, it computes P-256 half again as fast.
openApart(vendors[vendor].modulePath)
module.load(vendors[vendor].modulePath)
module.C_Initialize({ flags: 2, ...(vendor === 'nss' ? { libraryParameters: `${moduleParameters} ` } : {}) })
const slot = module.C_GetSlotList(true).find((each) => (module.C_GetTokenInfo(each).flags & 0x8) !== 0) as Handle
const sessions = Array.from({ length: callers }, () => module.C_OpenSession(slot, 6))
const [first] = sessions as [Handle]
module.C_Login(first, 1, pin)
const yes = (...types: number[]) => types.map((type) => ({ type, value: true }))
const aesKey = module.C_GenerateKey(first, { mechanism: 0x1080 }, [
  { type: 0x161, value: 32 },
  ...yes(0x104, 0x105, 0x103),
])
const pair = (mechanism: number, attributes: { type: number; value: Buffer | number }[]) =>
  module.C_GenerateKeyPair(first, { mechanism }, [...attributes, ...yes(0x10a)], yes(0x108, 0x2, 0x103)).privateKey
const ecKey = pair(0x1040, [{ type: 0x180, value: Buffer.from('06082a8648ce3d030107', 'hex') }])
const rsaKey = pair(0x0, [
  { type: 0x121, value: 2048 },
  { type: 0x122, value: Buffer.of(1, 0, 1) },
])
const gcm = () => aesGcm(vendors[vendor].gcmParameters, randomBytes(12), context)
const pkcs1 = Buffer.concat([Buffer.from('3031300d060960864801650304020105000420', 'hex'), digest])

type Work = (caller: number) => Promise<unknown>
const signRaw = (mechanism: number, key: Handle, input: Buffer): readonly [Work, Work] => [
  async (caller) => {
    const session = sessions[caller] as Handle
    module.C_SignInit(session, { mechanism }, key)
    return module.C_SignAsync(session, input, Buffer.alloc(512))
  },
  async () => {
    module.C_SignInit(first, { mechanism }, key)
    return module.C_Sign(first, input, Buffer.alloc(512))
  },
]
const contests: readonly { name: string; ours: Work; threads: Work; inPlace: Work }[] = [
  {
    name: 'Encrypt, AES_256, 32 bytes',
    ours: () => device.encrypt(aes, plaintext, context),
    async threads(caller) {
      const session = sessions[caller] as Handle
      module.C_EncryptInit(session, gcm(), aesKey)
      return module.C_EncryptAsync(session, plaintext, Buffer.alloc(64))
    },
    async inPlace() {
      module.C_EncryptInit(first, gcm(), aesKey)
      return module.C_Encrypt(first, plaintext, Buffer.alloc(64))
    },
  },
  {
    name: 'Sign, EC_P256',
    ours: () => device.sign(ec, 'ECDSA_SHA_256', { type: 'DIGEST', digest }),
    threads: signRaw(0x1041, ecKey, digest)[0],
    inPlace: signRaw(0x1041, ecKey, digest)[1],
  },
  {
    name: 'Sign, RSA_2048',
    ours: () => device.sign(rsa, 'RSASSA_PKCS1_V1_5_SHA_256', { type: 'DIGEST', digest }),
    threads: signRaw(0x1, rsaKey, pkcs1)[0],
    inPlace: signRaw(0x1, rsaKey, pkcs1)[1],
  },
]

type Measured = { readonly rate: number; readonly service: number; readonly agent: number }

/** The agent's processor time so far, in seconds. */
function agentSeconds(): number {
  const fields = readFileSync(`/proc/${device.agentProcessId()}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

async function measure(work: Work): Promise<Measured> {
  let done = 0
  const cpu = process.cpuUsage()
  const agent = agentSeconds()
  const start = performance.now()
  const end = start + roundMilliseconds
  const loop = async (caller: number) => {
    while (performance.now() < end) {
      await work(caller)
      done += 1
    }
  }
  await Promise.all(Array.from({ length: callers }, (_, caller) => loop(caller)))
  const seconds = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage(cpu)
  return { rate: done / seconds, service: (user + system) / done, agent: ((agentSeconds() - agent) * 1e6) / done }
}

const median = (values: number[]) => values.sort((left, right) => left - right)[values.length >> 1] as number

console.log(`${vendors[vendor].name}, ${callers} callers, ${availableParallelism()} cores, ${rounds} rounds`)
for (const { name, ours, threads, inPlace } of contests) {
  const measured: { ours: Measured; threads: Measured; inPlace: Measured }[] = []
  for (let round = 0; round < rounds; round += 1)
    measured.push({ ours: await measure(ours), threads: await measure(threads), inPlace: await measure(inPlace) })
  // Of each round by itself: what else runs on the machine changes from one to the next.
  const against = (raw: 'threads' | 'inPlace') => {
    const ratio = median(measured.map((round) => round.ours.rate / round[raw].rate))
    return `${Math.round(median(measured.map((round) => round[raw].rate)))}/s (${Math.round(100 * ratio)} %)`
  }
  const cpu = (of: (round: (typeof measured)[number]) => number) => median(measured.map(of)).toFixed(1)
  console.log(
    `${name}: device ${Math.round(median(measured.map((round) => round.ours.rate)))}/s;`,
    `raw on threads ${against('threads')}, raw in place ${against('inPlace')};`,
    `processor time of one: service ${cpu((round) => round.ours.service)} us, agent ${cpu((round) => round.ours.agent)} us,`,
    `raw on threads ${cpu((round) => round.threads.service)} us, raw in place ${cpu((round) => round.inPlace.service)} us`,
  )
}
await device.close()
module.C_Finalize()

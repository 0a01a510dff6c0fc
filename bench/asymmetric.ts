/**
 * How fast key pairs compute, beside `openssl speed` of the same algorithm in the same run. Rounds of both are
 * interleaved and medians told, because neighbours on the machine disturb both; where it says CPU, the time is that of
 * the thread, as openssl counts it too. Run it alone: `node bench/asymmetric.ts [seconds of a measurement] [rounds]`.
 *
 * The openssl of the machine may be another version than the one inside Node: a ratio far from 1 is then the library's.
 * OpenSSL 3.0 has no ML-DSA and measures no SM2 encryption. The OpenSSL inside npm's Node is built without the fast code
 * for P-521 (enable-ec_nistp_64_gcc_128), which a distribution's has.
 */
import { spawnSync } from 'node:child_process'
import { hash } from 'node:crypto'
import { availableParallelism } from 'node:os'
import type { OpenedKey } from '../src/devices/software/algorithms.ts'
import { type KeyPair, openPair, type PairSpec } from '../src/devices/software/key-pair.ts'
import { pairAnswers } from '../src/devices/software/known-answers-pairs.ts'
import { Unsealed } from '../src/devices/software/material.ts'
import { type Job, runOpenssl } from '../src/devices/software/openssl-calls.ts'
import { pairAlgorithms } from '../src/devices/software/pairs.ts'
import { createPool } from '../src/devices/software/pool.ts'
import type { EncryptionAlgorithm, SigningAlgorithm } from '../src/domain/specs.ts'

/** Calls under way at once through the device's functions. */
const concurrency = 16
const message = Buffer.from('the message of a benchmark')
const digest = (name: string) => hash(name, message, 'buffer')

type Row = {
  readonly name: string
  readonly spec: PairSpec
  /** The call itself, on this thread. */
  readonly job: Job
  /** The same through the device and its threads. */
  readonly device: (key: OpenedKey) => Promise<unknown> | undefined
  /** For `openssl speed`, and which of the two rates that it prints. */
  readonly openssl?: readonly [algorithm: string, rate: 0 | 1]
}

type SignJob = Extract<Job, { readonly call: 'sign' }>

const signing = (spec: PairSpec, algorithm: SigningAlgorithm, job: SignJob, openssl?: Row['openssl']): Row => ({
  name: `${spec} sign`,
  spec,
  job,
  device: (key) =>
    // What the call itself is given: a digest, where the algorithm takes one.
    key.sign?.(algorithm, job.input === message ? { type: 'RAW', message } : { type: 'DIGEST', digest: job.input }),
  ...(openssl && { openssl }),
})

const rsa = (bits: 2048 | 3072 | 4096): Row =>
  signing(
    `RSA_${bits}`,
    'RSASSA_PKCS1_V1_5_SHA_256',
    { call: 'sign', scheme: { rsa: 'PKCS1', hash: 'sha256' }, input: digest('sha256') },
    [`rsa${bits}`, 0],
  )

const overDigest = (name: string): SignJob => ({ call: 'sign', scheme: 'DIGEST', input: digest(name) })

const known = (base64: string | undefined) => Buffer.from(base64 ?? '', 'base64')
const { SM2 } = pairAnswers
const sm2Signature = known(SM2.signatures?.SM2DSA)
const sm2Ciphertext = known(SM2.ciphertexts?.SM2PKE)
const sm2Digest = { type: 'DIGEST', digest: known(SM2.digest) } as const
const rsaCiphertext = known(pairAnswers.RSA_2048.ciphertexts?.RSAES_OAEP_SHA_256)
const rsaOaep: EncryptionAlgorithm = 'RSAES_OAEP_SHA_256'

const rows: readonly Row[] = [
  rsa(2048),
  rsa(3072),
  rsa(4096),
  {
    name: 'RSA_2048 decrypt',
    spec: 'RSA_2048',
    job: { call: 'decrypt', scheme: { oaep: 'sha256', mgf1: 'sha256' }, input: rsaCiphertext },
    device: (key) => key.asymmetricDecrypt?.(rsaOaep, rsaCiphertext),
    openssl: ['rsa2048', 0],
  },
  signing('EC_P256', 'ECDSA_SHA_256', overDigest('sha256'), ['ecdsap256', 0]),
  signing('EC_P384', 'ECDSA_SHA_384', overDigest('sha384'), ['ecdsap384', 0]),
  signing('EC_P521', 'ECDSA_SHA_512', overDigest('sha512'), ['ecdsap521', 0]),
  signing('EC_SECP256K1', 'ECDSA_SHA_256', overDigest('sha256')),
  signing('ED25519', 'ED25519_SHA_512', { call: 'sign', scheme: 'ED25519', input: message }, ['ed25519', 0]),
  signing('ML_DSA_44', 'ML_DSA_SHAKE_256', { call: 'sign', scheme: 'ML_DSA', input: message }),
  signing('ML_DSA_65', 'ML_DSA_SHAKE_256', { call: 'sign', scheme: 'ML_DSA', input: message }),
  signing('ML_DSA_87', 'ML_DSA_SHAKE_256', { call: 'sign', scheme: 'ML_DSA', input: message }),
  signing('SM2', 'SM2DSA', overDigest('sm3'), ['sm2', 0]),
  {
    name: 'SM2 verify',
    spec: 'SM2',
    job: { call: 'verify', scheme: 'DIGEST', input: sm2Digest.digest, signature: sm2Signature },
    device: (key) => key.verify?.('SM2DSA', sm2Digest, sm2Signature),
    openssl: ['sm2', 1],
  },
  {
    name: 'SM2 encrypt',
    spec: 'SM2',
    job: { call: 'encrypt', scheme: 'SM2', input: new Uint8Array(32) },
    device: (key) => key.asymmetricEncrypt?.('SM2PKE', new Uint8Array(32)),
  },
  {
    name: 'SM2 decrypt',
    spec: 'SM2',
    job: { call: 'decrypt', scheme: 'SM2', input: sm2Ciphertext },
    device: (key) => key.asymmetricDecrypt?.('SM2PKE', sm2Ciphertext),
  },
]

export async function benchAsymmetric(
  print: (line: string) => void = console.log,
  { seconds = 0.5, rounds = 3 }: { readonly seconds?: number; readonly rounds?: number } = {},
): Promise<void> {
  const pool = createPool()
  const table = pairAlgorithms(pool)
  print(
    `key pairs: medians of ${rounds} interleaved rounds; ${availableParallelism()} cores, ${concurrency} calls at once`,
  )
  print(`OpenSSL inside Node ${process.versions.openssl}; beside it ${opensslVersion()}`)
  print(
    '| call | CPU us, one thread | CPU us, openssl speed | rate against openssl | pool: calls/s | pool against one thread | pool against openssl | pool: CPU us, all threads | of it, main thread |',
  )
  print('| --- | --- | --- | --- | --- | --- | --- | --- | --- |')
  try {
    for (const row of rows) {
      const material = () => new Unsealed(known(pairAnswers[row.spec].privateKey))
      const pair: KeyPair = openPair(row.spec, material())
      const key = table[row.spec].open(material())
      const inline: Rate[] = []
      const pooled: Rate[] = []
      const beside: number[] = []
      for (let round = 0; round <= rounds; round += 1) {
        const measured = [
          await rate(1, seconds, async () => runOpenssl(pair.native, row.job)),
          await rate(concurrency, seconds, async () => row.device(key)),
        ]
        // The first round warms up.
        if (round === 0) continue
        inline.push(measured[0]!)
        pooled.push(measured[1]!)
        if (row.openssl) beside.push(opensslMicroseconds(row.openssl, Math.max(1, Math.round(seconds))))
      }
      const cpu = median(inline.map((one) => one.mainMicroseconds))
      const theirs = beside.length === 0 ? undefined : median(beside)
      const pool = median(pooled.map((one) => one.perSecond))
      const against = median(pooled.map((one, index) => one.perSecond / (inline[index]?.perSecond ?? Number.NaN)))
      const cells = [
        row.name,
        cpu.toFixed(1),
        theirs?.toFixed(1) ?? '-',
        theirs === undefined ? '-' : `${(theirs / cpu).toFixed(2)}x`,
        pool.toFixed(0),
        `${against.toFixed(2)}x`,
        theirs === undefined ? '-' : `${((pool * theirs) / 1e6).toFixed(2)}x`,
        median(pooled.map((one) => one.allMicroseconds)).toFixed(1),
        median(pooled.map((one) => one.mainMicroseconds)).toFixed(1),
      ]
      print(`| ${cells.join(' | ')} |`)
    }
  } finally {
    await pool.close()
  }
}

type Rate = { readonly perSecond: number; readonly mainMicroseconds: number; readonly allMicroseconds: number }

async function rate(atOnce: number, seconds: number, call: () => Promise<unknown>): Promise<Rate> {
  const began = performance.now()
  const mainThread = process.threadCpuUsage()
  const allThreads = process.cpuUsage()
  let calls = 0
  const caller = async () => {
    while (performance.now() - began < seconds * 1_000) {
      await call()
      calls += 1
    }
  }
  await Promise.all(Array.from({ length: atOnce }, caller))
  const each = ({ user, system }: NodeJS.CpuUsage) => (user + system) / calls
  return {
    perSecond: (calls * 1_000) / (performance.now() - began),
    mainMicroseconds: each(process.threadCpuUsage(mainThread)),
    allMicroseconds: each(process.cpuUsage(allThreads)),
  }
}

/** `-mr` prints, for each algorithm that signs, +F<kind>:<index>:<bits>[:<name>]:<first rate>:<second rate>. */
function opensslMicroseconds([algorithm, which]: NonNullable<Row['openssl']>, seconds: number): number {
  const { stdout } = spawnSync('openssl', ['speed', '-mr', '-seconds', String(seconds), algorithm], {
    encoding: 'utf8',
  })
  const rates = /^\+F[2467]:.*?:([0-9.]+):([0-9.]+)$/m.exec(stdout ?? '')
  return 1e6 / Number(rates?.[which + 1] ?? Number.NaN)
}

function opensslVersion(): string {
  return spawnSync('openssl', ['version'], { encoding: 'utf8' }).stdout?.trim() || 'no openssl on this machine'
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}

if (import.meta.main) {
  const [seconds = '0.5', rounds = '3'] = process.argv.slice(2)
  await benchAsymmetric(console.log, { seconds: Number(seconds), rounds: Number(rounds) })
}

/**
 * Encrypt over HTTP, by one process, against what node:http can do at best, in one run, interleaved. Two ratios are told: of
 * the rates, which the rest of the machine and the disk have a say in, and of the CPU time of a request, all threads.
 */
import { createHmac, hash } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { hasWrk, type Load, loadOf, median, residentBytes, startChild, type Target } from './load.ts'

const here = import.meta.dirname
const rounds = Number(process.env.ROUNDS ?? 5)
const seconds = Number(process.env.SECONDS ?? 3)
const connections = 64

export async function run(): Promise<void> {
  if (!hasWrk()) {
    console.log('HTTP: skipped, wrk is not installed (apt-get install wrk).')
    return
  }
  const bare = await startChild(join(here, 'bare-server.ts'))
  const few = await startChild(join(here, 'service.ts'), ['100'])
  const body = JSON.stringify({ plaintext: Buffer.alloc(32, 7).toString('base64') })
  const targets: Target[] = [
    {
      name: 'bare node:http',
      pid: bare.child.pid as number,
      url: `http://127.0.0.1:${bare.ready.port}/`,
      headers: { 'content-type': 'application/json' },
      body,
    },
    encryptTarget('Encrypt over REST', few.ready, body),
    awsTarget('Encrypt over AWS', few.ready),
  ]
  const results = new Map<string, Load[]>()
  // V8 compiles for some ten thousand requests.
  for (const target of targets) await loadOf(target, connections, 5)
  for (let round = 0; round < rounds; round++)
    for (const target of targets)
      results.set(target.name, [...(results.get(target.name) ?? []), await loadOf(target, connections, seconds)])
  report(results)
  const compared = (name: string, beside: string) => {
    const of = (target: string, figure: 'requestsPerSecond' | 'cpuMicroseconds') =>
      median((results.get(target) as Load[]).map((load) => load[figure]))
    const rates = of(name, 'requestsPerSecond') / of(beside, 'requestsPerSecond')
    const cpu = of(beside, 'cpuMicroseconds') / of(name, 'cpuMicroseconds')
    return `${rates.toFixed(2)} by the rate, ${cpu.toFixed(2)} by CPU time`
  }
  console.log(`Encrypt over REST, of the bare server: ${compared('Encrypt over REST', 'bare node:http')} (goal 0.50).`)
  console.log(
    `Encrypt over the AWS face, of the REST face: ${compared('Encrypt over AWS', 'Encrypt over REST')} (goal 0.85).`,
  )
  bare.child.kill()

  const many = await startChild(join(here, 'service.ts'), ['100000'])
  many.child.kill('SIGTERM')
  await new Promise((resolve) => many.child.once('exit', resolve))
  const again = await startChild(join(here, 'service.ts'), ['100000', String(many.ready.data)])
  const small = encryptTarget('100 keys', few.ready, body)
  const large = encryptTarget('100,000 keys', again.ready, body)
  const both = new Map<string, Load[]>()
  for (const target of [small, large]) await loadOf(target, connections, 2)
  for (let round = 0; round < Math.min(3, rounds); round++)
    for (const target of [small, large])
      both.set(target.name, [...(both.get(target.name) ?? []), await loadOf(target, connections, seconds)])
  report(both)
  const [a, b] = [small, large].map(({ name }) =>
    median((both.get(name) as Load[]).map(({ requestsPerSecond }) => requestsPerSecond)),
  ) as [number, number]
  console.log(
    `100,000 keys: start ${(Number(again.ready.startedMs) / 1000).toFixed(2)} s (goal 3), resident ${(residentBytes(again.child.pid as number) / 1e6).toFixed(0)} MB (goal 400), rate ${(b / a).toFixed(2)} of that with 100.`,
  )
  few.child.kill()
  again.child.kill()
  for (const one of [few, again]) {
    await new Promise((resolve) => one.child.once('exit', resolve))
    rmSync(String(one.ready.data), { recursive: true, force: true })
  }
}

export function encryptTarget(name: string, ready: Record<string, string & number>, body: string): Target {
  return {
    name,
    pid: Number(ready.pid),
    url: `${ready.url}/v1/keys/${ready.keyId}/encrypt`,
    headers: { 'content-type': 'application/json', authorization: `Bearer ${ready.token}` },
    body,
  }
}

/** Signed once: SigV4 lets a request stand for five minutes. */
function awsTarget(name: string, ready: Record<string, string & number>): Target {
  const body = JSON.stringify({ KeyId: ready.keyId, Plaintext: Buffer.alloc(32, 7).toString('base64') })
  const date = new Date().toISOString().replace(/[-:]|\.\d{3}/g, '')
  const day = date.slice(0, 8)
  const host = new URL(String(ready.url)).host
  const signed: Record<string, string> = {
    'content-type': 'application/x-amz-json-1.1',
    host,
    'x-amz-date': date,
    'x-amz-target': 'TrentService.Encrypt',
  }
  const names = Object.keys(signed).join(';')
  const canonical = `POST\n/\n\n${Object.entries(signed)
    .map(([header, value]) => `${header}:${value}\n`)
    .join('')}\n${names}\n${hash('sha256', body)}`
  const scope = `${day}/local/kms/aws4_request`
  const key = [day, 'local', 'kms', 'aws4_request'].reduce<Buffer>(
    (secret, part) => createHmac('sha256', secret).update(part).digest(),
    Buffer.from(`AWS4${ready.secretAccessKey}`),
  )
  const signature = createHmac('sha256', key)
    .update(`AWS4-HMAC-SHA256\n${date}\n${scope}\n${hash('sha256', canonical)}`)
    .digest('hex')
  return {
    name,
    pid: Number(ready.pid),
    url: `${ready.url}/`,
    headers: {
      ...signed,
      authorization: `AWS4-HMAC-SHA256 Credential=${ready.accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`,
    },
    body,
  }
}

function report(results: ReadonlyMap<string, readonly Load[]>): void {
  for (const [name, loads] of results) {
    const rate = median(loads.map(({ requestsPerSecond }) => requestsPerSecond))
    const cpu = median(loads.map(({ cpuMicroseconds }) => cpuMicroseconds))
    const p99 = median(loads.map(({ p99Ms }) => p99Ms))
    const failed = loads.reduce((sum, load) => sum + load.failed, 0)
    console.log(
      `${name.padEnd(20)} ${rate.toFixed(0).padStart(7)} requests/s  ${cpu.toFixed(1).padStart(6)} us CPU each  p99 ${p99.toFixed(2)} ms${failed > 0 ? `  ${failed} FAILED` : ''}`,
    )
  }
}

if (import.meta.main) await run()

/**
 * Several nodes over PostgreSQL (with fsync): how long DisableKey takes until it holds at all of three, with all well and with
 * one frozen; and what a hot Encrypt costs on PostgreSQL against SQLite, interleaved in one run.
 */
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { type Node, startCluster } from '../test/nodes/cluster.ts'
import { postgresServer } from '../test/postgres-server.ts'
import { encryptTarget } from './http.ts'
import { hasWrk, type Load, loadOf, median, startChild } from './load.ts'

const leaseMs = 2_000
const changes = 300
const freezes = 5
const rounds = Number(process.env.ROUNDS ?? 7)
const seconds = Number(process.env.SECONDS ?? 3)
const connections = 64
const context = { skip: (why: string) => console.log(`skipped: ${why}`) }

export async function run(): Promise<void> {
  await revocation()
  await hotEncrypt()
}

async function revocation(): Promise<void> {
  const cluster = await startCluster(context, { nodes: 3, leaseMs, postgres: ['fsync=on'], trueClocks: true })
  if (cluster === undefined) return
  try {
    const [one, , three] = cluster.nodes as unknown as readonly [Node, Node, Node]
    const keyId = JSON.parse((await one.call('POST', '/v1/keys', {})).body).key.keyId as string
    const encrypt = (node: Node) => node.call('POST', `/v1/keys/${keyId}/encrypt`, { plaintext: 'AAAA' })
    const change = async (verb: 'disable' | 'enable') => {
      const start = performance.now()
      const { status, body } = await one.call('POST', `/v1/keys/${keyId}/${verb}`)
      if (status !== 200) throw new Error(body)
      return performance.now() - start
    }
    const took: number[] = []
    for (let round = 0; round < changes; round++) {
      // In use, and so in memory, at every node.
      await Promise.all(cluster.nodes.map(encrypt))
      took.push(await change('disable'))
      await change('enable')
    }
    const sorted = took.toSorted((left, right) => left - right)
    const quantile = (share: number) => (sorted[Math.floor(sorted.length * share)] as number).toFixed(1)
    console.log(
      `DisableKey over three nodes in ${cluster.network}: p50 ${quantile(0.5)} ms (goal 10), p99 ${quantile(0.99)} ms`,
    )

    const frozen: number[] = []
    for (let round = 0; round < freezes; round++) {
      await Promise.all(cluster.nodes.map(encrypt))
      three.freeze()
      frozen.push(await change('disable'))
      three.resume()
      while ((await three.call('GET', '/readyz')).status !== 200) await wait(20)
      await change('enable')
    }
    console.log(
      `with one frozen, a lease of ${leaseMs} ms: p50 ${median(frozen).toFixed(1)} ms (goal ${leaseMs + 10}), of ${frozen.map((ms) => ms.toFixed(0)).join(', ')}`,
    )
  } finally {
    await cluster.stop()
  }
}

async function hotEncrypt(): Promise<void> {
  if (!hasWrk()) {
    console.log('hot Encrypt: skipped, wrk is not installed (apt-get install wrk).')
    return
  }
  const server = await postgresServer(context, ['fsync=on'])
  if (server === undefined) return
  const service = join(import.meta.dirname, 'service.ts')
  const children = [await startChild(service, ['100']), await startChild(service, ['100', '', server.url])] as const
  try {
    const body = JSON.stringify({ plaintext: Buffer.alloc(32, 7).toString('base64') })
    const targets = ['SQLite', 'PostgreSQL'].map((name, at) =>
      encryptTarget(name, (children[at] as (typeof children)[number]).ready, body),
    )
    const loads: Load[][] = targets.map(() => [])
    for (const target of targets) await loadOf(target, connections, 2)
    for (let round = 0; round < rounds; round++)
      for (const [at, target] of targets.entries())
        (loads[at] as Load[]).push(await loadOf(target, connections, seconds))
    const failed = loads.flat().reduce((sum, load) => sum + load.failed, 0)
    const middle = (of: 'requestsPerSecond' | 'cpuMicroseconds') =>
      loads.map((own) => median(own.map((load) => load[of])))
    const [rates, costs] = [middle('requestsPerSecond'), middle('cpuMicroseconds')] as [number[], number[]]
    const ratio = ([sqlite = 1, postgres = 0]: number[]) => postgres / sqlite
    console.log(
      `hot Encrypt: ${rates.map((rate) => rate.toFixed(0)).join(' and ')} a second on SQLite and PostgreSQL: ${ratio(rates).toFixed(3)} (goal 0.95); ${costs.map((cost) => cost.toFixed(1)).join(' and ')} us of processor each: ${(1 / ratio(costs)).toFixed(3)}; ${failed} failed`,
    )
  } finally {
    for (const { child } of children) {
      const exited = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGTERM')
      await exited
    }
    await server.stop()
  }
}

if (import.meta.main) await run()

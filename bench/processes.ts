/**
 * Encrypt by one process and by two, interleaved; and what a change costs that all processes must know of. The client keeps
 * to core 0 where there are two cores only: there it takes its share of one of them.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Processes, serveProcesses } from '../test/processes-service.ts'
import { hasWrk, type Load, loadOf, median, type Target } from './load.ts'

const rounds = Number(process.env.ROUNDS ?? 5)
const seconds = Number(process.env.SECONDS ?? 4)
const connections = 64

async function start(processes: number): Promise<{ readonly service: Processes; readonly target: Target }> {
  const data = mkdtempSync(join(tmpdir(), 'keyward-bench-processes-'))
  const service = await serveProcesses(data, processes)
  process.on('exit', () => rmSync(data, { recursive: true, force: true }))
  const connection = await service.connect()
  const { key } = (await connection.call('POST', '/v1/keys', {})).body
  connection.close()
  const target: Target = {
    name: `${processes} ${processes === 1 ? 'process' : 'processes'}`,
    pid: service.supervisor.pid as number,
    morePids: [...service.pids().values()],
    url: `${service.url}/v1/keys/${key.keyId}/encrypt`,
    headers: { 'content-type': 'application/json', authorization: `Bearer ${service.token}` },
    body: JSON.stringify({ plaintext: Buffer.alloc(32, 7).toString('base64') }),
    clientCore: availableParallelism() - 1,
  }
  return { service, target }
}

if (!hasWrk()) console.log('skipped, wrk is not installed (apt-get install wrk).')
else {
  const started = [await start(1), await start(2)]
  const loads = new Map<string, Load[]>()
  for (const { target } of started) await loadOf(target, connections, 2)
  for (let round = 0; round < rounds; round++)
    for (const { target } of started)
      loads.set(target.name, [...(loads.get(target.name) ?? []), await loadOf(target, connections, seconds)])
  const of = (name: string, pick: (load: Load) => number) => median((loads.get(name) as Load[]).map(pick))
  for (const name of loads.keys())
    console.log(
      `${name.padEnd(12)} ${of(name, (load) => load.requestsPerSecond).toFixed(0)} requests/s, ${of(name, (load) => load.cpuMicroseconds).toFixed(1)} us CPU each, p99 ${of(name, (load) => load.p99Ms).toFixed(2)} ms`,
    )
  const [one, two] = [...loads.keys()] as [string, string]
  const rate = (name: string) => of(name, (load) => load.requestsPerSecond)
  const cpu = (name: string) => of(name, (load) => load.cpuMicroseconds)
  console.log(
    `two processes serve ${(rate(two) / rate(one)).toFixed(2)} of one (goal 1.5); a request costs ${(cpu(two) / cpu(one)).toFixed(2)} of the processor time, so that two cores of their own would serve ${((2 * cpu(one)) / cpu(two)).toFixed(2)}.`,
  )
  // A change, with nobody else about: from the request to an answer that holds in every process.
  for (const { service, target } of started) {
    const [connection] = await service.connectToEach()
    const other = connection ?? (await service.connect())
    const keyPath = new URL(target.url).pathname.replace(/\/encrypt$/, '')
    const took: number[] = []
    for (let change = 0; change < 200; change++) {
      const before = performance.now()
      await other.call('POST', `${keyPath}/${change % 2 === 0 ? 'disable' : 'enable'}`)
      took.push(performance.now() - before)
    }
    console.log(`${target.name}: DisableKey and EnableKey take ${median(took).toFixed(2)} ms`)
    await service.stop()
  }
}

/** Load on loopback, and what it cost: wrk as the client, CPU time from the kernel. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export type Target = {
  readonly name: string
  readonly pid: number
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** Asked for at random, in place of the path of the URL. */
  readonly paths?: readonly string[]
  /** Further processes of the same service, whose time counts too. */
  readonly morePids?: readonly number[]
  /** Where there is one: the core that the client keeps to. */
  readonly clientCore?: number
}

export type Load = {
  readonly requestsPerSecond: number
  readonly cpuMicroseconds: number
  readonly p99Ms: number
  readonly failed: number
}

export function hasWrk(): boolean {
  return spawnSync('wrk', ['--version']).error === undefined
}

/** User and system time of a process, in microseconds; the kernel counts in hundredths of a second. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10_000
}

export function residentBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024
}

export async function loadOf(target: Target, connections: number, seconds: number): Promise<Load> {
  const folder = mkdtempSync(join(tmpdir(), 'keyward-wrk-'))
  const script = join(folder, 'request.lua')
  const headers = Object.entries(target.headers).map(
    ([name, value]) => `wrk.headers[${JSON.stringify(name)}] = ${JSON.stringify(value)}`,
  )
  const random =
    target.paths === undefined
      ? []
      : [
          `local paths = {${target.paths.map((path) => JSON.stringify(path)).join(',\n')}}`,
          'request = function() return wrk.format(nil, paths[math.random(#paths)]) end',
        ]
  const lines = ['wrk.method = "POST"', `wrk.body = ${JSON.stringify(target.body)}`, ...headers, ...random]
  writeFileSync(script, lines.join('\n'))
  const cpuOfAll = () => [target.pid, ...(target.morePids ?? [])].reduce((sum, pid) => sum + cpuOf(pid), 0)
  const before = cpuOfAll()
  const output = await new Promise<string>((resolve, reject) => {
    const pinned = target.clientCore === undefined ? [] : ['taskset', '-c', String(target.clientCore)]
    const [command = '', ...words] = [
      ...pinned,
      'wrk',
      '-t',
      '1',
      '-c',
      String(connections),
      '-d',
      `${seconds}s`,
      '--latency',
      '-s',
      script,
      target.url,
    ]
    const wrk = spawn(command, words)
    let text = ''
    wrk.stdout.on('data', (chunk) => {
      text += chunk
    })
    wrk.on('error', reject)
    wrk.on('close', () => resolve(text))
  })
  const cpu = cpuOfAll() - before
  rmSync(folder, { recursive: true })
  const requests = Number(/(\d+) requests in/.exec(output)?.[1] ?? 0)
  const [, p99 = '0', unit = 'ms'] = /99%\s+([\d.]+)(us|ms|s)/.exec(output) ?? []
  return {
    requestsPerSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(output)?.[1] ?? 0),
    cpuMicroseconds: cpu / Math.max(1, requests),
    p99Ms: Number(p99) * (unit === 'us' ? 0.001 : unit === 's' ? 1000 : 1),
    failed: Number(/Non-2xx or 3xx responses: (\d+)/.exec(output)?.[1] ?? 0),
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right)
  return sorted[Math.floor(sorted.length / 2)] as number
}

/** A child that prints one line of JSON when it is ready. */
export async function startChild(
  file: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly child: ChildProcess; readonly ready: Record<string, string & number> }> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', file, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  })
  const ready = await new Promise<Record<string, string & number>>((resolve, reject) => {
    let text = ''
    child.stdout?.on('data', (chunk) => {
      text += chunk
      const line = text.split('\n').find((candidate) => candidate.startsWith('{'))
      if (line !== undefined && text.includes('\n')) resolve(JSON.parse(line) as Record<string, string & number>)
    })
    child.on('exit', (code) => reject(new Error(`${file} ended with ${code} before it was ready`)))
  })
  return { child, ready }
}

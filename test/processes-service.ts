/** `keyward serve --processes N` for tests: real processes, found and killed by what they are, and connections to each. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Json } from './service.ts'

const root = join(import.meta.dirname, '..')
const main = join(root, 'src', 'main.ts')
const quiet = '--disable-warning=ExperimentalWarning'

export type Reply = {
  readonly status: number
  readonly body: Json
  readonly requestId: string
  readonly process: number
}

/** A keep-alive connection; it is one process that answers on it. */
export type Connection = {
  readonly process: number
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Reply>
  close(): void
}

export type Processes = {
  readonly supervisor: ChildProcess
  readonly url: string
  readonly token: string
  readonly said: string
  /** What the service has logged: JSON lines. */
  logged(): string
  /** The process ids: of the keeper (0), and of those that serve. */
  pids(): ReadonlyMap<number, number>
  connect(): Promise<Connection>
  /** One connection to each process that serves. */
  connectToEach(): Promise<readonly Connection[]>
  /** Resolves with the exit code. */
  stop(): Promise<number | null>
}

export async function serveProcesses(
  data: string,
  processes: number,
  options: { readonly token?: string; readonly environment?: Record<string, string> } = {},
): Promise<Processes> {
  const supervisor = spawn(process.execPath, [quiet, main, 'serve', '--processes', String(processes)], {
    env: {
      PATH: process.env.PATH ?? '',
      KEYWARD_DATA: data,
      KEYWARD_HTTP_PORT: '0',
      KEYWARD_HTTPS_PORT: '0',
      KEYWARD_HTTPS_HOST: '127.0.0.1',
      KEYWARD_LOG_LEVEL: 'error',
      KEYWARD_CONSOLE: 'false',
      ...options.environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let logged = ''
  supervisor.stdout.on('data', (chunk) => {
    logged += chunk
  })
  const said = await new Promise<string>((resolve, reject) => {
    let text = ''
    supervisor.stderr.on('data', (chunk) => {
      text += chunk
      if (/Root key[\s\S]*\n\n$/.test(text)) resolve(text)
    })
    supervisor.on('exit', (code) => reject(new Error(`the service ended with ${code}: ${text}${logged}`)))
  })
  const url = /http:\/\/localhost:\d+/.exec(said)?.[0].replace('localhost', '127.0.0.1') ?? ''
  const token = /KEYWARD_TOKEN=(\S+)/.exec(said)?.[1] ?? options.token ?? ''
  const connections = new Set<Connection>()

  async function connect(): Promise<Connection> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const call: Connection['call'] = (method, path, body, headers = {}) =>
      new Promise((resolve, reject) => {
        const text = body === undefined ? '' : JSON.stringify(body)
        const outgoing = request(
          url + path,
          {
            method,
            agent,
            headers: {
              authorization: `Bearer ${token}`,
              'content-type': 'application/json',
              'content-length': Buffer.byteLength(text),
              ...headers,
            },
          },
          (incoming) => {
            let answer = ''
            incoming.on('data', (chunk) => {
              answer += chunk
            })
            incoming.on('error', reject)
            incoming.on('end', () => {
              try {
                const requestId = String(incoming.headers['x-request-id'])
                const answerBody = answer.startsWith('{') ? (JSON.parse(answer) as Json) : { text: answer }
                resolve({ status: incoming.statusCode ?? 0, body: answerBody, requestId, process: connection.process })
              } catch (error) {
                reject(error as Error)
              }
            })
          },
        )
        outgoing.on('error', reject)
        // Longer than anything takes: what waits for ever shall say where.
        outgoing.setTimeout(90_000, () => outgoing.destroy(new Error(`no answer: ${method} ${path}`)))
        outgoing.end(text)
      })
    let connection: Connection = { process: 0, call, close: () => agent.destroy() }
    connection = { ...connection, process: (await call('GET', '/readyz')).body.process ?? 0 }
    connections.add(connection)
    return connection
  }

  return {
    supervisor,
    url,
    token,
    said,
    logged: () => logged,
    pids: () => childrenOf(supervisor.pid as number),
    connect,
    async connectToEach() {
      const each = new Map<number, Connection>()
      for (let attempt = 0; each.size < processes && attempt < 50; attempt++) {
        const connection = await connect()
        if (each.has(connection.process)) connection.close()
        else each.set(connection.process, connection)
      }
      return [...each.values()].sort((one, other) => one.process - other.process)
    },
    stop: () =>
      new Promise((resolve) => {
        for (const connection of connections) connection.close()
        if (supervisor.exitCode !== null || supervisor.signalCode !== null) return resolve(supervisor.exitCode)
        supervisor.once('exit', resolve)
        supervisor.kill('SIGTERM')
      }),
  }
}

function childrenOf(supervisor: number): ReadonlyMap<number, number> {
  const found = new Map<number, number>()
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const parent = Number(/^\d+ \(.*\) \S (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1])
      const [, which] = /^keyward (keeper|\d+)/.exec(readFileSync(`/proc/${pid}/cmdline`, 'utf8')) ?? []
      if (parent === supervisor && which !== undefined) found.set(which === 'keeper' ? 0 : Number(which), Number(pid))
    } catch {
      // It has ended meanwhile.
    }
  }
  return found
}

export function isLinux(): boolean {
  return process.platform === 'linux'
}

/** A command of the CLI on the files of an installation. */
export async function keyward(data: string, ...words: string[]): Promise<Json> {
  const { stdout } = await promisify(execFile)(process.execPath, [quiet, main, ...words], {
    env: { PATH: process.env.PATH, KEYWARD_DATA: data, KEYWARD_FORMAT: 'json' },
  })
  return stdout.startsWith('{') ? (JSON.parse(stdout) as Json) : { text: stdout }
}

/** All request ids that the audit logs hold with this outcome. */
export async function recordedRequests(connection: Connection, query: string): Promise<ReadonlySet<string>> {
  const recorded = new Set<string>()
  let marker: string | undefined
  do {
    const path = `/v1/audit/records?${query}&limit=1000${marker === undefined ? '' : `&marker=${marker}`}`
    const page = (await connection.call('GET', path)).body
    for (const record of page.records) recorded.add(record.requestId)
    marker = page.nextMarker
  } while (marker !== undefined)
  return recorded
}

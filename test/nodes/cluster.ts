/**
 * Several real nodes over one real PostgreSQL, each in a network namespace of its own where those can be had, else behind
 * a link of faulty-link.ts. Each can be cut off from the database, frozen, and given another time.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import type { TestContext } from 'node:test'
import { faultyLink } from '../faulty-link.ts'
import { type PostgresServer, postgresServer } from '../postgres-server.ts'
import type { NodeReady, NodeSettings } from './node-process.ts'

export type Answer = { readonly status: number; readonly code: string | undefined; readonly body: string }

export type Node = {
  readonly name: string
  readonly child: ChildProcess
  /** Rejects where no answer came. */
  call(method: string, path: string, body?: object): Promise<Answer>
  /** From the database; nothing passes, and nothing says so. */
  cutOff(): void
  mend(): void
  freeze(): void
  resume(): void
  /** So many milliseconds from the true time; undefined where libfaketime is not installed. */
  readonly setClockOff: ((milliseconds: number) => void) | undefined
  stop(): Promise<void>
}

export type Cluster = {
  readonly nodes: readonly Node[]
  readonly postgres: PostgresServer
  /** Where the nodes live: `namespaces` or `links`. */
  readonly network: 'namespaces' | 'links'
  stop(): Promise<void>
}

const token = 'kwt_a-token-of-the-nodes-in-tests'

export async function startCluster(
  context: Pick<TestContext, 'skip'>,
  options: {
    readonly nodes: number
    readonly leaseMs: number
    /** Settings of PostgreSQL. */
    readonly postgres?: readonly string[]
    /** Nothing stands between the nodes and the clock of the machine. */
    readonly trueClocks?: true
  },
): Promise<Cluster | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'keyward-nodes-'))
  const network = openNetwork(options.nodes)
  const postgres = await postgresServer(context, [
    ...(network?.postgresSettings(folder) ?? []),
    ...(options.postgres ?? []),
  ])
  if (postgres === undefined) {
    network?.close()
    return undefined
  }
  const nodes: Node[] = []
  async function stop(): Promise<void> {
    await Promise.all(nodes.map((node) => node.stop()))
    await postgres?.stop()
    network?.close()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    // The first one makes the root key; the others find it.
    for (let number = 0; number < options.nodes; number++)
      nodes.push(await startNode(number, { ...options, postgres, network, folder }))
  } catch (error) {
    await stop()
    throw error
  }
  return { nodes, postgres, network: network === undefined ? 'links' : 'namespaces', stop }
}

async function startNode(
  number: number,
  given: {
    readonly postgres: PostgresServer
    readonly network: Network | undefined
    readonly folder: string
    readonly leaseMs: number
    readonly trueClocks?: true
  },
): Promise<Node> {
  const { postgres, network, folder, leaseMs } = given
  const name = `node-${number}`
  const place = network?.place(number) ?? (await behindLink(postgres))
  const settings: NodeSettings = {
    node: name,
    store: postgres.url.replace(/127\.0\.0\.1:\d+/, place.database(postgres.port)),
    leaseMs,
    data: join(folder, name),
    custody: folder,
    host: place.host,
    token,
  }
  const clock = given.trueClocks ? undefined : fakeTime(join(folder, `${name}.clock`))
  const command = [
    ...place.command,
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    join(import.meta.dirname, 'node-process.ts'),
    JSON.stringify(settings),
  ]
  const child = spawn(command[0] as string, command.slice(1), {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...clock?.environment },
  })
  const ready = await firstLine(child, name)
  const agent = new Agent({ keepAlive: true, maxSockets: 1000 })
  return {
    name,
    child,
    call: (method, path, body) => call({ agent, host: place.host, port: ready.port, method, path, body }),
    cutOff: place.cutOff,
    mend: place.mend,
    freeze: () => process.kill(ready.pid, 'SIGSTOP'),
    resume: () => process.kill(ready.pid, 'SIGCONT'),
    setClockOff: clock?.set,
    async stop() {
      agent.destroy()
      if (child.exitCode === null && child.signalCode === null) {
        const exited = once(child, 'exit')
        process.kill(ready.pid, 'SIGCONT')
        place.mend()
        process.kill(ready.pid, 'SIGTERM')
        await exited
      }
      await place.close()
    },
  }
}

async function firstLine(child: ChildProcess, name: string): Promise<NodeReady> {
  const line = Promise.withResolvers<NodeReady>()
  let text = ''
  child.stdout?.on('data', (chunk) => {
    text += chunk
    if (text.includes('\n')) line.resolve(JSON.parse(text))
  })
  child.once('exit', (code) => line.reject(new Error(`${name} ended with ${code} before it was ready`)))
  return line.promise
}

function call(wanted: {
  readonly agent: Agent
  readonly host: string
  readonly port: number
  readonly method: string
  readonly path: string
  readonly body: object | undefined
}): Promise<Answer> {
  const { body, ...where } = wanted
  const sent = body === undefined ? '' : JSON.stringify(body)
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        ...where,
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(sent),
        },
      },
      (incoming) => {
        let text = ''
        incoming.setEncoding('utf8')
        incoming.on('data', (chunk) => {
          text += chunk
        })
        incoming.on('end', () => {
          const status = incoming.statusCode ?? 0
          resolve({ status, body: text, code: status === 200 ? undefined : (JSON.parse(text).code as string) })
        })
        incoming.on('error', reject)
      },
    )
    outgoing.on('error', reject)
    outgoing.end(sent)
  })
}

// ------------------------------------------------------------------------------------------------------------ network

type Place = {
  /** Before the command, to run it there. */
  readonly command: readonly string[]
  readonly host: string
  /** Where the database is, seen from there: host and port. */
  readonly database: (port: number) => string
  readonly cutOff: () => void
  readonly mend: () => void
  readonly close: () => Promise<void>
}

type Network = {
  postgresSettings(folder: string): readonly string[]
  place(number: number): Place
  close(): void
}

/** Two cables to each namespace, one from the clients and one to the database, which can be pulled. */
function openNetwork(nodes: number): Network | undefined {
  const ip = (...words: readonly string[]) => spawnSync('ip', words).status === 0
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return undefined
  /** A block of addresses for each test process: 10.n.n.0/24. */
  const [high, low] = [process.pid % 200, Math.floor(process.pid / 200) % 200]
  const namespace = (number: number) => `kw-${process.pid}-${number}`
  const cable = (number: number, end: string) => `kw${process.pid % 100_000}${end}${number}`
  const inner = { c: 'to-clients', d: 'to-database' } as const
  const address = (last: number) => `10.${high + 20}.${low + 20}.${last}`
  const close = () => {
    for (let number = 0; number < nodes; number++) ip('netns', 'del', namespace(number))
  }
  for (let number = 0; number < nodes; number++) {
    const inside = (...words: readonly string[]) => ip('-n', namespace(number), ...words)
    const cables = (['c', 'd'] as const).map((end, at) => ({ end, first: number * 8 + at * 4 }))
    const made =
      ip('netns', 'add', namespace(number)) &&
      inside('link', 'set', 'dev', 'lo', 'up') &&
      cables.every(
        ({ end, first }) =>
          ip(
            'link',
            'add',
            cable(number, end),
            'type',
            'veth',
            'peer',
            'name',
            inner[end],
            'netns',
            namespace(number),
          ) &&
          ip('address', 'add', `${address(first + 1)}/30`, 'dev', cable(number, end)) &&
          ip('link', 'set', 'dev', cable(number, end), 'up') &&
          inside('address', 'add', `${address(first + 2)}/30`, 'dev', inner[end]) &&
          inside('link', 'set', 'dev', inner[end], 'up'),
      )
    if (!made) {
      close()
      return undefined
    }
  }
  return {
    postgresSettings(folder) {
      const file = join(folder, 'hba.conf')
      writeFileSync(file, 'host all all 0.0.0.0/0 trust\n', { mode: 0o644 })
      spawnSync('chmod', ['755', folder])
      return [`listen_addresses=*`, `hba_file=${file}`]
    },
    place: (number) => ({
      command: ['ip', 'netns', 'exec', namespace(number)],
      host: address(number * 8 + 2),
      database: (port) => `${address(number * 8 + 5)}:${port}`,
      cutOff: () => ip('link', 'set', 'dev', cable(number, 'd'), 'down'),
      mend: () => ip('link', 'set', 'dev', cable(number, 'd'), 'up'),
      close: async () => {},
    }),
    close,
  }
}

async function behindLink(postgres: PostgresServer): Promise<Place> {
  const link = await faultyLink(postgres.port)
  return {
    command: [],
    host: '127.0.0.1',
    database: () => new URL(link.url).host,
    cutOff: () => {
      link.stallOpen()
      link.refuseNew()
    },
    mend: () => link.acceptNew(),
    close: () => link.close(),
  }
}

// --------------------------------------------------------------------------------------------------------------- time

/** libfaketime gives a process another wall clock; the monotonic one stays true. */
function fakeTime(file: string) {
  const [library] = [
    ...globSync('/usr/lib/*/faketime/libfaketimeMT.so.1'),
    '/usr/lib/faketime/libfaketimeMT.so.1',
  ].filter((path) => existsSync(path))
  if (library === undefined) return undefined
  const set = (milliseconds: number) =>
    writeFileSync(file, `${milliseconds < 0 ? '-' : '+'}${Math.abs(milliseconds) / 1000}`)
  set(0)
  return {
    set,
    environment: {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    },
  }
}

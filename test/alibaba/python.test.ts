import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { test } from 'node:test'
import { startService } from './service.ts'

const sdk = 'alibabacloud_kms20160120==3.3.1'
/** A registry that does not answer must not hold up the tests. */
const installMs = 180_000

type Ended = { readonly code: number | null; readonly output: string }

function run(
  command: string,
  words: readonly string[],
  environment: NodeJS.ProcessEnv,
  timeout: number,
): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(command, words, { env: environment, stdio: ['ignore', 'pipe', 'pipe'], timeout })
    let output = ''
    const collect = (chunk: Buffer) => {
      output += chunk.toString()
    }
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    child.on('error', (error) => resolve({ code: null, output: error.message }))
    child.on('close', (code) => resolve({ code, output }))
  })
}

test('the official SDK for Python (ACS3): the lives of a symmetric key, a key pair and an imported key', async (context) => {
  const folder = await mkdtemp(join(tmpdir(), 'keyward-python-'))
  try {
    const python = join(folder, 'bin', 'python')
    let installed = await run('python3', ['-m', 'venv', folder], process.env, installMs)
    if (installed.code === 0)
      installed = await run(
        python,
        ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-input', sdk],
        process.env,
        installMs,
      )
    if (installed.code !== 0) {
      const why = `${sdk} cannot be had: ${installed.output.trim().split('\n').at(-1)}`
      if (process.env.KEYWARD_TEST_STRICT === '1') assert.fail(why)
      context.skip(why)
      return
    }
    const service = await startService()
    try {
      const life = await run(
        python,
        [join(import.meta.dirname, 'life.py')],
        {
          PATH: process.env.PATH,
          HOME: folder,
          ENDPOINT: service.host,
          ACCESS_KEY_ID: service.first.accessKeyId,
          SECRET: service.first.secret,
          NO_PROXY: 'localhost',
          no_proxy: 'localhost',
        },
        60_000,
      )
      assert.equal(life.code, 0, life.output)
      assert.match(life.output, /all lives are over/)
    } finally {
      await service.close()
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Json } from '../service.ts'

const keyward = join(import.meta.dirname, '..', '..', 'bin', 'keyward')
let data: string
let child: ChildProcess
let said = ''
let port: number

const environment = (more: Record<string, string> = {}) => ({
  PATH: process.env.PATH ?? '',
  KEYWARD_DATA: data,
  KEYWARD_HTTPS_HOST: '127.0.0.1',
  KEYWARD_HTTPS_PORT: '0',
  KEYWARD_HTTP_PORT: '0',
  KEYWARD_LOG_LEVEL: 'error',
  ...more,
})

before(async () => {
  data = mkdtempSync(join(tmpdir(), 'keyward-first-'))
  child = spawn(keyward, ['serve'], {
    env: environment({ KEYWARD_PROCESSES: '2', KEYWARD_CONSOLE_TOKEN_SIGN_IN: 'true' }),
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  await new Promise<void>((resolve, reject) => {
    child.stderr?.on('data', (chunk) => {
      said += chunk
      if (/KEYWARD_TOKEN=\S+\n[\s\S]*\n\n$/.test(said)) resolve()
    })
    child.on('exit', (code) => reject(new Error(`the service ended with ${code}: ${said}`)))
  })
  port = Number(/http:\/\/localhost:(\d+)/.exec(said)?.[1])
})
after(async () => {
  child.kill('SIGTERM')
  await once(child, 'exit')
  rmSync(data, { recursive: true, force: true })
})

/** A connection of its own each time: another of the processes may answer. */
function ask(method: string, path: string, cookie = '', body?: object): Promise<{ body: Json; cookie: string }> {
  return new Promise((resolve, reject) => {
    const headers = {
      host: `localhost:${port}`,
      'sec-fetch-site': 'same-origin',
      'x-keyward-csrf': '1',
      'content-type': 'application/json',
      cookie,
    }
    const sent = request({ host: '127.0.0.1', port, method, path: `/ui${path}`, headers, agent: false }, (answer) => {
      let text = ''
      answer.on('data', (chunk) => {
        text += chunk
      })
      answer.on('end', () =>
        resolve({ body: JSON.parse(text), cookie: String(answer.headers['set-cookie'] ?? '').split(';')[0] ?? '' }),
      )
    })
    sent.on('error', reject)
    sent.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

test('the first start prints a link into the console; it is good once, at whichever process somebody comes', async () => {
  const [, code] = /Console\s+https:\/\/localhost:\d+\/ui\/setup#([\w-]{22})\n/.exec(said) ?? []
  assert.ok(code, said)
  const attempts = await Promise.all([1, 2, 3, 4].map(() => ask('POST', '/api/setup', '', { code })))
  assert.equal(attempts.filter(({ body }) => body.state === 'setup').length, 1)
})

test('a session is known, and gone, at every process at once', async () => {
  const [, token] = /KEYWARD_TOKEN=(\S+)/.exec(said) ?? []
  const { cookie } = await ask('POST', '/api/token', '', { token })
  const known = await Promise.all(Array.from({ length: 12 }, () => ask('GET', '/v1/caller', cookie)))
  assert.deepEqual(new Set(known.map(({ body }) => body.principalName)), new Set(['admin']))
  await ask('POST', '/api/logout', cookie, {})
  const after = await Promise.all(Array.from({ length: 12 }, () => ask('GET', '/v1/caller', cookie)))
  assert.deepEqual(new Set(after.map(({ body }) => body.code)), new Set(['NotAuthenticated']))
})

test('localhost answers at both of its addresses, where the machine has both; and leads to the console', async (t) => {
  const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'))
  if (!hasIpv6) t.diagnostic('this machine has no ::1')
  for (const host of ['127.0.0.1', ...(hasIpv6 ? ['[::1]'] : [])]) {
    const answer = await fetch(`http://${host}:${port}/`, { redirect: 'manual' })
    assert.equal(answer.headers.get('location'), '/ui/', host)
  }
})

test('with an identity provider that is not there the service does not start, says why, and its process ends', async () => {
  const other = mkdtempSync(join(tmpdir(), 'keyward-first-'))
  const wrong = spawn(keyward, ['serve'], {
    env: environment({
      KEYWARD_DATA: other,
      KEYWARD_PROCESSES: '1',
      KEYWARD_OIDC_ISSUER: 'http://localhost:1/',
      KEYWARD_OIDC_CLIENT_ID: 'keyward',
      KEYWARD_OIDC_GROUP_POLICIES: 'admins=KeywardAdministrator',
    }),
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  try {
    let text = ''
    for await (const chunk of wrong.stderr) text += chunk
    const [status] = wrong.exitCode === null ? await once(wrong, 'exit') : [wrong.exitCode]
    assert.notEqual(status, 0)
    assert.match(text, /identity provider at http:\/\/localhost:1\/ cannot be used.*KEYWARD_OIDC_ISSUER/s)
  } finally {
    wrong.kill('SIGKILL')
    rmSync(other, { recursive: true, force: true })
  }
})

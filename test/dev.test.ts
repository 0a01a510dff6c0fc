import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Json } from './service.ts'

const keyward = join(import.meta.dirname, '..', 'bin', 'keyward')

test('keyward dev takes the place of a cloud emulator: one line of JSON, fixed credentials, a clock that can be moved', async () => {
  const child = spawn(keyward, ['dev', '--port', '0', '--account', '123456789012', '--output', 'json'], {
    env: {
      PATH: process.env.PATH ?? '',
      KEYWARD_DEV_TOKEN: 'fixed-token-of-the-test',
      KEYWARD_DEV_ACCESS_KEY_ID: 'AKIAFIXEDFIXEDFIXED1',
      KEYWARD_DEV_SECRET_ACCESS_KEY: 'fixed-secret',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  try {
    let text = ''
    for await (const chunk of child.stdout) {
      text += chunk
      if (text.includes('\n')) break
    }
    const ready = JSON.parse(text) as Json
    assert.equal(ready.token, 'fixed-token-of-the-test')
    assert.equal(ready.accessKeyId, 'AKIAFIXEDFIXEDFIXED1')
    assert.equal(ready.secretAccessKey, 'fixed-secret')
    assert.equal(ready.account, '123456789012')
    assert.equal(ready.region, 'local')
    const api = async (method: string, path: string, body?: object) => {
      const response = await fetch(`${ready.endpoint}${path}`, {
        method,
        headers: { authorization: `Bearer ${ready.token}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      return { status: response.status, body: (await response.json()) as Json }
    }
    const { key } = (await api('POST', '/v1/keys', {})).body
    assert.equal(key.account, '123456789012')
    await api('POST', `/v1/keys/${key.keyId}/schedule-deletion`, { pendingWindowInDays: 7 })
    const before = Date.parse((await api('GET', '/dev/clock')).body.now)
    const moved = await api('POST', '/dev/clock', { advance: 'P8D' })
    assert.ok(Date.parse(moved.body.now) - before >= 8 * 86_400_000)
    assert.equal((await api('GET', `/v1/keys/${key.keyId}`)).body.code, 'KeyNotFound')
    for (const advance of ['-P1D', 'P', 'PT', 'P1Y', 'P99999D', 5, ''])
      assert.equal((await api('POST', '/dev/clock', { advance })).status, 400)

    const port = new URL(ready.endpoint).port
    const env = spawn(keyward, ['env', '--port', port], { env: { PATH: process.env.PATH ?? '' } })
    let lines = ''
    for await (const chunk of env.stdout) lines += chunk
    assert.match(lines, /export KEYWARD_TOKEN='fixed-token-of-the-test'/)
    assert.match(lines, new RegExp(`export AWS_ENDPOINT_URL_KMS='${ready.endpoint}'`))
    assert.match(lines, /export AWS_DEFAULT_REGION='local'/)

    child.kill('SIGTERM')
    const [code] = (await once(child, 'exit')) as [number]
    assert.equal(code, 0)
    assert.equal(existsSync(join('/tmp', `keyward-dev-${process.getuid?.()}`, `${port}.json`)), false)
  } finally {
    child.kill('SIGKILL')
  }
})

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { verifyLog } from '../src/audit/verify.ts'
import type { Json } from './service.ts'

const root = join(import.meta.dirname, '..')

type Serving = { readonly child: ChildProcess; readonly url: string; readonly said: string }

/** The service as users start it, in a process of its own, on free ports. */
async function serve(data: string, httpPort: number): Promise<Serving> {
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', join(root, 'src', 'main.ts'), 'serve'],
    {
      env: {
        PATH: process.env.PATH ?? '',
        KEYWARD_DATA: data,
        KEYWARD_HTTP_PORT: String(httpPort),
        KEYWARD_HTTPS_PORT: '0',
        KEYWARD_HTTPS_HOST: '127.0.0.1',
        KEYWARD_LOG_LEVEL: 'error',
        KEYWARD_PROCESSES: '1',
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  )
  const said = await new Promise<string>((resolve, reject) => {
    let text = ''
    child.stderr?.on('data', (chunk) => {
      text += chunk
      if (/Root key[\s\S]*\n\n$/.test(text)) resolve(text)
    })
    child.on('exit', (code) => reject(new Error(`the service ended with ${code}: ${text}`)))
  })
  const url = /http:\/\/localhost:\d+/.exec(said)?.[0].replace('localhost', '127.0.0.1') ?? ''
  return { child, url, said }
}

const ended = (child: ChildProcess) => new Promise((resolve) => child.once('exit', resolve))

function caller(url: string, token: string) {
  return async (method: string, path: string, body?: unknown): Promise<Json> => {
    const response = await fetch(url + path, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return (await response.json()) as Json
  }
}

test('killed at any moment of a load: every acknowledged key is there, every ciphertext opens, every answer is on record', async () => {
  const data = mkdtempSync(join(tmpdir(), 'keyward-kill-'))
  let serving = await serve(data, 0)
  try {
    const token = /KEYWARD_TOKEN=(\S+)/.exec(serving.said)?.[1] ?? ''
    const keys: string[] = []
    const sealed: { readonly ciphertextBlob: string; readonly plaintext: string }[] = []
    const answered: string[] = []
    for (let round = 0; round < 3; round++) {
      const api = caller(serving.url, token)
      let running = true
      const workers = Array.from({ length: 12 }, async (_, worker) => {
        for (let number = 0; running; number++) {
          try {
            if (worker === 0) keys.push((await api('POST', '/v1/keys')).key.keyId)
            else if (keys.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
            else {
              const keyId = keys[(worker * 7 + number) % keys.length] as string
              const plaintext = Buffer.from(`${round} ${worker} ${number}`).toString('base64')
              const response = await fetch(`${serving.url}/v1/keys/${keyId}/encrypt`, {
                method: 'POST',
                headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
                body: JSON.stringify({ plaintext }),
              })
              const answer = (await response.json()) as Json
              if (response.status !== 200) throw new Error(JSON.stringify(answer))
              sealed.push({ ciphertextBlob: answer.ciphertextBlob, plaintext })
              answered.push(response.headers.get('x-request-id') as string)
            }
          } catch (error) {
            // Killed under way: this one was not acknowledged.
            if (running)
              assert.match(String((error as Error).message), /fetch failed|terminated|other side closed|JSON/)
            return
          }
        }
      })
      await new Promise((resolve) => setTimeout(resolve, 700 + round * 150))
      const end = ended(serving.child)
      serving.child.kill('SIGKILL')
      await end
      running = false
      await Promise.all(workers)
      serving = await serve(data, 0)
    }
    assert.ok(keys.length > 3 && sealed.length > 20, `${keys.length} keys, ${sealed.length} ciphertexts`)
    const api = caller(serving.url, token)
    for (const keyId of keys) assert.equal((await api('GET', `/v1/keys/${keyId}`)).key?.keyState, 'Enabled')
    for (const { ciphertextBlob, plaintext } of sealed.slice(-300))
      assert.equal((await api('POST', '/v1/decrypt', { ciphertextBlob })).plaintext, plaintext)

    const recorded = new Set<string>()
    let marker: string | undefined
    do {
      const page = await api(
        'GET',
        `/v1/audit/records?operation=Encrypt&outcome=ok&limit=1000${marker === undefined ? '' : `&marker=${marker}`}`,
      )
      for (const record of page.records) recorded.add(record.requestId)
      marker = page.nextMarker
    } while (marker !== undefined)
    assert.deepEqual(
      answered.filter((requestId) => !recorded.has(requestId)),
      [],
    )

    const end = ended(serving.child)
    serving.child.kill('SIGTERM')
    assert.equal(await end, 0, 'SIGTERM ends it cleanly')
    const report = await verifyLog({
      directory: join(data, 'audit'),
      vkey: readFileSync(join(data, 'audit-verifier-key'), 'utf8').trim(),
    })
    assert.deepEqual(report.findings, [])
    assert.ok(report.size > answered.length)
  } finally {
    serving.child.kill('SIGKILL')
    rmSync(data, { recursive: true, force: true })
  }
})

test('a service does not start over a root key with a missing or foreign part, and changes nothing', async () => {
  const data = mkdtempSync(join(tmpdir(), 'keyward-custody-'))
  const { renameSync, existsSync } = await import('node:fs')
  try {
    const serving = await serve(data, 0)
    const end = ended(serving.child)
    serving.child.kill('SIGTERM')
    await end
    const parts = [
      'custody/root-ciphertext/root-key.1',
      'custody/private-key/private-key',
      'custody/unlock-key/unlock-key',
    ]
    for (const [place, part] of parts.entries()) {
      renameSync(join(data, part), join(data, 'aside'))
      await assert.rejects(serve(data, 0), new RegExp(`[Pp]lace ${place + 1}`))
      assert.equal(existsSync(join(data, part)), false)
      renameSync(join(data, 'aside'), join(data, part))
    }
    for (const [number, part] of parts.entries()) renameSync(join(data, part), join(data, `aside-${number}`))
    await assert.rejects(serve(data, 0), /root key is gone/)
    for (const [number, part] of parts.entries()) {
      assert.equal(existsSync(join(data, part)), false)
      renameSync(join(data, `aside-${number}`), join(data, part))
    }
    const again = await serve(data, 0)
    const last = ended(again.child)
    again.child.kill('SIGTERM')
    await last
    assert.doesNotMatch(again.said, /first start/)
  } finally {
    rmSync(data, { recursive: true, force: true })
  }
})

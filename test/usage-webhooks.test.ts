import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { loadConfig } from '../src/config.ts'
import { systemRandom } from '../src/machine.ts'
import { parseSecrets } from '../src/webhooks/signature.ts'
import { openWebhooks } from '../src/webhooks/webhooks.ts'
import { base64, days, startTestService, type TestClock, testClock } from './service.ts'

const secret = Buffer.alloc(32, 7)
const secretText = `whsec_${secret.toString('base64')}`

type Received = {
  readonly id: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
  readonly type: string
  // biome-ignore lint/suspicious/noExplicitAny: tests reach into JSON of any shape.
  readonly data: any
}

/** A receiver that answers as `answer` says, and notes everything. */
async function startReceiver(t: TestContext, answer: (attempt: number) => number | 'hang' = () => 204) {
  const received: Received[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString()
      const { type, data } = JSON.parse(body)
      received.push({ id: String(request.headers['webhook-id']), headers: request.headers, body, type, data })
      const status = answer(received.length)
      if (status === 'hang') return
      response.writeHead(status, { location: 'http://127.0.0.1:1/elsewhere' }).end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?token=hidden`
  return { url, received }
}

/** A service whose machine time the test moves: retries wait for that, not for us. */
async function startSender(t: TestContext, urls: readonly string[], data?: string) {
  const folder = data ?? mkdtempSync(join(tmpdir(), 'keyward-webhooks-'))
  if (data === undefined) t.after(() => rmSync(folder, { recursive: true, force: true }))
  const secretFile = join(folder, 'webhook-secret')
  writeFileSync(secretFile, `${secretText}\n`)
  let ahead = 0
  const clock: TestClock & { later(milliseconds: number): void } = {
    ...testClock(),
    wall: () => Date.now() + ahead,
    later: (milliseconds) => {
      ahead += milliseconds
    },
  }
  const service = await startTestService({
    on: 'sqlite',
    clock,
    data: folder,
    config: { webhookUrls: urls, webhookSecretFile: secretFile },
  })
  return { service, clock, folder }
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let looks = 0; !holds(); looks++) {
    assert.ok(looks < 1500, `never: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

test('an event is signed as Standard Webhooks has it, and sent again until it is taken, after a restart too', async (t) => {
  const example = /```js\n([\s\S]*?)```/.exec(readFileSync(join(import.meta.dirname, '../docs/events.md'), 'utf8'))?.[1]
  const { isGenuine } = await import(`data:text/javascript,${encodeURIComponent(example ?? '')}`)
  const down = await startReceiver(t, (attempt) => (attempt < 3 ? 503 : 204))
  const first = await startSender(t, [down.url])
  const { keyId } = (await first.service.api('POST', '/v1/keys', {})).body.key
  await first.service.api('POST', `/v1/keys/${keyId}/rotate`)
  await until('the first attempt', () => down.received.length === 1)
  await first.service.stop()
  const second = await startSender(t, [down.url], first.folder)
  t.after(() => second.service.stop())
  second.clock.later(8_000)
  await until('the second attempt', () => down.received.length === 2)
  second.clock.later(15_000)
  await until('the third attempt', () => down.received.length === 3)
  second.clock.later(days(2))
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  assert.equal(down.received.length, 3, 'what was taken is not sent again')
  assert.equal(new Set(down.received.map(({ id }) => id)).size, 1)
  for (const { headers, body, id, type, data } of down.received) {
    assert.equal(type, 'key.rotated')
    assert.equal(data.keyId, keyId)
    assert.ok(!id.includes('.'))
    const signed = `${id}.${headers['webhook-timestamp']}.${body}`
    assert.equal(headers['webhook-signature'], `v1,${createHmac('sha256', secret).update(signed).digest('base64')}`)
    assert.ok(!body.includes('hidden'))
    assert.equal(isGenuine(headers, body, secretText), true, 'as docs/events.md has it')
    assert.equal(isGenuine(headers, `${body} `, secretText), false)
    assert.equal(isGenuine(headers, body, secretText, Date.now() + 3_600_000), false)
  }
})

test('what happened while the service was down between two rounds is told; what happened before anybody asked is not', async (t) => {
  const receiver = await startReceiver(t)
  const before = await startSender(t, [])
  const { keyId } = (await before.service.api('POST', '/v1/keys', {})).body.key
  await before.service.api('POST', `/v1/keys/${keyId}/rotate`)
  const { token } = before.service
  await before.service.stop()
  const asked = await startSender(t, [receiver.url], before.folder)
  const api = asked.service.as(token)
  await api('POST', `/v1/keys/${keyId}/schedule-deletion`, { pendingWindowInDays: 7 })
  // At once, before the next round.
  await asked.service.stop()
  const again = await startSender(t, [receiver.url], before.folder)
  t.after(() => again.service.stop())
  await until('the event', () => receiver.received.length === 1)
  assert.deepEqual(
    receiver.received.map(({ type }) => type),
    ['key.deletion.scheduled'],
  )
})

test('a receiver that hangs or sends us elsewhere holds up no request and no other receiver, and no redirect is followed', async (t) => {
  const hanging = await startReceiver(t, () => 'hang')
  const elsewhere = await startReceiver(t)
  const redirecting = await startReceiver(t, () => 307)
  const fine = await startReceiver(t)
  const { service } = await startSender(t, [hanging.url, redirecting.url, fine.url])
  t.after(() => service.stop())
  const { keyId } = (await service.api('POST', '/v1/keys', {})).body.key
  for (let count = 0; count < 12; count++) await service.api('POST', `/v1/keys/${keyId}/rotate`)
  await until('all events', () => fine.received.length === 12)
  assert.equal((await service.api('POST', `/v1/keys/${keyId}/encrypt`, { plaintext: base64('x') })).status, 200)
  assert.equal(hanging.received.length, 4, 'so many at once to one address, and no more')
  assert.equal(elsewhere.received.length, 0)
  assert.deepEqual(
    fine.received.map(({ data }) => data.index).toSorted((left, right) => left - right),
    [...new Set(fine.received.map(({ data }) => data.index))].toSorted((left, right) => left - right),
  )
  assert.ok(redirecting.received.length >= 1)
})

test('pauses double up to six hours, and after three days a message is given up', async () => {
  let now = Date.parse('2026-01-01T00:00:00Z')
  const start = now
  const attempts: number[] = []
  const warnings: string[] = []
  let index = 0
  const webhooks = await openWebhooks({
    file: ':memory:',
    urls: ['https://example.test/'],
    secrets: [secret],
    events: {
      catchUp: async () => {},
      folded: () => index,
      eventsFrom: (place) =>
        place < index
          ? [
              {
                sequence: 0,
                index: 0,
                eventId: 'evt_1',
                type: 'key.deleted',
                at: start,
                account: '1',
                region: 'r',
                keyId: 'k',
                details: {},
              },
            ]
          : [],
    },
    wall: () => now,
    random: systemRandom(),
    warn: (_, words) => warnings.push(words),
    post: async () => {
      attempts.push(now)
      throw new Error('no connection')
    },
  })
  index = 1
  for (; now < start + days(4); now += 60_000 / (now < start + 600_000 ? 30 : 1)) {
    await webhooks.round()
    await webhooks.idle()
  }
  const pauses = attempts.slice(1).map((at, place) => at - (attempts[place] as number))
  for (const [place, pause] of pauses.entries()) {
    const meant = Math.min(5_000 * 2 ** place, 6 * 3_600_000)
    assert.ok(pause >= meant * 0.8 && pause <= meant * 1.2 + 60_000, `pause ${place}: ${pause} ms`)
  }
  assert.ok(attempts.length >= 20 && attempts.length <= 32, `${attempts.length} attempts`)
  assert.ok((attempts.at(-1) as number) <= start + days(3) + 60_000)
  assert.equal(warnings.at(-1), 'a webhook was given up after three days')
  assert.equal(webhooks.waiting(), 0)
  await webhooks.stop()
})

test('a setting that would send to the wrong place, or unsigned, refuses the start', async (t) => {
  for (const urls of [
    'http://example.test/',
    'ftp://127.0.0.1/',
    'https://user:pass@example.test/',
    'https://example.test/#x',
    'https://example.test/,nonsense',
    'http://127.0.0.1.example.test/',
    'http://localhost.example.test/',
  ])
    assert.throws(() => loadConfig({ KEYWARD_WEBHOOK_URLS: urls }), { code: 'InvalidRequest' }, urls)
  assert.deepEqual(loadConfig({ KEYWARD_WEBHOOK_URLS: 'https://a.test/x, http://[::1]:9/y' }).webhookUrls, [
    'https://a.test/x',
    'http://[::1]:9/y',
  ])
  for (const text of ['', 'whsec_', 'whsec_!', secret.toString('base64'), `whsec_${base64('short')}`])
    assert.throws(
      () => parseSecrets(text),
      (error: Error) => /WEBHOOK_SECRET_FILE/.test(error.message) && !error.message.includes(base64('short')),
      text,
    )
  assert.equal(parseSecrets(`${secretText}\n${secretText}\n`).length, 2)
  const folder = mkdtempSync(join(tmpdir(), 'keyward-webhooks-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  await assert.rejects(startTestService({ config: { webhookUrls: ['https://a.test/'] } }), { code: 'InvalidRequest' })
  await assert.rejects(
    startTestService({ config: { webhookUrls: ['https://a.test/'], webhookSecretFile: join(folder, 'none') } }),
    { code: 'InvalidRequest' },
  )
})

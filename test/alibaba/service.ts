/** A whole service on loopback, everything in memory, with two accounts; and a small client that signs as the SDKs do. */
import assert from 'node:assert/strict'
import { createHash, randomUUID } from 'node:crypto'
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { loadConfig } from '../../src/config.ts'
import { systemClock } from '../../src/machine.ts'
import { newAccount } from '../../src/operations/access/accounts.ts'
import { percentEncode } from '../../src/protocols/alibaba/parameters.ts'
import { canonicalRequestAcs3, signAcs3 } from '../../src/protocols/alibaba/signature-acs3.ts'
import { signV1, stringToSignV1 } from '../../src/protocols/alibaba/signature-v1.ts'
import type { Listener } from '../../src/protocols/server.ts'
import { startService as serve } from '../../src/serve.ts'
import { createLog } from '../../src/telemetry/log.ts'
import { type OpenWorld, openMemoryWorld } from '../../src/world.ts'

export type AccessKey = {
  readonly account: string
  readonly accessKeyId: string
  readonly secret: string
  /** For the REST face. */
  readonly token: string
}

export type TestService = {
  readonly world: OpenWorld
  readonly url: string
  /** `localhost:port` */
  readonly host: string
  readonly port: number
  readonly tls: boolean
  readonly first: AccessKey
  readonly second: AccessKey
  /** Goes forward, for keys and signatures alike. */
  advance(milliseconds: number): void
  /** Fails where anything broke inside the service meanwhile. */
  close(): Promise<void>
}

/** As `keyward dev` serves it, but with a clock that can be moved, and with a second account. */
export async function startService(options: { readonly tls?: Listener['tls'] } = {}): Promise<TestService> {
  const clock = systemClock()
  const config = { ...loadConfig({}), choreSeconds: 3600 }
  const world = await openMemoryWorld(config, { clock })
  const accounts: AccessKey[] = []
  for (const account of ['100000000001', '1000000000000002']) {
    const { credentials, changes } = newAccount(world, account, account, clock.now())
    await world.store.commit(changes)
    const { token, accessKeyId, secretAccessKey: secret } = credentials
    accounts.push({ account, accessKeyId, secret, token })
  }
  const errors: string[] = []
  const running = await serve({
    world,
    config,
    operatorAccount: '100000000001',
    listeners: [{ host: '127.0.0.1', port: 0, ...(options.tls === undefined ? {} : { tls: options.tls }) }],
    log: createLog('error', { write: (line) => void errors.push(line) }),
  })
  const server = running.servers[0] as (typeof running.servers)[number]
  return {
    world,
    url: server.url,
    host: `localhost:${server.port}`,
    port: server.port,
    tls: options.tls !== undefined,
    first: accounts[0] as AccessKey,
    second: accounts[1] as AccessKey,
    advance: (milliseconds) => clock.advance(milliseconds),
    async close() {
      await running.stop()
      assert.deepEqual(errors, [])
    },
  }
}

export type Answer = {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly body: Record<string, unknown>
  /** Of an error; undefined of a success. */
  readonly code: string | undefined
}

export type How = {
  readonly as?: AccessKey
  readonly style?: 'v1' | 'acs3'
  readonly method?: 'GET' | 'POST'
  /** Parameters of the action in the body, as a form. */
  readonly form?: boolean
  readonly chunked?: boolean
  readonly nonce?: string | undefined
  readonly timestamp?: string
  readonly host?: string
  /** Changes what is sent after it was signed. */
  readonly tamper?: (wire: { query: string; body: string; headers: Record<string, string> }) => void
}

export function seconds(instant: number): string {
  return `${new Date(instant).toISOString().slice(0, 19)}Z`
}

const encode = (parameters: ReadonlyMap<string, string>) =>
  [...parameters].map(([name, value]) => `${percentEncode(name)}=${percentEncode(value)}`).join('&')

/** One signed request. */
export async function ask(
  service: TestService,
  action: string,
  parameters: Readonly<Record<string, string | number | boolean | undefined>> = {},
  how: How = {},
): Promise<Answer> {
  const { as = service.first, style = 'v1', method = 'POST', form = false } = how
  const timestamp = how.timestamp ?? seconds(service.world.clock.wall())
  const nonce = 'nonce' in how ? how.nonce : randomUUID()
  const given = new Map<string, string>()
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) given.set(name, String(value))
  const headers: Record<string, string> = { host: how.host ?? service.host }
  if (form) headers['content-type'] = 'application/x-www-form-urlencoded'
  let query = ''
  let body = ''
  if (style === 'v1') {
    const all = new Map([
      ['Action', action],
      ['Version', '2016-01-20'],
      ['AccessKeyId', as.accessKeyId],
      ['SignatureMethod', 'HMAC-SHA1'],
      ['SignatureVersion', '1.0'],
      ['Timestamp', timestamp],
      ...(nonce === undefined ? [] : ([['SignatureNonce', nonce]] as const)),
      ...given,
    ])
    all.set('Signature', signV1(as.secret, stringToSignV1(method, all)))
    if (form) body = encode(all)
    else query = encode(all)
  } else {
    if (form) body = encode(given)
    else query = encode(given)
    const contentHash = createHash('sha256').update(body).digest('hex')
    Object.assign(headers, {
      'x-acs-action': action,
      'x-acs-version': '2016-01-20',
      'x-acs-date': timestamp,
      'x-acs-signature-nonce': nonce ?? '',
      'x-acs-content-sha256': contentHash,
    })
    const signedHeaders = Object.keys(headers).sort()
    const canonical = canonicalRequestAcs3({
      method,
      query: form ? new Map() : given,
      headers,
      signedHeaders,
      contentHash,
    })
    const signature = signAcs3('ACS3-HMAC-SHA256', as.secret, canonical)
    headers.authorization = `ACS3-HMAC-SHA256 Credential=${as.accessKeyId},SignedHeaders=${signedHeaders.join(';')},Signature=${signature}`
  }
  const wire = { query, body, headers }
  how.tamper?.(wire)
  return send(service, { method, chunked: how.chunked === true, ...wire })
}

export async function send(
  service: TestService,
  wire: {
    readonly method: string
    readonly path?: string
    readonly query: string
    readonly body: string
    readonly headers: Readonly<Record<string, string>>
    readonly chunked?: boolean
  },
): Promise<Answer> {
  const path = `${wire.path ?? '/'}${wire.query === '' ? '' : `?${wire.query}`}`
  const make = service.tls ? httpsRequest : httpRequest
  return new Promise((resolve, reject) => {
    const outgoing = make(
      {
        host: '127.0.0.1',
        port: service.port,
        method: wire.method,
        path,
        headers: wire.headers,
        rejectUnauthorized: false,
        agent: false,
      },
      (incoming) => {
        const chunks: Buffer[] = []
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
        incoming.on('error', reject)
        incoming.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8')
          const json = /^application\/(?:problem\+)?json/.test(incoming.headers['content-type'] ?? '')
          const body = (json ? JSON.parse(text) : {}) as Record<string, unknown>
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            text,
            body,
            code: body.Code as string | undefined,
          })
        })
      },
    )
    outgoing.on('error', reject)
    if (wire.chunked) {
      const half = Math.floor(wire.body.length / 2)
      outgoing.write(wire.body.slice(0, half))
      outgoing.end(wire.body.slice(half))
    } else {
      if (wire.method !== 'GET') outgoing.setHeader('content-length', Buffer.byteLength(wire.body))
      outgoing.end(wire.body)
    }
  })
}

/** The body of a success; else the test fails with the answer. */
export async function asked(...call: Parameters<typeof ask>): Promise<Record<string, unknown>> {
  const answer = await ask(...call)
  assert.equal(answer.status, 200, `${call[1]}: ${answer.text}`)
  assert.equal(answer.code, undefined, 'a success has no Code')
  return answer.body
}

export async function refused(status: number, code: string, ...call: Parameters<typeof ask>): Promise<string> {
  const answer = await ask(...call)
  assert.deepEqual([answer.status, answer.code], [status, code], `${call[1]}: ${answer.text}`)
  assert.equal(answer.body.HttpStatus, status)
  assert.equal(answer.body.HostId, call[3]?.host ?? call[0].host)
  return answer.body.Message as string
}

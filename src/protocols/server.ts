/** From sockets to faces: limits before anything is parsed, an answer for everything, a clean end. */
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type OutgoingHttpHeader,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, createServer, type Server as NetServer } from 'node:net'
import { Problem, problem } from '../domain/errors.ts'
import type { Face, HttpAnswer, HttpRequest, Limits } from './http.ts'

export type ServerOptions = {
  readonly faces: readonly Face[]
  readonly limits: Limits
  readonly requestId: () => string
  readonly onAnswer: (request: Omit<HttpRequest, 'body'>, answer: HttpAnswer, face: string, startedAt: number) => void
  readonly reportBug: (error: unknown, requestId: string) => void
  /** The value of the Date header: clients correct their clocks by it. */
  readonly date: () => string
  readonly monotonic: () => number
}

export type Listener = {
  readonly host: string
  readonly port: number
  /** PEM; without it plain HTTP. */
  readonly tls?: { readonly cert: string | Buffer; readonly key: string | Buffer }
}

export type RunningServer = {
  readonly url: string
  readonly port: number
  /** No new connections; requests under way are answered; then it resolves. */
  close(graceMs: number): Promise<void>
}

/** Time-outs in milliseconds. A client that sends slower than this is cut off (slow loris). */
const timeouts = { headers: 10_000, request: 30_000, keepAlive: 65_000 } as const
/**
 * The URL counts. SDKs of Alibaba Cloud send every parameter in it: the largest plaintext, in base64 with each slash as
 * three letters, and a large encryption context are some 50 KB there.
 */
const headerBytes = 65_536

/** On `localhost` it answers at both addresses of this name, where the machine has both: browsers try either first. */
export async function listen(listener: Listener, options: ServerOptions): Promise<RunningServer> {
  if (listener.host !== 'localhost') return listenAt(listener, options)
  for (let attempt = 1; ; attempt++) {
    const first = await listenAt({ ...listener, host: '127.0.0.1' }, options)
    try {
      const second = await listenAt({ ...listener, host: '::1', port: first.port }, options)
      return {
        ...first,
        close: async (graceMs) => void (await Promise.all([first.close(graceMs), second.close(graceMs)])),
      }
    } catch (error) {
      if (isNoAddress(error)) return first
      await first.close(0)
      const { code } = error as NodeJS.ErrnoException
      // A port that was free at one address only: another one is drawn.
      if (code !== 'EADDRINUSE' || listener.port !== 0 || attempt === mostDraws) throw error
    }
  }
}

const mostDraws = 10

/** A Problem `Unavailable` where something else listens at one of these already; nothing is made for that. */
export async function requireFree(listeners: readonly Pick<Listener, 'host' | 'port'>[]): Promise<void> {
  for (const { host, port } of listeners)
    for (const address of host === 'localhost' ? ['127.0.0.1', '::1'] : [host]) {
      const server = createServer()
      try {
        await listening(server, port, address)
      } catch (error) {
        if (address === '::1' && isNoAddress(error)) continue
        throw cannotListen(error)
      } finally {
        server.close()
      }
    }
}

export function cannotListen(cause: unknown): Problem {
  return problem('Unavailable', {
    message: `It cannot listen: ${(cause as Error).message}`,
    mend: 'Is another Keyward running? Set KEYWARD_HTTPS_PORT and KEYWARD_HTTP_PORT to free ports.',
  })
}

/** The machine has no such address. */
function isNoAddress(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT'
}

function listening(server: NetServer, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

async function listenAt(listener: Listener, options: ServerOptions): Promise<RunningServer> {
  const secure = listener.tls !== undefined
  const handle = handler(options, secure)
  const common = { maxHeaderSize: headerBytes, requestTimeout: timeouts.request, headersTimeout: timeouts.headers }
  const server: Server =
    listener.tls === undefined
      ? createHttpServer(common, handle)
      : createHttpsServer({ ...common, ...listener.tls, minVersion: 'TLSv1.2' }, handle)
  server.keepAliveTimeout = timeouts.keepAlive
  server.maxRequestsPerSocket = 0
  await listening(server, listener.port, listener.host)
  const { port } = server.address() as AddressInfo
  const host = listener.host.includes(':') ? `[${listener.host}]` : listener.host
  return {
    url: `${secure ? 'https' : 'http'}://${host === '127.0.0.1' ? 'localhost' : host}:${port}`,
    port,
    close: (graceMs) =>
      new Promise((resolve) => {
        const cut = setTimeout(() => server.closeAllConnections(), graceMs)
        server.close(() => {
          clearTimeout(cut)
          resolve()
        })
        server.closeIdleConnections()
      }),
  }
}

function handler(options: ServerOptions, secure: boolean): RequestListener {
  const { faces, limits } = options
  return (incoming, outgoing) => {
    const startedAt = options.monotonic()
    const url = incoming.url ?? '/'
    const mark = url.indexOf('?')
    const request: { -readonly [Member in keyof HttpRequest]: HttpRequest[Member] } = {
      method: incoming.method ?? 'GET',
      path: mark === -1 ? url : url.slice(0, mark),
      query: mark === -1 ? '' : url.slice(mark + 1),
      headers: incoming.headers,
      sourceAddress: sourceOf(incoming),
      secure,
      requestId: options.requestId(),
      body: noBody,
    }
    const face = faces.find((candidate) => candidate.takes(request)) ?? (faces[faces.length - 1] as Face)
    const send = (answer: HttpAnswer) => {
      write(outgoing, answer, request.requestId, options.date())
      options.onAnswer(request, answer, face.name, startedAt)
    }
    const fail = (error: unknown) => {
      if (!(error instanceof Problem)) options.reportBug(error, request.requestId)
      send(face.refuse(request, error))
    }
    readBody(incoming, limits.bodyBytes, (error, body) => {
      if (body === undefined) {
        outgoing.shouldKeepAlive = false
        fail(error)
        return
      }
      request.body = body
      face.answer(request).then(send, fail)
    })
  }
}

const noBody = new Uint8Array()

/** By events, since reading by `for await` costs nearly half of the rate. */
function readBody(incoming: IncomingMessage, most: number, done: (error: unknown, body?: Uint8Array) => void): void {
  const chunks: Buffer[] = []
  let length = 0
  let finished = false
  const finish = (error: unknown, body?: Uint8Array) => {
    if (finished) return
    finished = true
    done(error, body)
  }
  const tooLarge = () =>
    problem('RequestTooLarge', { message: `The body is larger than ${most} bytes.`, mend: 'Send less in one request.' })
  if (Number(incoming.headers['content-length'] ?? 0) > most) {
    incoming.resume()
    finish(tooLarge())
    return
  }
  incoming.on('data', (chunk: Buffer) => {
    length += chunk.length
    if (length > most) {
      finish(tooLarge())
      incoming.removeAllListeners('data')
      incoming.resume()
    } else chunks.push(chunk)
  })
  incoming.on('end', () => finish(undefined, chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)))
  incoming.on('error', finish)
}

function write(outgoing: ServerResponse, answer: HttpAnswer, requestId: string, date: string): void {
  if (outgoing.destroyed || outgoing.headersSent) return
  // A list of names and values: node:http takes it as it is, and need not be given an object of its own.
  const headers: (string | string[])[] = ['Date', date, 'X-Request-Id', requestId]
  for (const name of Object.keys(answer.headers)) headers.push(name, answer.headers[name] as string | string[])
  headers.push('Content-Length', String(Buffer.byteLength(answer.body)))
  outgoing.writeHead(answer.status, headers as OutgoingHttpHeader[])
  outgoing.end(answer.body)
}

function sourceOf(incoming: IncomingMessage): string {
  const address = incoming.socket.remoteAddress ?? ''
  return address.startsWith('::ffff:') ? address.slice(7) : address
}

/** Calls operations over the REST API. */
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { AnyOperation } from '../operations/operation.ts'
import { CliError, exitCodes } from './exit-codes.ts'
import type { Connection } from './profile.ts'

export type Client = {
  /** Input and output as JSON has them. */
  call(
    operation: Pick<AnyOperation, 'name' | 'rest'>,
    input: Readonly<Record<string, unknown>>,
  ): Promise<Record<string, unknown>>
}

/** Milliseconds. */
const timeout = 60_000

export function createClient(connection: Connection): Client {
  return {
    async call(operation, input) {
      const [method = 'GET', template = ''] = operation.rest.split(' ')
      const rest = { ...input }
      const path = template.replace(/\{(\w+)\}/g, (_, name: string) => {
        const value = rest[name]
        delete rest[name]
        return encodeURIComponent(String(value))
      })
      const inBody = method !== 'GET' && method !== 'DELETE'
      const query = new URLSearchParams()
      if (!inBody)
        for (const [name, value] of Object.entries(rest)) if (value !== undefined) query.set(name, String(value))
      const url = new URL(`${connection.address}${path}${query.size > 0 ? `?${query}` : ''}`)
      const answer = await send(connection, method, url, inBody ? JSON.stringify(rest) : undefined)
      const parsed = parse(answer.body)
      if (answer.status >= 200 && answer.status < 300 && parsed !== undefined) return parsed
      if (typeof parsed?.code === 'string')
        throw new CliError(parsed.code, String(parsed.detail), {
          mend: parsed.mend as string | undefined,
          requestId: parsed.requestId as string | undefined,
        })
      throw new CliError('BadAnswer', `${connection.address} answered ${answer.status}, and not as Keyward does.`, {
        exitCode: exitCodes.unavailable,
        mend: 'Is the address right? Give --addr or KEYWARD_ADDR.',
      })
    },
  }
}

function parse(body: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

function send(
  connection: Connection,
  method: string,
  url: URL,
  body: string | undefined,
): Promise<{ readonly status: number; readonly body: string }> {
  if (connection.token === undefined)
    throw new CliError('NotAuthenticated', 'There is no token.', {
      mend: 'Set KEYWARD_TOKEN (the first start printed one), or eval "$(keyward env)" for a dev server.',
    })
  const headers: Record<string, string> = { authorization: `Bearer ${connection.token}`, accept: 'application/json' }
  if (connection.region !== undefined) headers['x-keyward-region'] = connection.region
  if (body !== undefined) {
    headers['content-type'] = 'application/json'
    headers['content-length'] = String(Buffer.byteLength(body))
  }
  return new Promise((resolve, reject) => {
    const options = { method, headers, timeout, ...(connection.caCert === undefined ? {} : { ca: connection.caCert }) }
    const outgoing = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, options, (incoming) => {
      const chunks: Buffer[] = []
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
      incoming.on('end', () =>
        resolve({ status: incoming.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }),
      )
      incoming.on('error', reject)
    })
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer in ${timeout / 1000} seconds`)))
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      const selfSigned = /self-signed|unable to verify/i.test(error.message)
      reject(
        new CliError('Unreachable', `${url.origin} cannot be reached: ${error.message}`, {
          exitCode: exitCodes.unavailable,
          mend: selfSigned
            ? "Trust the server's own certificate: --cacert data/tls/cert.pem, or KEYWARD_CACERT."
            : 'Is the server running (npm start)? Is the address right (--addr, KEYWARD_ADDR)?',
        }),
      )
    })
    outgoing.end(body)
  })
}

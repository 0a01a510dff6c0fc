/** One message to one address: no redirects are followed, nothing of the answer but its status is read. */
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'

/** What the receiver may take, from the first packet to its status. */
const deadlineMs = 15_000

export type Post = (
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string,
  stop: AbortSignal,
) => Promise<number>

/** Resolves with the status. Rejects where there was none: no connection, no certificate, no time left. */
export const post: Post = (url, headers, body, stop) =>
  new Promise((resolve, reject) => {
    const bytes = Buffer.from(body)
    const send = url.startsWith('https:') ? httpsRequest : httpRequest
    const request = send(url, {
      method: 'POST',
      // A connection of its own, closed at the end: addresses are looked up anew, and nothing outlives the service.
      agent: false,
      headers: { ...headers, 'content-type': 'application/json', 'content-length': bytes.length },
      signal: AbortSignal.any([stop, AbortSignal.timeout(deadlineMs)]),
    })
    request.on('error', reject)
    request.on('response', (response) => {
      const status = response.statusCode ?? 0
      // An endless answer costs nothing.
      response.destroy()
      resolve(status)
    })
    request.end(bytes)
  })

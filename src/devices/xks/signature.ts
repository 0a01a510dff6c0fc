/**
 * How requests to a proxy are signed: AWS Signature Version 4 as the XKS Proxy API has it (appendix A): POST, no query,
 * the headers host and x-amz-date, the service kms-xks-proxy, and the region that the request is of.
 */
import { createHash, createHmac } from 'node:crypto'

const scheme = 'AWS4-HMAC-SHA256'
const service = 'kms-xks-proxy'
const signedHeaders = 'host;x-amz-date'

export type Signing = {
  readonly accessKeyId: string
  readonly secret: Uint8Array
  readonly region: string
  /** As it stands in the request: with its port, where that is not 443. */
  readonly host: string
  /** Of characters that need no encoding. */
  readonly path: string
  readonly body: Uint8Array
  /** Milliseconds since 1970. */
  readonly at: number
}

export function signatureHeaders(signing: Signing): Readonly<Record<string, string>> {
  const { accessKeyId, secret, region, host, path, body, at } = signing
  const timestamp = new Date(at).toISOString().replace(/[-:]|\.\d{3}/g, '')
  const day = timestamp.slice(0, 8)
  const scope = `${day}/${region}/${service}/aws4_request`
  const canonical = `POST\n${path}\n\nhost:${host}\nx-amz-date:${timestamp}\n\n${signedHeaders}\n${hexHash(body)}`
  let key: Uint8Array = Buffer.concat([Buffer.from('AWS4'), secret])
  for (const part of [day, region, service, 'aws4_request']) {
    const next = createHmac('sha256', key).update(part).digest()
    key.fill(0)
    key = next
  }
  const signature = createHmac('sha256', key)
    .update(`${scheme}\n${timestamp}\n${scope}\n${hexHash(Buffer.from(canonical))}`)
    .digest('hex')
  key.fill(0)
  return {
    'x-amz-date': timestamp,
    authorization: `${scheme} Credential=${accessKeyId}/${scope}, SignedHeaders=${signedHeaders}, Signature=${signature}`,
  }
}

function hexHash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

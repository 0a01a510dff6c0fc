/**
 * An external key store proxy (AWS XKS Proxy API, version 1) with a key manager in its memory: HTTPS, signatures checked by
 * the AWS SDK's own signer, AES-GCM by OpenSSL. Written from the API's text alone; it shares nothing with the service.
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { SignatureV4 } from '@smithy/signature-v4'
import { certificateAuthority } from '../certificates.ts'
import type { Json } from '../service.ts'
import { Sha256 } from './sha256.ts'

export const proxyCredential = {
  AccessKeyId: 'MUBSXM6K3KMXHN6RRCXI7TWQ22',
  RawSecretAccessKey: 'VU6W2byoiBrhDqNGbx703oL0syCAmhlQgwNUT123456',
}
const path = '/example/kms/xks/v1'

type ExternalKey = { readonly material: Buffer; spec: string; usage: string[]; status: string }

export type XksProxy = {
  readonly endpoint: string
  readonly path: string
  /** PEM, of the authority that signed its certificate. */
  readonly authority: string
  readonly keys: Map<string, ExternalKey>
  /** What it was asked, in order; never what it answered. */
  readonly seen: { readonly operation: string; readonly body: Json }[]
  /** Instead of the next answers: the name of an error, or something odd. */
  misbehave: string | undefined
  stop(): Promise<void>
}

const statusOf: Readonly<Record<string, number>> = {
  ValidationException: 400,
  InvalidStateException: 400,
  InvalidCiphertextException: 400,
  InvalidKeyUsageException: 400,
  AuthenticationFailedException: 401,
  AccessDeniedException: 403,
  KeyNotFoundException: 404,
  InvalidUriPathException: 404,
  ThrottlingException: 429,
  InternalException: 500,
  UnsupportedOperationException: 501,
  DependencyTimeoutException: 503,
}

class Refusal extends Error {}

/** With an authority of its own. */
export async function startXksProxy(): Promise<XksProxy> {
  const signedBy = await certificateAuthority()
  const { certificate, privateKey } = await signedBy.issue('localhost')
  const keys: XksProxy['keys'] = new Map()
  const seen: XksProxy['seen'] = []

  const server = createServer({ cert: certificate, key: privateKey, minVersion: 'TLSv1.2' }, (request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', async () => {
      const answer = (status: number, body: unknown) => {
        const text = typeof body === 'string' ? body : JSON.stringify(body)
        response.writeHead(status, { 'content-type': 'application/json' }).end(text)
      }
      try {
        if (request.method !== 'POST') return answer(405, {})
        const body = Buffer.concat(chunks)
        await checkSignature(request.url ?? '', request.headers as Record<string, string>, body)
        const { misbehave } = proxy
        if (misbehave === 'silence') return
        if (misbehave === 'nonsense') return answer(200, '<html>')
        if (misbehave === 'flood') return answer(200, JSON.stringify({ plaintext: 'A'.repeat(200_000) }))
        if (misbehave === 'redirect') {
          response.writeHead(307, { location: `${proxy.endpoint}${path}/health` }).end()
          return
        }
        if (misbehave !== undefined && misbehave in statusOf) throw new Refusal(misbehave)
        return answer(200, answerTo(request.url ?? '', JSON.parse(body.toString())))
      } catch (error) {
        if (!(error instanceof Refusal))
          return answer(500, { errorName: 'InternalException', errorMessage: String(error) })
        return answer(statusOf[error.message] ?? 500, {
          errorName: error.message,
          errorMessage: 'a secret of the proxy',
        })
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const endpoint = `https://localhost:${(server.address() as AddressInfo).port}`

  async function checkSignature(url: string, headers: Record<string, string>, body: Buffer): Promise<void> {
    const [, accessKeyId, region, signedHeaders] =
      /^AWS4-HMAC-SHA256 Credential=([^/]+)\/\d{8}\/([^/]+)\/kms-xks-proxy\/aws4_request, SignedHeaders=([^,]+), /.exec(
        headers.authorization ?? '',
      ) ?? []
    const [, year, month, day, hour, minute, second] =
      /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(headers['x-amz-date'] ?? '') ?? []
    const signingDate = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
    if (accessKeyId !== proxyCredential.AccessKeyId || region === undefined || signedHeaders !== 'host;x-amz-date')
      throw new Refusal('AuthenticationFailedException')
    if (Math.abs(signingDate.getTime() - Date.now()) > 300_000) throw new Refusal('AuthenticationFailedException')
    const signer = new SignatureV4({
      service: 'kms-xks-proxy',
      region,
      credentials: { accessKeyId, secretAccessKey: proxyCredential.RawSecretAccessKey },
      sha256: Sha256,
      applyChecksum: false,
      uriEscapePath: false,
    })
    const { host = '' } = headers
    const expected = await signer.sign(
      { method: 'POST', protocol: 'https:', hostname: 'localhost', path: url, headers: { host }, body },
      { signingDate },
    )
    if (expected.headers.authorization !== headers.authorization) throw new Refusal('AuthenticationFailedException')
  }

  function answerTo(url: string, body: Json): Json {
    if (!url.startsWith(`${path}/`)) throw new Refusal('InvalidUriPathException')
    const rest = url.slice(path.length)
    if (rest === '/health') {
      seen.push({ operation: 'health', body })
      return {
        xksProxyFleetSize: 1,
        xksProxyVendor: 'Test',
        xksProxyModel: 'Proxy 1',
        ekmVendor: 'Test',
        ekmFleetDetails: [{ id: 'one', model: 'Memory', healthStatus: proxy.misbehave ?? 'ACTIVE' }],
      }
    }
    const [, id = '', operation = ''] = /^\/keys\/([\w.-]+)\/(metadata|encrypt|decrypt)$/.exec(rest) ?? []
    if (operation === '') throw new Refusal('InvalidUriPathException')
    seen.push({ operation, body })
    const key = keys.get(id)
    if (key === undefined) throw new Refusal('KeyNotFoundException')
    if (operation === 'metadata') return { keySpec: key.spec, keyUsage: key.usage, keyStatus: key.status }
    if (key.status !== 'ENABLED') throw new Refusal('InvalidStateException')
    for (const member of ['awsPrincipalArn', 'kmsKeyArn', 'kmsOperation', 'kmsRequestId'])
      if (typeof body.requestMetadata?.[member] !== 'string') throw new Refusal('ValidationException')
    if (body.encryptionAlgorithm !== 'AES_GCM') throw new Refusal('ValidationException')
    const associated = Buffer.from(body.additionalAuthenticatedData ?? '', 'base64')
    if (operation === 'decrypt') {
      try {
        return { plaintext: openedBy(key, body).toString('base64') }
      } catch {
        throw new Refusal('InvalidCiphertextException')
      }
    }
    const metadata = Buffer.from('version=1')
    const iv = randomBytes(12)
    const cipher = createCipheriv('aes-256-gcm', key.material, iv)
    cipher.setAAD(authenticated(associated, metadata))
    const ciphertext = Buffer.concat([cipher.update(Buffer.from(body.plaintext, 'base64')), cipher.final()])
    const tag = cipher.getAuthTag()
    const integrity = createHash('sha256')
      .update(Buffer.concat([associated, metadata, iv, ciphertext, tag]))
      .digest()
    if (proxy.misbehave === 'bit flip') ciphertext.writeUInt8(ciphertext.readUInt8(0) ^ 1, 0)
    return {
      ciphertext: ciphertext.toString('base64'),
      ciphertextMetadata: metadata.toString('base64'),
      initializationVector: iv.toString('base64'),
      authenticationTag: tag.toString('base64'),
      ciphertextDataIntegrityValue: integrity.toString('base64'),
    }
  }

  const proxy: XksProxy = {
    endpoint,
    path,
    authority: signedBy.certificate,
    keys,
    seen,
    misbehave: undefined,
    stop: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
  return proxy
}

export function externalKey(changes: Partial<ExternalKey> = {}): ExternalKey {
  return {
    material: randomBytes(32),
    spec: 'AES_256',
    usage: ['ENCRYPT', 'DECRYPT', 'WRAP'],
    status: 'ENABLED',
    ...changes,
  }
}

/** What the key finds in the members of a request to decrypt. Throws where they do not belong together. */
export function openedBy(key: ExternalKey | undefined, body: Json): Buffer {
  if (key === undefined) throw new Error('there is no such key')
  const bytes = (member: string) => Buffer.from(body[member] ?? '', 'base64')
  const decipher = createDecipheriv('aes-256-gcm', key.material, bytes('initializationVector'))
  decipher.setAAD(authenticated(bytes('additionalAuthenticatedData'), bytes('ciphertextMetadata')))
  decipher.setAuthTag(bytes('authenticationTag'))
  return Buffer.concat([decipher.update(bytes('ciphertext')), decipher.final()])
}

/** As the API advises: with lengths, so that no part reads as another. */
function authenticated(associated: Buffer, metadata: Buffer): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(associated.length)
  return Buffer.concat([length, associated, Buffer.of(metadata.length), metadata])
}

/** Signature V3 (ACS3): headers, query and the hash of the body, under HMAC-SHA256, or HMAC-SM3 (GB/T 32905). */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { problem } from '../../domain/errors.ts'
import { type HttpRequest, header } from '../http.ts'
import { canonicalQuery, type Parameters } from './parameters.ts'
import type { Signed } from './signed.ts'

const algorithms = { 'ACS3-HMAC-SHA256': 'sha256', 'ACS3-HMAC-SM3': 'sm3' } as const
export type Acs3Algorithm = keyof typeof algorithms

/** What decides over the request; and every other x-acs- header that is there, since the face may read it. */
const alwaysSigned = [
  'host',
  'x-acs-action',
  'x-acs-content-sha256',
  'x-acs-date',
  'x-acs-signature-nonce',
  'x-acs-version',
] as const

const authorization =
  /^(ACS3-HMAC-SHA256|ACS3-HMAC-SM3) Credential=([\x21-\x2b\x2d-\x7e]{1,128}), ?SignedHeaders=([a-z0-9;-]{1,2048}), ?Signature=([0-9a-f]{64})$/

export function isAcs3(request: Pick<HttpRequest, 'headers'>): boolean {
  return header(request, 'authorization')?.startsWith('ACS3-') === true
}

type Canonical = {
  readonly method: string
  readonly query: Parameters
  readonly headers: HttpRequest['headers']
  readonly signedHeaders: readonly string[]
  /** Hex, as the header says it. */
  readonly contentHash: string
}

export function canonicalRequestAcs3(request: Canonical): string {
  const headers = request.signedHeaders.map((name) => `${name}:${(header(request, name) ?? '').trim()}\n`).join('')
  return [
    request.method,
    '/',
    canonicalQuery(request.query),
    headers,
    request.signedHeaders.join(';'),
    request.contentHash,
  ].join('\n')
}

/** Hex. The secret is used as it is. */
export function signAcs3(algorithm: Acs3Algorithm, secret: string, canonicalRequest: string): string {
  const hash = algorithms[algorithm]
  const stringToSign = `${algorithm}\n${createHash(hash).update(canonicalRequest, 'utf8').digest('hex')}`
  return createHmac(hash, secret).update(stringToSign, 'utf8').digest('hex')
}

export function readAcs3(request: HttpRequest, query: Parameters): Signed {
  const match = authorization.exec(header(request, 'authorization') ?? '')
  if (match === null)
    throw incomplete(
      'The Authorization header is not like ACS3-HMAC-SHA256 Credential=...,SignedHeaders=...,Signature=...',
    )
  const [, algorithm, accessKeyId = '', names = '', signature = ''] = match
  const signedHeaders = names.split(';')
  for (const name of [...alwaysSigned, ...acsHeaders(request)])
    if (!signedHeaders.includes(name)) throw incomplete(`The header ${name} is not signed.`)
  for (const name of signedHeaders)
    if (header(request, name) === undefined) throw incomplete(`The header ${name} is signed, but not there.`)
  const contentHash = header(request, 'x-acs-content-sha256') ?? ''
  return {
    accessKeyId,
    timestamp: header(request, 'x-acs-date'),
    nonce: header(request, 'x-acs-signature-nonce'),
    securityToken: header(request, 'x-acs-security-token') || undefined,
    matches: (secret) => {
      const canonical = canonicalRequestAcs3({
        method: request.method,
        query,
        headers: request.headers,
        signedHeaders,
        contentHash,
      })
      const expected = signAcs3(algorithm as Acs3Algorithm, secret, canonical)
      // The hash of the body is signed, and then it must be that of this body.
      const bodyHash = createHash(algorithms[algorithm as Acs3Algorithm])
        .update(request.body)
        .digest('hex')
      return sameText(expected, signature) && bodyHash === contentHash
    },
  }
}

function acsHeaders(request: HttpRequest): string[] {
  return Object.keys(request.headers).filter((name) => name.startsWith('x-acs-'))
}

function sameText(left: string, right: string): boolean {
  return left.length === right.length && timingSafeEqual(Buffer.from(left, 'latin1'), Buffer.from(right, 'latin1'))
}

function incomplete(message: string) {
  return problem('SignatureMismatch', { message, facts: { incomplete: true } })
}

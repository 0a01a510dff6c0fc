/**
 * AWS Signature Version 4, as the server checks it (IAM User Guide, "Create a signed AWS API request"): HMAC-SHA256 over
 * the request in one canonical form, under a key derived from the secret, the day, the region and the service.
 */
import { createHmac, hash, timingSafeEqual } from 'node:crypto'
import { type Awaitable, andThen } from '../../domain/awaitable.ts'
import { problem } from '../../domain/errors.ts'
import type { Clock } from '../../domain/ports.ts'
import { regionPattern } from '../../domain/scope.ts'
import type { AccessKey, Authenticator } from '../authenticator.ts'
import { type HttpRequest, header } from '../http.ts'

/** What the caller says of the signature. Nothing of it is believed before `verify`. */
export type SignatureClaim = {
  readonly accessKeyId: string
  /** The day of the signing key, YYYYMMDD. */
  readonly day: string
  readonly region: string
  readonly service: string
  /** `day/region/service/aws4_request`. */
  readonly credentialScope: string
  /** Lower case, sorted, joined with semicolons; as it was sent. */
  readonly signedHeaders: string
  readonly signedHeaderNames: readonly string[]
  /** Headers that would have to be among them, and are not: they must not be there. */
  readonly neededUnsigned: readonly string[]
}

export type SignatureCheck = {
  /** Problem `NotAuthenticated` where the request says nothing of a signature, or something else than it should. */
  readClaim(request: Pick<HttpRequest, 'headers'>): SignatureClaim
  /** Problems `NotAuthenticated`, `SignatureMismatch` and `RequestExpired`, in this cloud's words. */
  verify(request: HttpRequest, claim: SignatureClaim): Awaitable<AccessKey>
}

const scheme = 'AWS4-HMAC-SHA256'
/** How far a signer's clock may be off, either way. Clients correct themselves by our Date header. */
const skewMs = 300_000
/** Signing keys kept per access key: yesterday's and today's, in a handful of regions, for two services. */
const mostSigningKeys = 64
/** Any client needs some ten; more only cost time. */
const mostSignedHeaders = 64
/** Clients say the same of their signatures all day long, so it is read once. */
const mostKnownClaims = 1_024
const longestKnownClaim = 512

export function isSigned(request: Pick<HttpRequest, 'headers'>): boolean {
  return header(request, 'authorization')?.startsWith(scheme) === true
}

export function openSignatureCheck(from: {
  readonly authenticator: Pick<Authenticator, 'findAccessKey'>
  readonly clock: Pick<Clock, 'wall'>
}): SignatureCheck {
  const { authenticator, clock } = from
  // Keyed by the identity of the access key: with a changed or removed credential its signing keys are gone too.
  const signingKeys = new WeakMap<AccessKey, Map<string, SigningKey>>()
  const knownClaims = new Map<string, SignatureClaim>()
  /** Those that were kept there, or were too long to be. */
  const settledClaims = new WeakSet<SignatureClaim>()
  const readTime = timeReader()

  return {
    readClaim(request) {
      const authorization = authorizationOf(request)
      return knownClaims.get(unsignedPart(authorization)) ?? parseClaim(authorization)
    },
    verify(request, claim) {
      if (header(request, 'x-amz-security-token') !== undefined)
        throw problem('NotAuthenticated', {
          message: 'The security token included in the request is invalid: this service has no session tokens.',
          mend: 'Use an access key of Keyward alone; unset AWS_SESSION_TOKEN, or choose another profile.',
          facts: { awsCode: 'UnrecognizedClientException' },
        })
      const timestamp = header(request, 'x-amz-date') ?? ''
      checkTime(timestamp, readTime(timestamp), claim.day, clock.wall())
      requireUnsent(request, claim.neededUnsigned)
      const bodyHash = hash('sha256', request.body, 'hex')
      const claimedHash = header(request, 'x-amz-content-sha256')
      if (claimedHash !== undefined && claimedHash !== bodyHash)
        throw problem('SignatureMismatch', {
          message: "The provided 'x-amz-content-sha256' header does not match what was computed.",
          mend: 'The body was changed on its way, or the client does not sign it. Sign the body as it is sent.',
        })

      return andThen(authenticator.findAccessKey(claim.accessKeyId), (accessKey) => {
        if (accessKey === undefined)
          throw problem('NotAuthenticated', {
            message: 'The security token included in the request is invalid.',
            mend: 'The access key is not known here, has expired or was deleted. keyward access key create makes one.',
            facts: { awsCode: 'UnrecognizedClientException' },
          })
        checkSignature(request, claim, { timestamp, bodyHash, accessKey })
        return accessKey
      })
    },
  }

  function checkSignature(
    request: HttpRequest,
    claim: SignatureClaim,
    { timestamp, bodyHash, accessKey }: { timestamp: string; bodyHash: string; accessKey: AccessKey },
  ): void {
    const authorization = authorizationOf(request)
    const known = signingKeys.get(accessKey)
    const knownKey = known?.get(claim.credentialScope)
    const signingKey = knownKey ?? deriveSigningKey(accessKey.secret, claim)
    const canonicalHash = hash('sha256', canonicalRequest(request, claim, bodyHash), 'hex')
    const expected = macOf(signingKey, `${scheme}\n${timestamp}\n${claim.credentialScope}\n${canonicalHash}`)
    if (!sameText(memberOf(authorization, 'Signature'), expected)) throw mismatch()
    // Only now: nobody without the secret fills the caches.
    if (known === undefined) signingKeys.set(accessKey, new Map([[claim.credentialScope, signingKey]]))
    else if (knownKey === undefined) {
      if (known.size >= mostSigningKeys) known.clear()
      known.set(claim.credentialScope, signingKey)
    }
    if (!settledClaims.has(claim)) keepClaim(authorization, claim)
  }

  function keepClaim(authorization: string, claim: SignatureClaim): void {
    settledClaims.add(claim)
    const said = unsignedPart(authorization)
    const signatureIsLast = authorization.indexOf(',', said.length) === -1
    if (!signatureIsLast || said.length > longestKnownClaim) return
    if (knownClaims.size >= mostKnownClaims) knownClaims.clear()
    knownClaims.set(said, claim)
  }
}

function authorizationOf(request: Pick<HttpRequest, 'headers'>): string {
  const authorization = header(request, 'authorization')
  if (authorization === undefined)
    throw problem('NotAuthenticated', {
      message: 'Missing Authentication Token',
      mend: 'Sign the request: configure an access key (keyward access key create).',
      facts: { awsCode: 'MissingAuthenticationTokenException' },
    })
  if (!authorization.startsWith(`${scheme} `)) throw incomplete(`the scheme must be ${scheme}`)
  return authorization
}

function parseClaim(authorization: string): SignatureClaim {
  const credential = memberOf(authorization, 'Credential')
  const signedHeaders = memberOf(authorization, 'SignedHeaders')
  const [accessKeyId = '', day = '', region = '', service = '', terminator, more] = credential.split('/')
  if (terminator !== 'aws4_request' || more !== undefined || accessKeyId === '' || accessKeyId.length > 128)
    throw incomplete('Credential must be KEY/DATE/REGION/SERVICE/aws4_request')
  if (day.length !== 8) throw incomplete('the date of the credential must be YYYYMMDD')
  if (region.length > 64 || !regionPattern.test(region))
    throw problem('SignatureMismatch', {
      message: `Credential should be scoped to a valid region, not ${JSON.stringify(region.slice(0, 64))}.`,
      mend: 'Set a region, such as AWS_REGION=local: lower-case letters, digits and hyphens.',
    })
  const signedHeaderNames = signedHeaders.split(';')
  if (signedHeaderNames.length > mostSignedHeaders)
    throw incomplete(`at most ${mostSignedHeaders} headers may be signed`)
  return {
    accessKeyId,
    day,
    region,
    service,
    credentialScope: credential.slice(accessKeyId.length + 1),
    signedHeaders,
    signedHeaderNames,
    neededUnsigned: mustBeSigned.filter((name) => !signedHeaderNames.includes(name)),
  }
}

/** The key of HMAC-SHA-256, made ready as RFC 2104 has it: what stands before the message, inside and outside. */
type SigningKey = { readonly inner: Buffer; readonly outer: Buffer }

/** Of SHA-256, in bytes. */
const blockBytes = 64
const hashBytes = 32
/** The string to sign: scheme, time, scope and a hash. Regions and key ids are short, so that it always fits. */
const longestMessage = 512

function deriveSigningKey(secret: string, scope: Pick<SignatureClaim, 'day' | 'region' | 'service'>): SigningKey {
  let key = Buffer.from(`AWS4${secret}`, 'utf8')
  for (const part of [scope.day, scope.region, scope.service, 'aws4_request'])
    key = createHmac('sha256', key).update(part).digest()
  const inner = Buffer.alloc(blockBytes + longestMessage)
  const outer = Buffer.alloc(blockBytes + hashBytes)
  for (let index = 0; index < blockBytes; index++) {
    inner[index] = (key[index] ?? 0) ^ 0x36
    outer[index] = (key[index] ?? 0) ^ 0x5c
  }
  return { inner, outer }
}

/**
 * HMAC-SHA-256 (RFC 2104) in hex, by two one-shot hashes: half the cost of an Hmac object, which every request would
 * otherwise make and throw away. The message is ASCII. The SDK's own signer holds it to the standard.
 */
function macOf({ inner, outer }: SigningKey, message: string): string {
  if (message.length > longestMessage) throw incomplete('the credential scope is too long')
  const end = blockBytes + inner.write(message, blockBytes, 'latin1')
  outer.write(hash('sha256', inner.subarray(0, end), 'latin1'), blockBytes, hashBytes, 'latin1')
  return hash('sha256', outer, 'hex')
}

/** Its hash is over bytes: header values are bytes to HTTP, and one character each to node:http. */
export function canonicalRequest(
  request: Pick<HttpRequest, 'method' | 'path' | 'query' | 'headers'>,
  claim: Pick<SignatureClaim, 'signedHeaders' | 'signedHeaderNames'>,
  bodyHash: string,
): string | Uint8Array {
  let text = `${request.method}\n${request.path}\n${request.query === '' ? '' : canonicalQuery(request.query)}\n`
  for (const name of claim.signedHeaderNames) {
    const sent = request.headers[name]
    const value = Array.isArray(sent) ? sent.join(',') : sent
    // Not undefined only: `constructor` is no header either.
    if (typeof value !== 'string') throw mismatch()
    text += `${name}:${value.includes('  ') ? value.replace(/ +/g, ' ') : value}\n`
  }
  text += `\n${claim.signedHeaders}\n${bodyHash}`
  // ASCII, as nearly always, is the same bytes as UTF-8, which is what a text is hashed as.
  return Buffer.byteLength(text) === text.length ? text : Buffer.from(text, 'latin1')
}

/** Sorted by code unit of the encoded names, then values; a name without a value gets an empty one. */
function canonicalQuery(query: string): string {
  const pairs = query
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair): [string, string] => {
      const mark = pair.indexOf('=')
      return mark === -1 ? [encoded(pair), ''] : [encoded(pair.slice(0, mark)), encoded(pair.slice(mark + 1))]
    })
  pairs.sort(([nameA, valueA], [nameB, valueB]) => compare(nameA, nameB) || compare(valueA, valueB))
  return pairs.map(([name, value]) => `${name}=${value}`).join('&')
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0
}

/** RFC 3986: everything but letters, digits and `-._~` as %XX, whatever the client left alone. */
function encoded(part: string): string {
  let plain: string
  try {
    plain = decodeURIComponent(part)
  } catch {
    throw mismatch()
  }
  return encodeURIComponent(plain).replace(
    /[!'()*]/g,
    (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

/** The instant that `20261123T182011Z` stands for. Many requests of one second ask for the same one. */
function timeReader(): (timestamp: string) => number {
  let last = ''
  let lastAt = 0
  return (timestamp) => {
    if (timestamp === last) return lastAt
    const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(timestamp)
    if (match === null) throw incomplete("the header 'X-Amz-Date' must be there, and be written YYYYMMDDTHHMMSSZ")
    const [, year, month, date, hour, minute, second] = match
    const at = Date.parse(`${year}-${month}-${date}T${hour}:${minute}:${second}Z`)
    if (Number.isNaN(at)) throw incomplete("the header 'X-Amz-Date' is no date")
    last = timestamp
    lastAt = at
    return at
  }
}

/** Within five minutes, and of the day that the signing key is for. */
function checkTime(timestamp: string, signedAt: number, day: string, now: number): void {
  if (!timestamp.startsWith(day))
    throw problem('SignatureMismatch', {
      message: `Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '${day}' != '${timestamp.slice(0, 8)}', from '${timestamp}'.`,
    })
  if (signedAt < now - skewMs)
    throw problem('RequestExpired', {
      message: `Signature expired: ${timestamp} is now earlier than ${compact(now - skewMs)} (${compact(now)} - 5 min.)`,
      mend: 'Set the clock of the client right.',
    })
  if (signedAt > now + skewMs)
    throw problem('RequestExpired', {
      message: `Signature not yet current: ${timestamp} is still later than ${compact(now + skewMs)} (${compact(now)} + 5 min.)`,
      mend: 'Set the clock of the client right.',
    })
}

function compact(at: number): string {
  return new Date(at).toISOString().replace(/[-:]|\.\d{3}/g, '')
}

/** What this service reads must be under the signature: else somebody between could ask for another operation. */
const mustBeSigned = ['host', 'x-amz-date', 'x-amz-target', 'x-amz-content-sha256'] as const

function requireUnsent(request: Pick<HttpRequest, 'headers'>, names: readonly string[]): void {
  for (const name of names)
    if (request.headers[name] !== undefined)
      throw problem('SignatureMismatch', {
        message: `'${name}' must be a 'SignedHeader' in the AWS Authorization header.`,
      })
}

/** `Name=value` out of the comma-separated members of an Authorization header. */
function memberOf(authorization: string, name: 'Credential' | 'SignedHeaders' | 'Signature'): string {
  const start = authorization.indexOf(`${name}=`, scheme.length)
  // A name that is the end of another is none: `Signature=` must not be found in `XSignature=`.
  const before = authorization[start - 1]
  if (start === -1 || (before !== ' ' && before !== ','))
    throw incomplete(`Authorization header requires '${name}' parameter`)
  const from = start + name.length + 1
  const comma = authorization.indexOf(',', from)
  return (comma === -1 ? authorization.slice(from) : authorization.slice(from, comma)).trim()
}

/** Everything before the signature; clients put that last. */
function unsignedPart(authorization: string): string {
  return authorization.slice(0, authorization.lastIndexOf('Signature='))
}

/** In constant time. Compared as hex digits: what leaves crypto as text costs half of what leaves it as bytes. */
function sameText(given: string, expected: string): boolean {
  if (given.length !== expected.length || expected.length !== givenDigits.length) return false
  givenDigits.write(given, 'latin1')
  expectedDigits.write(expected, 'latin1')
  return timingSafeEqual(givenDigits, expectedDigits)
}

/** Made once: what is compared is in them for no longer than the comparison takes. */
const givenDigits = Buffer.alloc(2 * hashBytes)
const expectedDigits = Buffer.alloc(2 * hashBytes)

function mismatch() {
  return problem('SignatureMismatch', {
    message:
      'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
  })
}

function incomplete(what: string) {
  return problem('NotAuthenticated', {
    message: `The request signature does not conform to AWS standards: ${what}.`,
    facts: { awsCode: 'IncompleteSignatureException' },
  })
}

import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { test } from 'node:test'
import { SignatureV4 } from '@smithy/signature-v4'
import fc from 'fast-check'
import { Sha256 } from '../../../test/aws/sha256.ts'
import { Problem } from '../../domain/errors.ts'
import type { AccessKey } from '../authenticator.ts'
import type { HttpRequest } from '../http.ts'
import { openSignatureCheck, type SignatureCheck } from './signature.ts'

const accessKeyId = 'AKIDEXAMPLE'
const secret = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'
const now = Date.UTC(2026, 10, 23, 18, 20, 11)

/** The SDK's own signer is the judge. */
const signer = new SignatureV4({
  service: 'kms',
  region: 'us-east-1',
  credentials: { accessKeyId, secretAccessKey: secret },
  sha256: Sha256,
})

type Wish = {
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly query?: Readonly<Record<string, string | string[]>>
  readonly at?: number
}

async function signed(wish: Wish = {}): Promise<HttpRequest> {
  const body = wish.body ?? '{"KeyId":"alias/test","Plaintext":"aGVsbG8=","EncryptionContext":{"purpose":"é=test"}}'
  const request: { readonly headers: Record<string, string> } = await signer.sign(
    {
      method: 'POST',
      protocol: 'http:',
      hostname: '127.0.0.1',
      port: 4599,
      path: '/',
      query: wish.query ?? {},
      headers: {
        host: '127.0.0.1:4599',
        'content-type': 'application/x-amz-json-1.1',
        'content-length': String(Buffer.byteLength(body)),
        'x-amz-target': 'TrentService.Encrypt',
        ...wish.headers,
      },
      body,
    },
    { signingDate: new Date(wish.at ?? now) },
  )
  const query = Object.entries(wish.query ?? {})
    .flatMap(([name, value]) => [value].flat().map((one) => `${encodeURIComponent(name)}=${encodeURIComponent(one)}`))
    .join('&')
  const headers = Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [name.toLowerCase(), value]),
  )
  return {
    method: 'POST',
    path: '/',
    query,
    headers,
    body: Buffer.from(body),
    sourceAddress: '127.0.0.1',
    secure: false,
    requestId: 'request-1',
  }
}

function check(at = now, secretHere = secret) {
  const accessKey: AccessKey = { credential: {} as never, secret: secretHere }
  return openSignatureCheck({
    authenticator: { findAccessKey: async (id) => (id === accessKeyId ? accessKey : undefined) },
    clock: { wall: () => at },
  })
}

const take = async (signatures: SignatureCheck, request: HttpRequest) =>
  signatures.verify(request, signatures.readClaim(request))

async function refusalOf(request: HttpRequest, at = now, secretHere = secret): Promise<Problem> {
  try {
    await take(check(at, secretHere), request)
  } catch (error) {
    assert.ok(error instanceof Problem)
    return error
  }
  return assert.fail('the signature was taken')
}

const withHeader = (request: HttpRequest, name: string, value: string): HttpRequest => ({
  ...request,
  headers: { ...request.headers, [name]: value },
})

test("the SDK's own signature is taken, also from the cache", async () => {
  const request = await signed()
  const signatures = check()
  for (const _ of [1, 2]) assert.equal((await take(signatures, request)).secret, secret)
})

test('a request as AWS CLI signs it is taken: four headers, no hash of the body', async () => {
  // Signed by hand, step by step as the documentation tells it: another hand than the one under test.
  const body = '{"NumberOfBytes": 16}'
  const date = '20261123T182011Z'
  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
  const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest()
  const names = 'content-type;host;x-amz-date;x-amz-target'
  const canonical = `POST\n/\n\ncontent-type:application/x-amz-json-1.1\nhost:localhost:4599\nx-amz-date:${date}\nx-amz-target:TrentService.GenerateRandom\n\n${names}\n${sha256(body)}`
  const scope = '20261123/local/kms/aws4_request'
  const key = ['local', 'kms', 'aws4_request'].reduce(hmac, hmac(`AWS4${secret}`, '20261123'))
  const signature = hmac(key, `AWS4-HMAC-SHA256\n${date}\n${scope}\n${sha256(canonical)}`).toString('hex')
  const request: HttpRequest = {
    method: 'POST',
    path: '/',
    query: '',
    headers: {
      'accept-encoding': 'identity',
      'content-type': 'application/x-amz-json-1.1',
      host: 'localhost:4599',
      'x-amz-date': date,
      'x-amz-target': 'TrentService.GenerateRandom',
      authorization: `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`,
    },
    body: Buffer.from(body),
    sourceAddress: '127.0.0.1',
    secure: false,
    requestId: 'request-1',
  }
  assert.equal(check().readClaim(request).region, 'local')
  await take(check(), request)
})

test('whatever a client signs, spaces, queries and odd letters included, is read as it signed it', async () => {
  const text = fc.stringMatching(/^[!-~][ -~]{0,40}[!-~]$/)
  await fc.assert(
    fc.asyncProperty(
      fc.dictionary(fc.stringMatching(/^x-amz-meta-[a-z]{1,8}$/), text, { maxKeys: 4 }),
      fc.dictionary(fc.string({ minLength: 1, maxLength: 8 }), fc.string({ maxLength: 8 }), {
        maxKeys: 3,
        noNullPrototype: true,
      }),
      fc.string({ maxLength: 200 }),
      async (headers, query, body) => {
        fc.pre(Object.keys(query).every((name) => name !== '__proto__' && name.isWellFormed()))
        fc.pre(Object.values(query).every((value) => value.isWellFormed()) && body.isWellFormed())
        const request = await signed({ headers, query, body })
        await take(check(), request)
      },
    ),
    { numRuns: 200 },
  )
})

test('a signature over another body, header, method, path or query is refused', async () => {
  const request = await signed()
  const others: readonly HttpRequest[] = [
    { ...request, body: Buffer.from('{"KeyId":"alias/other"}') },
    { ...request, method: 'GET' },
    { ...request, path: '/x' },
    { ...request, query: 'a=b' },
    withHeader(request, 'x-amz-target', 'TrentService.Decrypt'),
    withHeader(request, 'host', 'kms.example'),
    withHeader(request, 'x-amz-content-sha256', 'UNSIGNED-PAYLOAD'),
  ]
  for (const other of others) assert.equal((await refusalOf(other)).code, 'SignatureMismatch')
})

test('no signature with a letter changed is taken', async () => {
  const request = await signed()
  const authorization = request.headers.authorization as string
  const at = authorization.indexOf('Signature=') + 10
  for (let index = at; index < authorization.length; index++) {
    const letter = authorization[index] === '0' ? '1' : '0'
    const other = withHeader(
      request,
      'authorization',
      authorization.slice(0, index) + letter + authorization.slice(index + 1),
    )
    assert.equal((await refusalOf(other)).code, 'SignatureMismatch')
  }
})

test('what the service reads must be under the signature', async () => {
  const request = await signed()
  for (const name of ['host', 'x-amz-date', 'x-amz-target', 'x-amz-content-sha256']) {
    const unsigned = withHeader(
      request,
      'authorization',
      (request.headers.authorization as string).replace(name, `${name.slice(0, -1)}_`),
    )
    const refusal = await refusalOf(unsigned)
    assert.equal(refusal.code, 'SignatureMismatch')
    assert.match(refusal.message, new RegExp(`'${name}' must be a 'SignedHeader'`))
  }
})

test('a wrong secret is refused, and so is one after a right one was cached', async () => {
  assert.equal((await refusalOf(await signed(), now, 'another')).code, 'SignatureMismatch')
  let accessKey: AccessKey = { credential: {} as never, secret }
  const signatures = openSignatureCheck({
    authenticator: { findAccessKey: async () => accessKey },
    clock: { wall: () => now },
  })
  const request = await signed()
  await take(signatures, request)
  accessKey = { credential: {} as never, secret: 'another' }
  await assert.rejects(take(signatures, request), { code: 'SignatureMismatch' })
})

test('an unknown access key is told so in the words of AWS', async () => {
  const request = await signed()
  const other = withHeader(
    request,
    'authorization',
    (request.headers.authorization as string).replace(accessKeyId, 'AKIDOTHER'),
  )
  const refusal = await refusalOf(other)
  assert.equal(refusal.code, 'NotAuthenticated')
  assert.equal(refusal.facts.awsCode, 'UnrecognizedClientException')
})

test('a signature lives five minutes, either way', async () => {
  const request = await signed()
  for (const minutes of [-5, 5]) await take(check(now + minutes * 60_000), request)
  const late = await refusalOf(request, now + 300_001)
  assert.equal(late.code, 'RequestExpired')
  assert.equal(
    late.message,
    'Signature expired: 20261123T182011Z is now earlier than 20261123T182011Z (20261123T182511Z - 5 min.)',
  )
  const early = await refusalOf(request, now - 301_000)
  assert.equal(early.code, 'RequestExpired')
  assert.match(early.message, /^Signature not yet current: 20261123T182011Z is still later than 20261123T182010Z/)
})

test('a session token is refused with what to do about it', async () => {
  const refusal = await refusalOf(await signed({ headers: { 'x-amz-security-token': 'token' } }))
  assert.equal(refusal.facts.awsCode, 'UnrecognizedClientException')
  assert.match(`${refusal.mend}`, /AWS_SESSION_TOKEN/)
})

test('the day of the credential must be the day of the signature', async () => {
  const request = await signed()
  const other = withHeader(
    request,
    'authorization',
    (request.headers.authorization as string).replace('/20261123/', '/20261122/'),
  )
  assert.match((await refusalOf(other)).message, /Date in Credential scope does not match/)
})

test('an Authorization header of any other shape is refused, never a crash', async () => {
  const request = await signed()
  const authorization = request.headers.authorization as string
  for (const broken of [
    'AWS4-HMAC-SHA256',
    'AWS4-HMAC-SHA256 ',
    'AWS4-HMAC-SHA512 Credential=a',
    authorization.replace('Signature=', 'XSignature='),
    authorization.replace('aws4_request', 'aws5_request'),
    authorization.replace('us-east-1', '../../etc'),
    authorization.replace('us-east-1', 'Us-East-1'),
    authorization.replace(/Signature=.*/, 'Signature=abc'),
    authorization.replace(
      /SignedHeaders=[^,]*/,
      `SignedHeaders=host;x-amz-date;x-amz-target;x-amz-content-sha256;__proto__`,
    ),
    authorization.replace(/SignedHeaders=[^,]*/, `SignedHeaders=${'host;'.repeat(1000)}x-amz-date`),
    authorization.replace(/Credential=[^/]*/, 'Credential='),
  ])
    assert.ok((await refusalOf(withHeader(request, 'authorization', broken))) instanceof Problem, broken)
  await fc.assert(
    fc.asyncProperty(fc.string(), async (text) => {
      await refusalOf(withHeader(request, 'authorization', `AWS4-HMAC-SHA256 ${text}`))
    }),
  )
})

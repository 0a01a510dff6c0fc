import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import fc from 'fast-check'
import { Problem } from '../../domain/errors.ts'
import type { HttpRequest } from '../http.ts'
import { queryParameters } from './parameters.ts'
import { canonicalRequestAcs3, readAcs3, signAcs3 } from './signature-acs3.ts'

type Acs3Signer = {
  getAuthorization(
    request: {
      readonly method: string
      readonly pathname: string
      readonly query: Record<string, string>
      readonly headers: Record<string, string>
    },
    algorithm: string,
    payloadHash: string,
    accessKeyId: string,
    secret: string,
  ): string
}
const { default: sdk } = createRequire(import.meta.url)('@alicloud/openapi-util') as { readonly default: Acs3Signer }

const emptyHash = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

test('the documented example of ACS3 gives the known answers', () => {
  const canonical = canonicalRequestAcs3({
    method: 'POST',
    query: queryParameters({
      query: 'ImageId=win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd&RegionId=cn-shanghai',
    }),
    headers: {
      host: 'ecs.cn-shanghai.aliyuncs.com',
      'x-acs-action': 'RunInstances',
      'x-acs-content-sha256': emptyHash,
      'x-acs-date': '2023-10-26T10:22:32Z',
      'x-acs-signature-nonce': '3156853299f313e23d1673dc12e1703d',
      'x-acs-version': '2014-05-26',
    },
    signedHeaders: [
      'host',
      'x-acs-action',
      'x-acs-content-sha256',
      'x-acs-date',
      'x-acs-signature-nonce',
      'x-acs-version',
    ],
    contentHash: emptyHash,
  })
  assert.equal(
    createHash('sha256').update(canonical).digest('hex'),
    '7ea06492da5221eba5297e897ce16e55f964061054b7695beedaac1145b1e259',
  )
  assert.equal(
    signAcs3('ACS3-HMAC-SHA256', 'YourAccessKeySecret', canonical),
    '06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0',
  )
})

const captured: HttpRequest = {
  method: 'POST',
  path: '/',
  query: 'KeyId=alias%2Fa%20b%2Bc&Plaintext=SGVsbG8gd29ybGQ%3D&EncryptionContext=%7B%22app%22%3A%22x%22%7D',
  headers: {
    host: '127.0.0.1:18444',
    'x-acs-version': '2016-01-20',
    'x-acs-action': 'Encrypt',
    'x-acs-date': '2026-11-23T18:21:11Z',
    'x-acs-signature-nonce': '1365f4f487014de84d54ae9493191fbe',
    accept: 'application/json',
    'x-acs-content-sha256': emptyHash,
    'x-acs-credentials-provider': 'static_ak',
    authorization:
      'ACS3-HMAC-SHA256 Credential=testAK,SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-credentials-provider;x-acs-date;x-acs-signature-nonce;x-acs-version,Signature=5ef6b09b533685ac4ec7a3bf2103c940a1ec2cf69c61e103b4f75bd592a1d6c6',
  },
  body: new Uint8Array(),
  sourceAddress: '127.0.0.1',
  secure: false,
  requestId: '00000000-0000-4000-8000-000000000000',
}

const check = (request: HttpRequest, secret = 'testSK') => readAcs3(request, queryParameters(request)).matches(secret)

test('a captured ACS3 request of the SDK is found right', () => {
  assert.equal(readAcs3(captured, queryParameters(captured)).accessKeyId, 'testAK')
  assert.equal(check(captured), true)
  assert.equal(check(captured, 'testSJ'), false)
})

test('method, query, body and every x-acs- header are under the ACS3 signature', () => {
  const header = (name: string, value: string) => ({ ...captured, headers: { ...captured.headers, [name]: value } })
  for (const changed of [
    { ...captured, method: 'GET' },
    { ...captured, query: captured.query.replace('KeyId', 'KeyIe') },
    { ...captured, query: `${captured.query}&A=` },
    { ...captured, body: Buffer.from('A=1') },
    header('host', 'other'),
    header('x-acs-action', 'Decrypt'),
    header('x-acs-date', '2026-11-23T18:21:12Z'),
    header('x-acs-signature-nonce', '1365f4f487014de84d54ae9493191fbf'),
    header('x-acs-credentials-provider', 'other'),
  ])
    assert.equal(check(changed), false, JSON.stringify(changed))
})

test('a header that decides over the request and is not signed is refused', () => {
  const incomplete = (error: unknown) =>
    error instanceof Problem && error.code === 'SignatureMismatch' && error.facts.incomplete === true
  const authorization = captured.headers.authorization as string
  for (const name of [
    'host',
    'x-acs-action',
    'x-acs-content-sha256',
    'x-acs-date',
    'x-acs-signature-nonce',
    'x-acs-version',
  ]) {
    const changed = authorization.replace(new RegExp(`${name};|;${name}(?=,)`), '')
    assert.notEqual(changed, authorization)
    assert.throws(
      () => check({ ...captured, headers: { ...captured.headers, authorization: changed } }),
      incomplete,
      name,
    )
  }
  assert.throws(() => check({ ...captured, headers: { ...captured.headers, 'x-acs-anything': 'x' } }), incomplete)
  assert.throws(
    () =>
      check({
        ...captured,
        headers: {
          ...captured.headers,
          authorization: authorization.replace('SignedHeaders=', 'SignedHeaders=absent;'),
        },
      }),
    incomplete,
  )
  assert.throws(
    () => check({ ...captured, headers: { ...captured.headers, authorization: 'ACS3-HMAC-SHA256 x' } }),
    incomplete,
  )
})

test('whatever query and body, ACS3 signs as the official SDK does, under SHA-256 and SM3', () => {
  // The SDK for Node does not encode names when it signs: only names that need no encoding are comparable.
  const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9._-]{0,10}$/)
  fc.assert(
    fc.property(
      fc.dictionary(name, fc.string({ unit: 'grapheme', maxLength: 20 }), { noNullPrototype: true }),
      fc.string({ unit: 'grapheme', maxLength: 30 }),
      fc.constantFrom('ACS3-HMAC-SHA256', 'ACS3-HMAC-SM3'),
      fc.stringMatching(/^[A-Za-z0-9]{1,30}$/),
      (query, text, algorithm, secret) => {
        const body = Buffer.from(text, 'utf8')
        const payloadHash = createHash(algorithm === 'ACS3-HMAC-SM3' ? 'sm3' : 'sha256')
          .update(body)
          .digest('hex')
        const headers: Record<string, string> = {
          host: 'localhost:1',
          'x-acs-version': '2016-01-20',
          'x-acs-action': 'Encrypt',
          'x-acs-date': '2026-11-23T18:21:11Z',
          'x-acs-signature-nonce': 'n',
          'x-acs-content-sha256': payloadHash,
          'content-type': 'application/x-www-form-urlencoded',
        }
        const authorization = sdk.getAuthorization(
          { method: 'POST', pathname: '/', query, headers },
          algorithm,
          payloadHash,
          'AK',
          secret,
        )
        const wire = Object.entries(query).map(([key, value]) => `${key}=${encodeURIComponent(value)}`)
        assert.equal(
          check({ ...captured, query: wire.join('&'), body, headers: { ...headers, authorization } }, secret),
          true,
        )
      },
    ),
    { numRuns: 300 },
  )
})

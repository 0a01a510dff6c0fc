import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import fc from 'fast-check'
import { Problem } from '../../domain/errors.ts'
import { queryParameters } from './parameters.ts'
import { readV1, signV1, stringToSignV1 } from './signature-v1.ts'

type RpcSigner = { getRPCSignature(parameters: Record<string, string>, method: string, secret: string): string }
const { default: sdk } = createRequire(import.meta.url)('@alicloud/openapi-util') as { readonly default: RpcSigner }

const example =
  'AccessKeyId=testid&Action=CreateKey&Format=json&SignatureMethod=HMAC-SHA1&SignatureVersion=1.0&Timestamp=2016-03-28T03%3A13%3A08Z&Version=2016-01-20'

test('the documented example of signature V1 gives the known answer', () => {
  const parameters = queryParameters({ query: example })
  assert.equal(signV1('testsecret', stringToSignV1('GET', parameters)), '41wk2SSX1GJh7fwnc5eqOfiJPFg=')
})

test('a captured request of the SDK 1.2.0, whose wire encoding is not that of the signature, is found right', () => {
  const query =
    'Action=Encrypt&Format=json&Timestamp=2026-11-23T18%3A21%3A11Z&Version=2016-01-20&SignatureNonce=72d3cdcddc6d3ffbc5c1f46386b3a774&KeyId=alias%2Fa%20b%2Bc&Plaintext=SGVsbG8gd29ybGQ%3D&EncryptionContext.app=x&EncryptionContext.n=*~()!%27&SignatureMethod=HMAC-SHA1&SignatureVersion=1.0&AccessKeyId=testAK&Signature=73e8NcYFANGWRyqkjh7CQB3Ff3s%3D'
  const signed = readV1('POST', queryParameters({ query }))
  assert.equal(signed.accessKeyId, 'testAK')
  assert.equal(signed.nonce, '72d3cdcddc6d3ffbc5c1f46386b3a774')
  assert.equal(signed.matches('testSK'), true)
  assert.equal(signed.matches('testSJ'), false)
})

test('whatever the parameters, V1 signs as the official SDK does', () => {
  // The SDK keeps parameters in an object, and signs none that is called __proto__.
  const name = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
    .filter((text) => text !== 'Signature' && text !== '__proto__')
  fc.assert(
    fc.property(
      fc.dictionary(name, fc.string({ unit: 'grapheme', maxLength: 20 }), { noNullPrototype: true }),
      fc.constantFrom('GET', 'POST'),
      fc.string({ minLength: 1, maxLength: 30 }),
      (parameters, method, secret) => {
        const ours = signV1(secret, stringToSignV1(method, new Map(Object.entries(parameters))))
        assert.equal(ours, sdk.getRPCSignature(parameters, method, secret))
      },
    ),
    { numRuns: 300 },
  )
})

test('method, any name and any value are under the V1 signature', () => {
  const signature = signV1('s', stringToSignV1('GET', queryParameters({ query: example })))
  const signed = `${example}&Signature=${encodeURIComponent(signature)}`
  assert.equal(readV1('GET', queryParameters({ query: signed })).matches('s'), true)
  assert.equal(readV1('POST', queryParameters({ query: signed })).matches('s'), false)
  for (const changed of [
    signed.replace('CreateKey', 'CreateKex'),
    signed.replace('Format=json', 'Formau=json'),
    `${signed}&KeyId=x`,
    `${signed}&Empty=`,
    signed.replace('Format=json&', ''),
  ])
    assert.equal(readV1('GET', queryParameters({ query: changed })).matches('s'), false, changed)
})

test('a V1 signature that is shorter, longer or no base64 is refused, not an accident', () => {
  for (const signature of ['', 'AAAA', 'A'.repeat(28), '!', 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA']) {
    const query = `${example}&Signature=${signature}`
    const attempt = () => readV1('GET', queryParameters({ query })).matches('s')
    if (signature === '')
      assert.throws(attempt, (error) => error instanceof Problem && error.code === 'NotAuthenticated')
    else assert.equal(attempt(), false)
  }
})

test('a signature method that is not known is told so', () => {
  for (const query of [
    example.replace('HMAC-SHA1', 'NONE'),
    example.replace('SignatureVersion=1.0', 'SignatureVersion=2.0'),
    example.replace('&SignatureMethod=HMAC-SHA1', ''),
  ])
    assert.throws(
      () => readV1('GET', queryParameters({ query: `${query}&Signature=AAAA` })),
      (error) => error instanceof Problem && error.code === 'SignatureMismatch' && error.facts.incomplete === true,
    )
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { problem, problemCodes } from '../../domain/errors.ts'
import { problemAnswer } from './answer.ts'
import { wordsFor } from './errors.ts'

/** Codes with their HTTP status, from the documentation of 2021 and from what the gateway in front of it answers. */
const documented: Readonly<Record<string, number>> = {
  InternalFailure: 500,
  ServiceUnavailableTemporary: 503,
  'InvalidAccessKeyId.NotFound': 404,
  'Forbidden.KeyNotFound': 404,
  'Forbidden.KeyVersionNotFound': 404,
  'Forbidden.AliasNotFound': 404,
  'Forbidden.NoPermission': 403,
  'Forbidden.ResourceNotFound': 404,
  UnsupportedHTTPMethod: 403,
  ParseRequestParameterException: 400,
  MissingParameter: 400,
  InvalidParameter: 400,
  IncompleteSignature: 400,
  IllegalTimestamp: 400,
  'Rejected.LimitExceeded': 400,
  AliasAlreadyExists: 400,
  InvalidKeyMaterial: 400,
  InvalidImportToken: 400,
  ExpiredImportToken: 400,
  'Unsupported.Origin': 400,
  'Unsupported.Alias': 400,
  'Unsupported.ProtectionLevel': 400,
  'Rejected.StateModifiedFailed': 409,
  'Rejected.Disabled': 409,
  'Rejected.PendingDeletion': 409,
  'Rejected.PendingImport': 409,
  'Rejected.Unavailable': 409,
  UnsupportedOperation: 400,
  'Rejected.UnsupportedOperation': 400,
  'Rejected.Throttling': 429,
  SignatureDoesNotMatch: 400,
  SignatureNonceUsed: 400,
  'InvalidTimeStamp.Expired': 400,
  'InvalidAction.NotFound': 404,
  DryRunOperationError: 400,
}
/** Of our own making, where nothing is documented. */
const own: Readonly<Record<string, number>> = { 'Rejected.DeletionProtection': 409 }

const variants = [
  {},
  { missing: true },
  { unreadable: true },
  { incomplete: true },
  { illegal: true },
  { origin: 'EXTERNAL' },
  { protectionLevel: 'HSM' },
]

test('every problem is answered with a code that this cloud has, under its HTTP status', () => {
  for (const code of problemCodes)
    for (const facts of variants) {
      const words = wordsFor(problem(code, { facts }), 'KeyId')
      const expected = documented[words.code] ?? own[words.code]
      if (code === 'RequestTooLarge')
        assert.deepEqual([words.code, words.status], ['ParseRequestParameterException', 413])
      else assert.equal(words.status, expected, `${code} is answered with ${words.code}`)
    }
})

const request = { headers: { host: 'kms.cn-hangzhou.aliyuncs.com' }, requestId: '1b4d0a8e-0000-4000-8000-00000000000a' }
const context = { request, parameterOf: (member: string) => member }

test('every error body has HttpStatus, Code, Message, RequestId and HostId, and the documented message comes first', () => {
  for (const code of problemCodes) {
    const { body, status } = problemAnswer(problem(code, { message: 'Here.', mend: 'So.' }), {
      ...context,
      format: 'JSON',
    })
    const members = JSON.parse(body as string)
    assert.deepEqual(Object.keys(members), ['HttpStatus', 'Code', 'Message', 'RequestId', 'HostId'])
    assert.equal(members.HttpStatus, status)
    assert.match(members.Message, /^\S.* Here\. So\.$/)
    assert.equal(members.RequestId, '1B4D0A8E-0000-4000-8000-00000000000A')
    assert.equal(members.HostId, 'kms.cn-hangzhou.aliyuncs.com')
  }
})

test('an error says no more than its problem: neither its cause nor its facts', () => {
  const secret = problem('Internal', { cause: new Error('secret-cause'), facts: { plaintext: 'secret-fact' } })
  for (const format of ['JSON', 'XML'] as const)
    assert.doesNotMatch(problemAnswer(secret, { ...context, format }).body as string, /secret/)
})

test('a host that a client made up cannot break out of the answer', () => {
  const hostile = { headers: { host: `"}<x>\n${'h'.repeat(1000)}` }, requestId: request.requestId }
  const json = problemAnswer(problem('Throttled'), { ...context, request: hostile, format: 'JSON' })
  assert.equal(JSON.parse(json.body as string).HostId.length, 255)
  const xml = problemAnswer(problem('Throttled'), { ...context, request: hostile, format: 'XML' })
  assert.doesNotMatch(xml.body as string, /<x>/)
  assert.equal(xml.headers['Content-Type'], 'text/xml;charset=utf-8')
})

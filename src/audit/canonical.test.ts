import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import canonicalize from 'canonicalize'
import fc from 'fast-check'
import type { AuditRecord } from '../domain/ports.ts'
import { canonicalJson, entryText, mostEntryBytes } from './canonical.ts'

/** Any text that has a UTF-8 form, control characters, quotes and emoji included. */
const text = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('"', '\\', ' ', 'C:\\udir'),
)
const json = fc.letrec<{ value: unknown; members: Record<string, unknown> }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    text,
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 4 }),
    tie('members'),
  ),
  members: fc.dictionary(text, fc.option(tie('value'), { nil: undefined }), { maxKeys: 5 }),
}))

const required = { time: text, requestId: text, protocol: text, operation: text, outcome: text }
const optional = {
  account: text,
  region: text,
  principal: text,
  credentialId: text,
  sourceAddress: text,
  keyId: text,
  keyVersionId: text,
  alias: text,
  input: json.members,
  recovered: fc.constant(true as const),
}
const record: fc.Arbitrary<AuditRecord> = fc.record(
  { ...required, ...optional },
  { requiredKeys: Object.keys(required) as (keyof typeof required)[] },
)

const small: AuditRecord = { time: 't', requestId: 'r', protocol: 'rest', operation: 'Encrypt', outcome: 'ok' }

test('a record is written as the canonicalize package would write it', () => {
  fc.assert(fc.property(record, (value) => assert.equal(entryText(value), canonicalize(value))))
})

test('any JSON value is written as the canonicalize package would write it', () => {
  fc.assert(fc.property(json.value, (value) => assert.equal(canonicalJson(value), canonicalize(value))))
})

test('the example of RFC 8785 comes out as printed there', () => {
  const value = JSON.parse(
    '{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],' +
      '"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/","literals":[null,true,false]}',
  )
  assert.equal(
    canonicalJson(value),
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],' +
      '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
  )
})

test('a lone surrogate becomes the replacement character, so that every record has a UTF-8 form', () => {
  assert.equal(canonicalJson({ '\ud800': 'a\udc00b' }), '{"\ufffd":"a\ufffdb"}')
  const written = entryText({ ...small, alias: 'alias/\ud83d' })
  assert.equal(Buffer.from(written).toString(), written)
})

test('members that no audit record has are not written', () => {
  assert.equal(entryText({ ...small, plaintext: 'secret' } as AuditRecord), entryText(small))
})

test('bytes are written in base64', () => {
  assert.equal(canonicalJson({ digest: Uint8Array.of(251, 255) }), '{"digest":"+/8="}')
})

test('what JSON has no word for is refused and not guessed', () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, 1n, () => 1, Symbol('s')])
    assert.throws(() => canonicalJson({ value }), TypeError)
})

test('a record too long for an entry keeps all but its input, of which length and hash are told', () => {
  const input = { policy: 'ü'.repeat(40_000) }
  const written = entryText({ ...small, input })
  assert.ok(Buffer.byteLength(written) <= mostEntryBytes)
  const inputText = canonicalize(input) as string
  assert.deepEqual(JSON.parse(written), {
    ...small,
    input: { omitted: { bytes: Buffer.byteLength(inputText), sha256: hash('sha256', inputText) } },
  })
})

test('a record just short enough is written whole', () => {
  const room = mostEntryBytes - Buffer.byteLength(entryText({ ...small, input: { note: '' } }))
  const fitting = { ...small, input: { note: 'x'.repeat(room) } }
  assert.deepEqual(JSON.parse(entryText(fitting)), fitting)
  assert.match(entryText({ ...small, input: { note: 'x'.repeat(room + 1) } }), /"omitted"/)
})

test('a record too long without its input is refused', () => {
  assert.throws(() => entryText({ ...small, principal: 'p'.repeat(mostEntryBytes) }), { code: 'RequestTooLarge' })
})

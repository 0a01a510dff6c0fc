import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Problem } from '../../domain/errors.ts'
import { defaultLimits } from '../http.ts'
import {
  boolean,
  context,
  integer,
  interval,
  membersOf,
  numbered,
  numberedTags,
  required,
  tagList,
  text,
} from './members.ts'
import { allParameters, percentEncode, queryParameters } from './parameters.ts'

const read = (query: string) => Object.fromEntries(queryParameters({ query }))
const refusal = (attempt: () => unknown): Problem => {
  try {
    attempt()
  } catch (error) {
    if (error instanceof Problem) return error
    throw error
  }
  return assert.fail('it was taken')
}

test('parameters come from the query and from a form, whatever way they are encoded', () => {
  assert.deepEqual(read('A=a%20b+c%2B&B=&C&D=*~()!%27&E=%E4%B8%AD'), {
    A: 'a b c+',
    B: '',
    C: '',
    D: "*~()!'",
    E: '中',
  })
  const form = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' }
  const both = allParameters(queryParameters({ query: 'A=1' }), { headers: form, body: Buffer.from('B=2&C=%3D') })
  assert.deepEqual(Object.fromEntries(both), { A: '1', B: '2', C: '=' })
})

test('a parameter that stands twice, in the query, the form or in both, is refused', () => {
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  assert.equal(refusal(() => read('A=1&B=2&A=1')).member, 'A')
  assert.equal(refusal(() => read('A=1&%41=2')).member, 'A')
  assert.equal(
    refusal(() => allParameters(queryParameters({ query: 'A=1' }), { headers: form, body: Buffer.from('A=1') })).member,
    'A',
  )
})

test('bytes that are no percent-encoded UTF-8 are refused, in every form', () => {
  for (const query of ['A=%', 'A=%4', 'A=%zz', 'A=%ff', 'A=%c3%28', 'A=%ed%a0%80', 'A=é', 'A=\u0000', '%e4=1'])
    assert.equal(refusal(() => read(query)).facts.unreadable, true, query)
})

test('a body that is no form, and more parameters than any request has, are refused', () => {
  const body = Buffer.from('{"A":1}')
  assert.equal(
    refusal(() => allParameters(new Map(), { headers: { 'content-type': 'application/json' }, body })).code,
    'UnsupportedMediaType',
  )
  assert.equal(refusal(() => allParameters(new Map(), { headers: {}, body })).code, 'UnsupportedMediaType')
  const many = Array.from({ length: 501 }, (_, index) => `P${index}=1`).join('&')
  assert.equal(refusal(() => read(many)).code, 'RequestTooLarge')
})

test('percent-encoding leaves exactly the unreserved letters of RFC 3986 as they are', () => {
  const unreserved = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~'
  assert.equal(percentEncode(unreserved), unreserved)
  for (let code = 0x20; code < 0x7f; code++) {
    const letter = String.fromCharCode(code)
    if (!unreserved.includes(letter)) assert.equal(percentEncode(letter), `%${code.toString(16).toUpperCase()}`)
  }
  fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (value) => read(`A=${percentEncode(value)}`).A === value))
})

const members = (declared: Parameters<typeof membersOf>[0], query: string) =>
  membersOf(declared, queryParameters({ query }), defaultLimits)

test('an unknown parameter is refused by its name, an empty one is as good as none', () => {
  assert.deepEqual(members({ KeyId: text('keyId') }, 'KeyId=a&Other=&Action=x&RegionId=y&DryRun=true'), { keyId: 'a' })
  assert.equal(refusal(() => members({ KeyId: text('keyId') }, 'KeyId=a&Other=1')).member, 'Other')
  assert.equal(refusal(() => members({ KeyId: text('keyId') }, 'KeyId=a&KeyId.x=1')).member, 'KeyId.x')
  assert.equal(refusal(() => members({}, '__proto__=1')).member, '__proto__')
  assert.equal(refusal(() => members({}, 'constructor=1')).member, 'constructor')
})

test('a parameter that is needed and not given is missing, empty or absent', () => {
  for (const query of ['', 'KeyId='])
    assert.equal(refusal(() => members({ KeyId: required(text('keyId')) }, query)).facts.missing, true)
})

test('an encryption context comes as JSON or in pieces, and never as both', () => {
  const declared = { EncryptionContext: context('encryptionContext') }
  const both = { encryptionContext: { app: 'x', 'a.b': "*~()!'" } }
  assert.deepEqual(
    members(declared, `EncryptionContext=${encodeURIComponent(JSON.stringify(both.encryptionContext))}`),
    both,
  )
  assert.deepEqual(members(declared, 'EncryptionContext.app=x&EncryptionContext.a.b=*~()!%27'), both)
  for (const json of ['[]', '"a"', '{"a":1}', '{"a":["b"]}', '{"a":null}', '{', '{"a":"b","a":"c"}', 'null'])
    assert.equal(
      refusal(() => members(declared, `EncryptionContext=${encodeURIComponent(json)}`)).member,
      'EncryptionContext',
      json,
    )
  assert.equal(
    refusal(() => members(declared, 'EncryptionContext=%7B%7D&EncryptionContext.a=b')).member,
    'EncryptionContext',
  )
  // A name that readers of objects pass over would not be bound to the ciphertext.
  for (const query of ['EncryptionContext.__proto__=x', `EncryptionContext=${encodeURIComponent('{"__proto__":"x"}')}`])
    assert.equal(refusal(() => members(declared, query)).member, 'EncryptionContext')
  assert.deepEqual(members(declared, 'EncryptionContext.constructor=x'), { encryptionContext: { constructor: 'x' } })
})

test('numbers, truth values, intervals and tags are read strictly', () => {
  assert.deepEqual(members({ N: integer('n'), B: boolean('b'), I: interval('i') }, 'N=7&B=True&I=168h'), {
    n: 7,
    b: true,
    i: 7,
  })
  for (const query of ['N=7.0', 'N=1e1', 'N=07', 'N=0x7', 'N= 7', 'N=', 'N=9999999999999999'])
    if (query === 'N=') assert.deepEqual(members({ N: integer('n') }, query), {})
    else assert.equal(refusal(() => members({ N: integer('n') }, query)).member, 'N', query)
  for (const query of ['B=1', 'B=yes']) assert.equal(refusal(() => members({ B: boolean('b') }, query)).member, 'B')
  for (const query of ['I=7', 'I=7w', 'I=-7d', 'I=604801s', 'I=1h', 'I=7.5d', 'I=07d'])
    assert.equal(refusal(() => members({ I: interval('i') }, query)).member, 'I', query)
  for (const same of ['7d', '168h', '10080m', '604800s'])
    assert.deepEqual(members({ I: interval('i') }, `I=${same}`), { i: 7 })

  const tags = { Tags: tagList('tags', 2), Tag: numberedTags('tags'), Id: numbered('ids') }
  assert.deepEqual(members(tags, `Tags=${encodeURIComponent('[{"TagKey":"a","TagValue":"b"},{"TagKey":"c"}]')}`), {
    tags: { a: 'b', c: '' },
  })
  assert.deepEqual(members(tags, 'Tag.1.Key=a&Tag.1.Value=b&Tag.2.Key=c&Id.2=y&Id.1=x'), {
    tags: { a: 'b', c: '' },
    ids: ['x', 'y'],
  })
  for (const json of [
    '{}',
    '[]',
    '[1]',
    '[{"TagValue":"b"}]',
    '[{"TagKey":"a"},{"TagKey":"a"}]',
    '[{"TagKey":"a"},{"TagKey":"b"},{"TagKey":"c"}]',
    '[{"TagKey":1}]',
  ])
    assert.equal(refusal(() => members(tags, `Tags=${encodeURIComponent(json)}`)).member, 'Tags', json)
  for (const query of ['Tag.1.Value=b', 'Tag.a.Key=b', 'Tag.1.Else=b', 'Tag.0.Key=b', 'Id.0=x', 'Id.a=x', 'Id.01=x'])
    refusal(() => members(tags, query))
})

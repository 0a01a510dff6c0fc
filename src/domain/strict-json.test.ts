import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseStrictJson } from './strict-json.ts'

const faultOf = (text: string) => {
  const parsed = parseStrictJson(text, 16)
  return parsed.ok ? undefined : parsed.fault
}

test('JSON without faults is what JSON.parse says it is', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), fc.constantFrom(undefined, 2), (value, indent) => {
      const text = JSON.stringify(value, null, indent)
      fc.pre(text.isWellFormed() && !/\\ud[89a-f]/.test(text))
      assert.deepEqual(parseStrictJson(text, 16), { ok: true, value: JSON.parse(text) })
    }),
  )
})

test('a member that stands twice is noticed, however it is written, and where it is', () => {
  assert.deepEqual(faultOf('{"a":1,"a":1}'), { what: 'duplicate', path: 'a' })
  assert.deepEqual(faultOf('{"a":[0,{"b":"}","c":{},"\\u0062":2}]}'), { what: 'duplicate', path: 'a.1.b' })
  assert.deepEqual(faultOf('{"__proto__":1,"__proto__":2}'), { what: 'duplicate', path: '__proto__' })
  assert.equal(faultOf('{"a":{"a":"a"},"b":["a","a"],"c":"\\"a\\":"}'), undefined)
})

test('half a surrogate pair is no character', () => {
  assert.deepEqual(faultOf('{"a":["\\ud83d"]}'), { what: 'unicode', path: 'a.0' })
  assert.deepEqual(faultOf('{"\\udc00":1}'), { what: 'unicode', path: '\udc00' })
  assert.deepEqual(faultOf('"\ud83d"'), { what: 'unicode', path: '' })
  assert.equal(faultOf('"\\ud83d\\ude00 \\\\ud83d"'), undefined)
})

test('depth is limited, and costs no stack', () => {
  assert.equal(faultOf(`${'['.repeat(16)}${']'.repeat(16)}`), undefined)
  assert.equal(faultOf(`${'['.repeat(17)}${']'.repeat(17)}`)?.what, 'depth')
  assert.equal(faultOf(`${'['.repeat(100_000)}${']'.repeat(100_000)}`)?.what, 'depth')
})

test('a syntax error tells its line', () => {
  assert.deepEqual(faultOf('{\n  "a": 1,\n  b: 2\n}'), { what: 'syntax', path: '', line: 3, column: 3 })
  assert.equal(faultOf('')?.what, 'syntax')
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeBase64, encodeBase64 } from './shapes.ts'

/** RFC 4648, section 4, by its grammar; the bits that a last letter leaves over are zero (section 3.5). */
const grammar = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$/

test('base64 has one spelling of every string of bytes, and no other is read', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      assert.deepEqual(Uint8Array.from(decodeBase64(encodeBase64(bytes)) as Uint8Array), bytes)
    }),
  )
  const nearly = fc.array(fc.constantFrom(...'ABQgwz09+/=-_ \n\u0000é'), { maxLength: 12 })
  fc.assert(
    fc.property(nearly, (letters) => {
      const text = letters.join('')
      assert.equal(decodeBase64(text) !== undefined, grammar.test(text), JSON.stringify(text))
    }),
    { numRuns: 20_000 },
  )
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { endOfPrefix, sortableText } from './sortable-text.ts'

/** Units at every border the encoding knows, unpaired surrogates among them. */
const units = fc.constantFrom(
  '\0',
  '\x01',
  '\x02',
  'a',
  'b',
  'ÿ',
  '\ud7fe',
  '\ud7ff',
  '\ud800',
  '\udfff',
  '\ue000',
  '\uffff',
)
const text = fc.string({
  unit: fc.oneof(units, fc.string({ unit: 'binary', minLength: 1, maxLength: 1 })),
  maxLength: 6,
})

function byBytes(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right))
}

function byUnits(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0
}

test('sortable text is ordered by bytes as the original is by code units', () => {
  fc.assert(
    fc.property(text, text, (left, right) => {
      assert.equal(byBytes(sortableText(left), sortableText(right)), byUnits(left, right))
    }),
    { numRuns: 2000 },
  )
})

test('sortable text is well-formed and free of NUL', () => {
  fc.assert(
    fc.property(text, (original) => {
      assert.ok(sortableText(original).isWellFormed())
      assert.ok(!sortableText(original).includes('\0'))
    }),
  )
})

test('the range of a prefix holds what begins with it, and nothing else', () => {
  fc.assert(
    fc.property(text, text, text, (prefix, rest, other) => {
      for (const candidate of [prefix + rest, other]) {
        const sortable = sortableText(candidate)
        const inRange =
          byBytes(sortable, sortableText(prefix)) >= 0 && byBytes(sortable, endOfPrefix(sortableText(prefix))) < 0
        assert.equal(inRange, candidate.startsWith(prefix))
      }
    }),
    { numRuns: 2000 },
  )
})

test('ordinary text stays as it is', () => {
  assert.equal(sortableText('alias/Müller-密钥_1'), 'alias/Müller-密钥_1')
})

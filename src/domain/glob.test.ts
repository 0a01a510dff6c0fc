import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { anyText, compileGlob, foldCase, globMatches, globOf } from './glob.ts'

test('a star stands for any text, a question mark for one character', () => {
  for (const [pattern, text, matches] of [
    ['*', '', true],
    ['', '', true],
    ['', 'a', false],
    ['a*c', 'ac', true],
    ['a*c', 'abbc', true],
    ['a*c', 'acb', false],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['*a*b', 'xaab', true],
    ['a*a', 'a', false],
    ['*?', '', false],
    ['?*?', 'ab', true],
    ['*b?d*', 'abcbdbxd', true],
    ['a.c', 'abc', false],
    ['[ab]', 'a', false],
    ['a*', 'a\nb', true],
  ] as const)
    assert.equal(globMatches(globOf(pattern), text), matches, `${pattern} on ${text}`)
})

/** The meaning of a pattern, straight from its definition. */
function meaning(pattern: string, text: string): boolean {
  if (pattern === '') return text === ''
  if (pattern[0] === '*') return meaning(pattern.slice(1), text) || (text !== '' && meaning(pattern, text.slice(1)))
  return text !== '' && (pattern[0] === '?' || pattern[0] === text[0]) && meaning(pattern.slice(1), text.slice(1))
}

test('every pattern matches what its definition says, and no more', () => {
  const letters = (...from: string[]) => fc.string({ unit: fc.constantFrom(...from), maxLength: 9 })
  fc.assert(
    fc.property(letters('a', 'b', '*', '?'), letters('a', 'b'), (pattern, text) => {
      assert.equal(globMatches(globOf(pattern), text), meaning(pattern, text))
    }),
    { numRuns: 5000 },
  )
})

test('a part of a text is matched as the same text alone', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('*', 'a*', '*a', 'a?*b', 'ab', '*b*a*'),
      fc.string({ unit: fc.constantFrom('a', 'b', ':'), maxLength: 12 }),
      fc.nat(12),
      fc.nat(12),
      (pattern, text, one, two) => {
        const [from, to] = [Math.min(one, two, text.length), Math.min(Math.max(one, two), text.length)]
        assert.equal(globMatches(globOf(pattern), text, from, to), globMatches(globOf(pattern), text.slice(from, to)))
      },
    ),
  )
})

test('a text that stands for itself may hold stars and NULs', () => {
  const glob = compileGlob(['a*', anyText, '\0?'])
  assert.equal(globMatches(glob, 'a*xyz\0?'), true)
  assert.equal(globMatches(glob, 'abxyz\0?'), false)
  assert.equal(globMatches(glob, 'a*xyz\0b'), false)
})

test('folding knows ASCII letters only: the Kelvin sign is no k', () => {
  assert.equal(foldCase('KMS:\u212Aey'), 'kms:\u212Aey')
})

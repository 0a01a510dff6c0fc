import assert from 'node:assert/strict'
import { hkdfSync } from 'node:crypto'
import { test } from 'node:test'
import { seededRandom } from '../../../test/seeded-random.ts'
import { Problem } from '../../domain/errors.ts'
import { memoryCustody } from './custody.ts'
import { derive } from './derive.ts'
import { frame } from './framing.ts'
import { generationOf } from './root-keys.ts'
import { createSealer } from './sealer.ts'
import { createSealing } from './sealing.ts'

const random = seededRandom('sealing')
const internal = (error: unknown) => error instanceof Problem && error.code === 'Internal'
const secret = Buffer.from('a secret')

test('frames are told apart whatever their parts are', () => {
  const frames = [
    [],
    [''],
    ['', ''],
    ['a'],
    ['a', 'bc'],
    ['ab', 'c'],
    ['abc'],
    ['a', '', 'bc'],
    ['a\0bc'],
    ['a', 'b', 'c'],
  ]
  assert.equal(new Set(frames.map((parts) => Buffer.from(frame(parts)).toString('hex'))).size, frames.length)
  assert.deepEqual(frame(['ü']), frame([Buffer.from('ü', 'utf8')]))
})

test('derivation is HKDF-SHA-256 over the framed words', () => {
  const { rootKey } = generationOf(Uint8Array.from({ length: 64 }, (_, index) => index))
  const words = Buffer.concat([
    Buffer.from('00000003', 'hex'),
    Buffer.from('00000007', 'hex'),
    Buffer.from('Keyward'),
    Buffer.from('00000001', 'hex'),
    Buffer.from('a'),
    Buffer.from('00000002', 'hex'),
    Buffer.from('bc'),
  ])
  assert.deepEqual(
    derive(rootKey, ['a', 'bc']),
    new Uint8Array(hkdfSync('sha256', rootKey.export(), new Uint8Array(0), words, 32)),
  )
})

test('a sealed secret opens under the same words in the same order, and no others', () => {
  const sealer = createSealer({ rootKeys: memoryCustody(random), random })
  const sealed = sealer.seal(['credential', 'ab', 'c'], secret)
  assert.deepEqual(Buffer.from(sealer.open(['credential', 'ab', 'c'], sealed)), secret)
  for (const words of [['credential', 'a', 'bc'], ['credential', 'c', 'ab'], ['credential', 'ab'], ['credential'], []])
    assert.throws(() => sealer.open(words, sealed), internal)
})

test('no two seals of one secret are alike, and none shows it', () => {
  const sealer = createSealer({ rootKeys: memoryCustody(random), random })
  const [one, other] = [sealer.seal(['p'], secret), sealer.seal(['p'], secret)]
  assert.notEqual(one, other)
  assert.ok(!Buffer.from(one, 'base64').includes(secret))
})

test('an altered sealed secret does not open, bit by bit, and the error is one of ours', () => {
  const sealer = createSealer({ rootKeys: memoryCustody(random), random })
  const sealed = Buffer.from(sealer.seal(['p'], secret), 'base64')
  for (let bit = 0; bit < sealed.length * 8; bit += 1) {
    const altered = Buffer.from(sealed)
    altered[bit >>> 3]! ^= 1 << (bit & 7)
    assert.throws(() => sealer.open(['p'], altered.toString('base64')), internal)
  }
  for (let length = 0; length < sealed.length; length += 1)
    assert.throws(() => sealer.open(['p'], sealed.toString('base64', 0, length)), internal)
})

test('key material and service secrets are sealed under different keys', () => {
  const rootKeys = memoryCustody(random)
  const material = createSealing('key material', { rootKeys, random })
  const service = createSealing('service secret', { rootKeys, random })
  assert.throws(() => service.open(['p'], material.seal(['p'], secret)), internal)
})

test('what one root key sealed another does not open', () => {
  const one = createSealer({ rootKeys: memoryCustody(random), random })
  const other = createSealer({ rootKeys: memoryCustody(random), random })
  assert.throws(() => other.open(['p'], one.seal(['p'], secret)), internal)
  assert.notDeepEqual(one.derive(['p']), other.derive(['p']))
})

test('old secrets open beside new ones while the root key is rotated, and only new ones afterwards', () => {
  const custody = memoryCustody(random)
  const sealer = createSealer({ rootKeys: custody, random })
  const old = sealer.seal(['p'], secret)
  const derived = sealer.derive(['tokens'])
  assert.equal(sealer.reseal(['p'], old), undefined)

  assert.equal(custody.addGeneration(), 2)
  const resealed = sealer.reseal(['p'], old)
  assert.ok(resealed !== undefined)
  assert.equal(sealer.reseal(['p'], resealed), undefined)
  assert.deepEqual(Buffer.from(sealer.open(['p'], old)), secret)
  assert.throws(() => sealer.reseal(['q'], old), internal)

  assert.deepEqual(custody.retireGenerations(), [1])
  const later = createSealer({ rootKeys: custody, random })
  assert.deepEqual(Buffer.from(later.open(['p'], resealed)), secret)
  assert.throws(
    () => later.open(['p'], old),
    (error: unknown) => internal(error) && /generation 1 of the root key/.test((error as Problem).message),
  )
  // What is derived for tokens outlives every rotation.
  assert.deepEqual(later.derive(['tokens']), derived)
})

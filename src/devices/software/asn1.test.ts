/** DER has one encoding for a value; every other one is refused. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { derTag, encodeElement, isSequence, readElement, readSequence, readUnsigned } from './asn1.ts'

const hex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'))

test('what is encoded is read back, with what follows it', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70_000, size: 'max' }), fc.uint8Array({ maxLength: 4 }), (content, rest) => {
      const encoded = encodeElement(derTag.octetString, content)
      const read = readElement(Buffer.concat([encoded, rest]))
      assert.equal(read?.tag, derTag.octetString)
      assert.ok(Buffer.from(content).equals(read.content) && Buffer.from(rest).equals(read.rest))
    }),
    { numRuns: 60 },
  )
})

test('whatever is read encodes to the bytes that were read', () => {
  const almost = fc.tuple(
    fc.constantFrom(0x30, 4, 2),
    fc.constantFrom(0, 1, 5, 0x7f, 0x80, 0x81, 0x82, 0x83, 0x84),
    fc.uint8Array({ maxLength: 300 }),
  )
  fc.assert(
    fc.property(almost, ([tag, length, tail]) => {
      const bytes = Uint8Array.from([tag, length, ...tail])
      const read = readElement(bytes)
      if (read === undefined) return
      assert.deepEqual(Buffer.concat([encodeElement(read.tag, read.content), read.rest]), Buffer.from(bytes))
    }),
    { numRuns: 3_000 },
  )
})

test('lengths in more bytes than needed, indefinite, or beyond the end are not DER', () => {
  for (const bad of [
    '',
    '30',
    '3080',
    '30800000',
    '308100',
    '30817f',
    '3082007f',
    '308200ff',
    '30830000ff',
    '3084000000ff',
    '3001',
    '30ff',
    '3085',
  ]) {
    const long = Buffer.concat([hex(bad), Buffer.alloc(bad.length > 4 && bad !== '30800000' ? 300 : 0)])
    assert.equal(readElement(long), undefined, bad)
  }
  assert.equal(readElement(hex('3000'))?.content.length, 0)
  assert.equal(readElement(Buffer.concat([hex('308180'), Buffer.alloc(128)]))?.content.length, 128)
})

test('a sequence holds exactly the elements that are asked for, and fills its bytes', () => {
  const { integer, octetString } = derTag
  const good = hex('3006020101040105')
  assert.deepEqual(
    readSequence(good, [integer, octetString])?.map((content) => [...content]),
    [[1], [5]],
  )
  for (const tags of [[integer], [octetString, integer], [integer, octetString, integer], []]) {
    assert.equal(readSequence(good, tags), undefined)
  }
  assert.equal(readSequence(Buffer.concat([good, Buffer.of(0)]), [integer, octetString]), undefined)
  assert.equal(readSequence(hex('3106020101040105'), [integer, octetString]), undefined)
  assert.equal(isSequence(good), true)
  assert.equal(isSequence(Buffer.concat([good, Buffer.of(0)])), false)
  assert.equal(isSequence(hex('0400')), false)
})

test('an unsigned integer is neither negative, nor padded, nor longer than its size', () => {
  const read = (text: string, size: number) => {
    const found = readUnsigned(hex(text), size)
    return found && Buffer.from(found).toString('hex')
  }
  assert.equal(read('00', 2), '0000')
  assert.equal(read('7f', 2), '007f')
  assert.equal(read('0080', 2), '0080')
  assert.equal(read('00ffff', 2), 'ffff')
  for (const bad of ['', '80', 'ff', '007f', '0000', '0001', '010000', '00010000'])
    assert.equal(read(bad, 2), undefined, bad)
})

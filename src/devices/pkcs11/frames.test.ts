import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeFrame, type Frame, frameReader, joinFields } from './frames.ts'

const frames: readonly Frame[] = [
  { call: 1, kind: 0, fields: [] },
  { call: 2, kind: 7, fields: [Buffer.alloc(0)] },
  { call: 0xffff_ffff, kind: 255, fields: [Buffer.from('a'), Buffer.alloc(0), Buffer.from('bcd')] },
  { call: 4, kind: 1, fields: [Buffer.alloc(10_000, 7)] },
]
const bytes = Buffer.concat(frames.map(({ call, kind, fields }) => encodeFrame(call, kind, fields)))

test('frames come out as they went in, however the channel cuts them', () => {
  for (const step of [1, 2, 3, 5, 9, 100, 4096, bytes.length]) {
    const seen: Frame[] = []
    const read = frameReader((frame) =>
      seen.push({ ...frame, fields: frame.fields.map((field) => Buffer.from(field)) }),
    )
    for (let at = 0; at < bytes.length; at += step) read(Buffer.from(bytes.subarray(at, at + step)))
    assert.deepEqual(seen, frames, `in steps of ${step}`)
  }
})

test('what is no frame is refused, and never read past its end', () => {
  const read = (hex: string) => frameReader(() => {})(Buffer.from(hex, 'hex'))
  assert.throws(() => read('00000004'), /4 bytes is none/)
  assert.throws(() => read('7fffffff'), /is none/)
  assert.throws(() => read('00000008 00000001 00 0000 00'.replaceAll(' ', '')), /within the length/)
  assert.throws(() => read('0000000a 00000001 00 00000002 41'.replaceAll(' ', '')), /longer than its frame/)
  assert.throws(() => encodeFrame(1, 0, [Buffer.alloc(1 << 20)]), /too long/)
})

test('no two lists of fields look alike when they are joined', () => {
  const lists = [[], [''], ['', ''], ['a', 'bc'], ['ab', 'c'], ['abc'], ['a', 'b', 'c'], ['\0\0\0\u0001a']]
  const joined = lists.map((list) => joinFields(list.map((field) => Buffer.from(field))).toString('hex'))
  assert.equal(new Set(joined).size, lists.length)
})

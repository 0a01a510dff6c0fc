import assert from 'node:assert/strict'
import { test } from 'node:test'
import { signer } from '../../test/contracts/audit-log.ts'
import {
  emptySegment,
  encodeFrameHeader,
  encodeHead,
  frameHeaderBytes,
  framesStart,
  readJournal,
  slotBytes,
  slotPosition,
} from './journal.ts'
import { noteVerifier } from './note.ts'
import { encodeEntries } from './tiles.ts'
import { emptyRoot, emptyTree, leafHash } from './tree.ts'

const verifier = noteVerifier(signer.vkey)

/** Two segments: the first with batches up to 10 and 20 records, the second up to 30 and 40. Nothing is published. */
function fourBatches() {
  const tree = emptyTree()
  const segments = [0, 1].map((segment) => {
    const contents = emptySegment(signer, segment, { size: 0, root: emptyRoot }, 1 << 16)
    const starts: number[] = []
    let end = framesStart
    for (const slot of [0, 1]) {
      const first = tree.size()
      const entries = Array.from({ length: 10 }, (_, at) => Buffer.from(`record ${first + at}`))
      for (const entry of entries) tree.append(leafHash(entry))
      const frame = Buffer.concat([Buffer.alloc(frameHeaderBytes), encodeEntries(entries)])
      encodeFrameHeader(frame, first, entries.length, tree.root())
      frame.copy(contents, end)
      starts.push(end)
      end += frame.length
      const head = { size: tree.size(), root: tree.root() }
      encodeHead(signer, segment, slot, head).copy(contents, slotPosition(slot))
    }
    return { contents, starts: starts as [number, number] }
  })
  const [first, second] = segments as [(typeof segments)[0], (typeof segments)[0]]
  return { first, second, read: () => readJournal([first.contents, second.contents], verifier, emptyTree()) }
}

const nothingFound = (size: number, unfinished: number, reading: ReturnType<typeof readJournal>) => {
  assert.deepEqual([reading.entries.length, reading.unfinished, reading.damage], [size, unfinished, []])
}
const kinds = ({ damage }: ReturnType<typeof readJournal>) => damage.map(({ kind, index }) => [kind, index])

test('the records of both segments are read in their order', () => {
  const { read } = fourBatches()
  const reading = read()
  nothingFound(40, 0, reading)
  assert.equal(reading.entries[25]?.toString(), 'record 25')
})

test('what is published already is passed over', () => {
  const { first, second } = fourBatches()
  const published = emptyTree()
  for (let index = 0; index < 15; index += 1) published.append(leafHash(Buffer.from(`record ${index}`)))
  const reading = readJournal([first.contents, second.contents], verifier, published)
  nothingFound(25, 0, reading)
  assert.equal(reading.entries[0]?.toString(), 'record 15')
})

test('a last batch whose frame is torn is unfinished', () => {
  const { second, read } = fourBatches()
  second.contents.fill(0, second.starts[1] + 100)
  nothingFound(30, 10, read())
})

test('a last batch whose head is torn is unfinished, although its records are there', () => {
  const { second, read } = fourBatches()
  second.contents.fill(0, slotPosition(1) + 100, slotPosition(1) + slotBytes)
  nothingFound(30, 10, read())
})

test('of a batch before the last one no record may be missing', () => {
  const { second, read } = fourBatches()
  second.contents.fill(0, second.starts[0])
  assert.deepEqual(kinds(read()), [['journal-records-missing', 20]])
})

test('a torn head does not excuse a torn frame before it', () => {
  // A head is torn while the batch after the latest one is written: that one was acknowledged.
  const { second, read } = fourBatches()
  second.contents.fill(0, slotPosition(1), slotPosition(1) + slotBytes)
  second.contents.fill(0, second.starts[0])
  assert.deepEqual(kinds(read()), [['journal-records-missing', 20]])
})

test('heads of the other segment cannot be passed off as its own', () => {
  const { first, second, read } = fourBatches()
  first.contents.copy(second.contents, slotPosition(0), slotPosition(0), slotPosition(0) + slotBytes)
  first.contents.copy(second.contents, slotPosition(1), slotPosition(1), slotPosition(1) + slotBytes)
  second.contents.fill(0, framesStart)
  assert.deepEqual(kinds(read()), [['journal-head-damaged', undefined]])
})

test('nor can a head be moved to the other slot', () => {
  const { second, read } = fourBatches()
  second.contents.copy(second.contents, slotPosition(1), slotPosition(0), slotPosition(0) + slotBytes)
  // That leaves one head fewer, as if it were torn.
  nothingFound(30, 10, read())
})

test('records that fit their frame and not the signed head are told', () => {
  const { first, second, read } = fourBatches()
  const forged = Array.from({ length: 10 }, (_, at) => Buffer.from(`forged ${at}`))
  const tree = emptyTree()
  for (const entry of forged) tree.append(leafHash(entry))
  const frame = Buffer.concat([Buffer.alloc(frameHeaderBytes), encodeEntries(forged)])
  encodeFrameHeader(frame, 0, 10, tree.root())
  first.contents.fill(0, framesStart)
  frame.copy(first.contents, framesStart)
  emptySegment(signer, 1, { size: 0, root: emptyRoot }, second.contents.length).copy(second.contents)
  // Of the heads of 10 and 20 only the first one is left, as if the second one were torn.
  first.contents.fill(0, slotPosition(1), slotPosition(1) + slotBytes)
  assert.deepEqual(kinds(read()), [['journal-records-changed', 0]])
})

test('a segment that is not there is told', () => {
  const { second } = fourBatches()
  assert.deepEqual(kinds(readJournal([undefined, second.contents], verifier, emptyTree())), [
    ['journal-missing', undefined],
    ['journal-records-missing', 0],
  ])
})

/**
 * The journal: where a batch of records becomes durable before its callers are answered, until tiles hold it too. Two
 * preallocated segments take turns, so that a batch costs one sync that writes no metadata.
 *
 *     segment:  slot 0 | slot 1 (a page each) | frame | frame | ... | zeros or older frames
 *     slot:     a signed note (C2SP signed-note) padded with zeros: size and root of the log after a batch
 *     frame:    "KWJ1" | payload bytes (4) | first index (8) | records (4) | 0 (12) | root after it (32) | payload
 *     payload:  the records as in an entry bundle: length (2) and canonical JSON each
 *
 * Numbers are big-endian. A batch writes its frame and, into the slots by turns, its head. The heads are what makes the
 * journal proof against changes: the frames carry no signatures of their own, so that whoever cuts frames off finds no
 * older signed head to go with what is left. A head is no checkpoint and does not look like one: it may speak of a batch
 * that a crash tore apart, while a checkpoint must hold for ever.
 */
import { parseCount } from './checkpoint.ts'
import type { NoteSigner, NoteVerifier } from './note.ts'
import { decodeEntries } from './tiles.ts'
import { type Hash, hashBytes, hashFromBase64, hashToBase64, leafHash, type Tree } from './tree.ts'

export const segmentNames = ['journal/0', 'journal/1'] as const
export const slotsPerSegment = 2
/** A sector: written whole or not at all. */
export const slotBytes = 512
/** A page each, so that writing one never rewrites the other. */
const slotSpacing = 4096
export const framesStart = slotsPerSegment * slotSpacing
export const frameHeaderBytes = 64
const frameMagic = 0x4b574a31

export type Head = { readonly size: number; readonly root: Hash }

export function slotPosition(slot: number): number {
  return slot * slotSpacing
}

/** Names its segment and slot, so that it cannot be copied into another one. */
export function encodeHead(signer: NoteSigner, segment: number, slot: number, head: Head): Buffer {
  const note = signer.sign(headText(signer.name, segment, slot, `${head.size}`, hashToBase64(head.root)))
  const bytes = Buffer.alloc(slotBytes)
  if (bytes.write(note) !== Buffer.byteLength(note)) throw new Error('The name of the log is too long for its journal.')
  return bytes
}

function headText(name: string, segment: number, slot: number, size: string, root: string): string {
  return `keyward audit journal head\n${name}\n${segment} ${slot}\n${size}\n${root}\n`
}

function decodeHead(verifier: NoteVerifier, segment: number, slot: number, contents: Buffer): Head | undefined {
  const start = slotPosition(slot)
  const padded = contents.toString('utf8', start, Math.min(start + slotBytes, contents.length))
  const text = verifier.open(padded.replace(/\0+$/, ''))
  const [, , , sizeText = '', rootText = ''] = text?.split('\n') ?? []
  const size = parseCount(sizeText)
  const root = hashFromBase64(rootText)
  if (size === undefined || root === undefined) return undefined
  return text === headText(verifier.name, segment, slot, sizeText, rootText) ? { size, root } : undefined
}

/** Writes the header of a frame into the first 64 bytes of it; the payload is there already. */
export function encodeFrameHeader(frame: Buffer, first: number, count: number, root: Hash): void {
  frame.fill(0, 0, frameHeaderBytes)
  frame.writeUInt32BE(frameMagic, 0)
  frame.writeUInt32BE(frame.length - frameHeaderBytes, 4)
  frame.writeBigUInt64BE(BigInt(first), 8)
  frame.writeUInt32BE(count, 16)
  frame.write(root, 32, hashBytes, 'latin1')
}

/** A segment without frames, with its heads; as long as a segment is. */
export function emptySegment(signer: NoteSigner, segment: number, head: Head, bytes: number): Buffer {
  const contents = Buffer.alloc(bytes)
  for (let slot = 0; slot < slotsPerSegment; slot += 1)
    encodeHead(signer, segment, slot, head).copy(contents, slotPosition(slot))
  return contents
}

type Frame = { readonly first: number; readonly count: number; readonly root: Hash; readonly payload: Buffer }

/** Frames that follow on each other; what comes after is older, or torn, or nothing. */
function* framesIn(contents: Buffer): Generator<Frame> {
  let at = framesStart
  let expected: number | undefined
  while (at + frameHeaderBytes <= contents.length && contents.readUInt32BE(at) === frameMagic) {
    const end = at + frameHeaderBytes + contents.readUInt32BE(at + 4)
    const first = Number(contents.readBigUInt64BE(at + 8))
    const count = contents.readUInt32BE(at + 16)
    if (end > contents.length || first !== (expected ?? first)) return
    yield {
      first,
      count,
      root: contents.toString('latin1', at + 32, at + 32 + hashBytes),
      payload: contents.subarray(at + frameHeaderBytes, end),
    }
    expected = first + count
    at = end
  }
}

export type JournalReading = {
  /** The records from the published size on, each vouched for by a signed head. */
  readonly entries: readonly Buffer[]
  /** Records of a batch that was begun and never acknowledged: a crash tore it, or it is being written just now. */
  readonly unfinished: number
  readonly damage: readonly JournalDamage[]
}

export type JournalDamage = {
  readonly kind: 'journal-missing' | 'journal-head-damaged' | 'journal-records-missing' | 'journal-records-changed'
  readonly path?: string
  /** The first record concerned. */
  readonly index?: number
  readonly message: string
}

/**
 * What the journal holds beyond what is published. `published` is the tree of that size; a fork of it is used. At most
 * one batch can be unfinished, and at most one head torn: all beyond that is damage.
 */
export function readJournal(
  segments: readonly (Buffer | undefined)[],
  verifier: NoteVerifier,
  published: Tree,
): JournalReading {
  const damage: JournalDamage[] = []
  const publishedSize = published.size()
  const heads: Head[] = [{ size: publishedSize, root: published.root() }]
  let torn = 0
  for (const [segment, contents] of segments.entries()) {
    const path = segmentNames[segment] as string
    if (contents === undefined) {
      damage.push({ kind: 'journal-missing', path, message: `The file ${path} is missing.` })
      continue
    }
    for (let slot = 0; slot < slotsPerSegment; slot += 1) {
      const head = decodeHead(verifier, segment, slot, contents)
      if (head === undefined) torn += 1
      else if (head.size > publishedSize) heads.push(head)
    }
  }
  if (torn > 1)
    damage.push({ kind: 'journal-head-damaged', message: `${torn} heads of the journal are not valid: one may be.` })
  heads.sort((one, other) => other.size - one.size)

  const entries: Buffer[] = []
  const rootAt = new Map<number, Hash>([[publishedSize, published.root()]])
  let wholeSize = publishedSize
  const tree = published.fork()
  for (const frame of inOrder(segments)) {
    const skipped = Math.max(0, wholeSize - frame.first)
    if (skipped >= frame.count) continue
    const decoded = decodeEntries(frame.payload)
    if (frame.first > wholeSize || decoded.rest !== 0 || decoded.entries.length !== frame.count) break
    const fresh = decoded.entries.slice(skipped)
    for (const entry of fresh) tree.append(leafHash(entry))
    if (tree.root() !== frame.root) break
    entries.push(...fresh)
    wholeSize = frame.first + frame.count
    rootAt.set(wholeSize, frame.root)
  }

  // The last batch may be torn in its frame; then everything up to the head before it must be there. A torn head is the
  // one after the latest, whose batch therefore was acknowledged.
  const [latest, previous = latest] = heads as [Head, Head?]
  const vouched = wholeSize >= latest.size || torn > 0 ? latest : previous
  if (wholeSize < vouched.size)
    damage.push({
      kind: 'journal-records-missing',
      index: wholeSize,
      message: `The records ${wholeSize} to ${latest.size - 1} were durable and cannot be read from the journal.`,
    })
  else if (rootAt.get(vouched.size) !== vouched.root)
    damage.push({
      kind: 'journal-records-changed',
      index: publishedSize,
      message: `The records from ${publishedSize} on are not those of the signed head of ${vouched.size} records.`,
    })
  const size = Math.min(wholeSize, vouched.size)
  return {
    entries: entries.slice(0, size - publishedSize),
    unfinished: Math.max(wholeSize, latest.size) - size,
    damage,
  }
}

/** The segments take turns: the one whose frames begin earlier comes first. */
function inOrder(segments: readonly (Buffer | undefined)[]): readonly Frame[] {
  return segments
    .map((contents) => (contents === undefined ? [] : [...framesIn(contents)]))
    .filter((frames) => frames.length > 0)
    .sort(([one], [other]) => (one as Frame).first - (other as Frame).first)
    .flat()
}

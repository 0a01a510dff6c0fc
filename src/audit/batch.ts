/** From records to the frame of a batch: the part of the work that is done for each record. */
import { frameHeaderBytes } from './journal.ts'
import { entryPrefixBytes } from './tiles.ts'
import { type Hash, leafHashOfText } from './tree.ts'

/** The canonical JSON of a record, and how long it is in UTF-8. */
export type EntryText = { readonly text: string; readonly bytes: number }

/** Bounds how long a batch takes and how much memory it needs; a batch of one record may be longer. */
export const mostBatchBytes = 1 << 20

/** Takes the next batch out of the queue. */
export function takeBatch<T extends EntryText>(queue: T[]): readonly T[] {
  let bytes = 0
  let count = 0
  for (const waiting of queue) {
    bytes += waiting.bytes + entryPrefixBytes
    if (count > 0 && bytes > mostBatchBytes) break
    count += 1
  }
  return queue.splice(0, count)
}

/** The frame, its header still to be written, and the leaf hashes of its records. */
export function frameOf(entries: readonly EntryText[]): { readonly frame: Buffer; readonly leaves: readonly Hash[] } {
  const frame = Buffer.allocUnsafe(entries.reduce((sum, { bytes }) => sum + entryPrefixBytes + bytes, frameHeaderBytes))
  const leaves: Hash[] = []
  let at = frameHeaderBytes
  for (const { text, bytes } of entries) {
    at = frame.writeUInt16BE(bytes, at)
    // As many bytes as letters is ASCII, for which this is the quicker way.
    at += frame.write(text, at, bytes === text.length ? 'latin1' : 'utf8')
    leaves.push(leafHashOfText(text))
  }
  return { frame, leaves }
}

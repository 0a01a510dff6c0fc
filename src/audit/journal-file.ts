/** Writes the journal (its form: journal.ts). */
import { join } from 'node:path'
import { type FileFacts, type Files, makeDurableDirectory, type OpenFile, replaceFile, writeAll } from './files.ts'
import {
  emptySegment,
  encodeHead,
  frameHeaderBytes,
  framesStart,
  type Head,
  segmentNames,
  slotPosition,
  slotsPerSegment,
} from './journal.ts'
import type { NoteSigner } from './note.ts'

export type JournalFile = {
  /** Whether a frame of so many bytes fits into the segment that is written just now. */
  fits(bytes: number): boolean
  /** The other segment's turn. Everything in it must be published. */
  turn(): void
  /** Up to which size of the log the other segment holds records. */
  otherHolds(): number
  /**
   * Durable once resolved, and in the file that bears the journal's name: one that was unlinked, replaced or cut is
   * noticed. After it has rejected, only `reset` helps.
   */
  write(frame: Buffer, head: Head): Promise<void>
  /** Begins anew: everything so far is published, with this head. Makes the files again where they are gone. */
  reset(head: Head): Promise<void>
  close(): Promise<void>
}

type Segment = {
  readonly path: string
  readonly file: OpenFile
  readonly facts: FileFacts
  /** Where the next frame goes. */
  end: number
  slot: number
  holds: number
}

export function journalFile(files: Files, directory: string, signer: NoteSigner, segmentBytes: number): JournalFile {
  let segments: readonly Segment[] = []
  let turn = 0

  const active = () => segments[turn] as Segment
  const other = () => segments[1 - turn] as Segment

  async function openSegment(index: number, head: Head): Promise<Segment> {
    const path = join(directory, segmentNames[index] as string)
    const found = await files.facts(path)
    // In place where possible: its blocks are allocated. What stands behind the first frame's place is never reached.
    const inPlace = found?.bytes === segmentBytes
    const contents = emptySegment(signer, index, head, inPlace ? framesStart + frameHeaderBytes : segmentBytes)
    if (!inPlace) await replaceFile(files, path, contents)
    const file = await files.open(path, 'open')
    try {
      if (inPlace) {
        await writeAll(file, contents, 0)
        await file.sync()
      }
      return { path, file, facts: await file.facts(), end: framesStart, slot: 0, holds: head.size }
    } catch (error) {
      await Promise.allSettled([file.close()])
      throw error
    }
  }

  async function close() {
    const closing = segments
    segments = []
    // Whether closing fails is of no interest: what had to be durable was synced, and the descriptor is gone anyway.
    await Promise.allSettled(closing.map(({ file }) => file.close()))
  }

  return {
    fits: (bytes) => active().end + bytes <= segmentBytes,
    otherHolds: () => other().holds,
    turn() {
      turn = 1 - turn
      active().end = framesStart
    },
    async write(frame, head) {
      const segment = active()
      const { path, file, facts } = segment
      const frameWritten = writeAll(file, frame, segment.end)
      // Signed while the frame is on its way.
      const headBytes = encodeHead(signer, turn, segment.slot, head)
      await allSettled([frameWritten, writeAll(file, headBytes, slotPosition(segment.slot))])
      await allSettled([file.sync(), requireInPlace(path, facts)])
      segment.end += frame.length
      segment.slot = (segment.slot + 1) % slotsPerSegment
      segment.holds = head.size
    },
    async reset(head) {
      await close()
      const journal = join(directory, 'journal')
      await makeDurableDirectory(files, journal, directory)
      const opened: Segment[] = []
      try {
        for (const index of segmentNames.keys()) opened.push(await openSegment(index, head))
        await files.syncDirectory(journal)
      } catch (error) {
        await Promise.allSettled(opened.map(({ file }) => file.close()))
        throw error
      }
      segments = opened
      turn = 0
    },
    close,
  }

  async function requireInPlace(path: string, expected: FileFacts) {
    const found = await files.facts(path)
    if (found?.inode !== expected.inode || found.device !== expected.device || found.bytes !== expected.bytes)
      throw new Error(`The file ${path} was removed, replaced or cut while it was written.`)
  }
}

/** Waits for all, so that nothing is still under way on a file when an error is dealt with. */
async function allSettled(promises: readonly Promise<unknown>[]): Promise<void> {
  const results = await Promise.allSettled(promises)
  for (const result of results) if (result.status === 'rejected') throw result.reason
}

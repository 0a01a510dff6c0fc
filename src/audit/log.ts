/**
 * The audit log on disk. A record is answered for when the batch it came in is durable in the journal: one write and one
 * sync for all that arrived while the batch before was being written. About once a second everything is published:
 * tiles, entry bundles and a signed checkpoint (C2SP tlog-tiles), from which anybody can check the log without us.
 *
 * Whatever fails (a write, a sync, a file that is gone) stops the log at once: nothing is taken any more until all that
 * is in memory has been published anew and the journal begun afresh. After a failed sync nobody knows what of a file is
 * on disk; therefore no file that failed is trusted again, and the batch whose fate is unknown goes into the tiles, so
 * that no two signed trees ever differ.
 */
import { join } from 'node:path'
import { problem } from '../domain/errors.ts'
import type { AuditPosition, AuditRecord, ProvableLog } from '../domain/ports.ts'
import { type EntryText, frameOf, mostBatchBytes, takeBatch } from './batch.ts'
import { entryText } from './canonical.ts'
import { entryReader } from './entry-reader.ts'
import { diskFiles, type Files, makeDurableDirectory, readerOf } from './files.ts'
import { encodeFrameHeader, frameHeaderBytes } from './journal.ts'
import { journalFile } from './journal-file.ts'
import { type Loaded, type LoadOptions, load, type Recovery } from './load.ts'
import type { Lock } from './lock.ts'
import { formatProof } from './proof-text.ts'
import { consistencyPath, inclusionPath } from './proofs.ts'

import { publisher } from './publisher.ts'
import { nodesFromTiles } from './tiles.ts'
import { hashToBase64 } from './tree.ts'

export type AuditLogOptions = LoadOptions & {
  readonly onEvent?: (event: AuditLogEvent) => void
  /** How long a record is durable before it is published. */
  readonly publishMs?: number
  /** The first pause after a failure; it doubles up to 32 times this. */
  readonly retryMs?: number
  /** A disk that has not answered for so long counts as failed. */
  readonly stallMs?: number
  /** Of each of the two segments of the journal, which also bound what is kept in memory. */
  readonly segmentBytes?: number
  readonly files?: Files
  /** Milliseconds from an arbitrary point. With it, a slow disk is asked less often, for more records at a time. */
  readonly monotonic?: () => number
}

export type AuditLogEvent =
  | { readonly kind: 'unavailable'; readonly cause: unknown }
  /** It can be written again: the time to put on record that it could not. */
  | { readonly kind: 'available' }

export type AuditLogOnDisk = ProvableLog & { readonly recovery: Recovery }

type Waiting = EntryText & {
  readonly resolve: (position: AuditPosition) => void
  readonly reject: (reason: unknown) => void
}

const leastSegmentBytes = 2 * mostBatchBytes
/** With more requests waiting the disk does not keep up: the next ones are told at once. */
const mostWaiting = 16_384
const longestRetryFactor = 32
/** Of the event loop: so many without a new record, and the next batch begins; and so many at most. */
const quietTurns = 4
const mostTurns = 16
/** Timers of Node count in milliseconds: of a quicker sync there is no half to wait for. */
const slowSyncMs = 2
/** However slow the disk: nobody is made to wait longer for others. */
const longestGatheringMs = 10

/** Rejects with an Error that says what is wrong where the log is damaged, locked, or of another key. */
export async function openAuditLog(options: AuditLogOptions): Promise<AuditLogOnDisk> {
  const { directory, files = diskFiles, segmentBytes = 16 << 20 } = options
  if (segmentBytes < leastSegmentBytes)
    throw new RangeError(`A segment of the audit journal has at least ${leastSegmentBytes} bytes.`)
  await makeDurableDirectory(files, directory)
  const lock = files.lock(join(directory, 'lock'))
  try {
    return await serve({ ...options, files, segmentBytes }, await load(options, files), lock)
  } catch (error) {
    lock.release()
    throw error
  }
}

async function serve(
  options: AuditLogOptions & { readonly files: Files; readonly segmentBytes: number },
  { growing, recovery, checkpoint }: Loaded,
  lock: Lock,
): Promise<AuditLogOnDisk> {
  const { directory, signer, files, segmentBytes } = options
  const { publishMs = 1_000, retryMs = 100, stallMs = 5_000, monotonic } = options
  const lockPath = join(directory, 'lock')
  const lockFacts = await files.facts(lockPath)
  const readFile = readerOf(files, directory)

  // What the journal held is published before anything is taken: then the journal can begin afresh.
  const published = publisher(files, directory, growing, { size: growing.size() - recovery.replayed, checkpoint })
  await published.publish(growing.snapshot())
  const journal = journalFile(files, directory, signer, segmentBytes)
  await journal.reset({ size: growing.size(), root: growing.root() })

  /** How many records are durable. The tree is ahead of it by the batch under way. */
  let durable = growing.size()
  let state: 'open' | 'broken' | 'closed' = 'open'
  let closing = false
  /** Why the log cannot be written. */
  let reason: unknown

  // ------------------------------------------------------------------------------------------------------- appending

  let queue: Waiting[] = []
  let batch: readonly Waiting[] = []
  let running: Promise<void> | undefined
  /** Settles with the batch under way, and never rejects. */
  let inFlight: Promise<void> | undefined

  function append(record: AuditRecord): Promise<AuditPosition> {
    return new Promise((resolve, reject) => {
      if (!healthy() || queue.length >= mostWaiting) throw unavailable()
      const text = entryText(record)
      queue.push({ text, bytes: Buffer.byteLength(text), resolve, reject })
      if (running === undefined) running = run()
      else if (gathering !== undefined && queue.length >= gathering.wanted) gathering.end()
    })
  }

  function healthy() {
    return state === 'open' && !stalled && !closing
  }

  function unavailable(): Error {
    return problem('AuditUnavailable', { cause: reason })
  }

  async function run() {
    for (;;) {
      await takeAlong()
      if (queue.length === 0 || state !== 'open') break
      batch = takeBatch(queue)
      const began = monotonic?.() ?? 0
      const answered = batch.length
      const written = writeBatch(batch)
      inFlight = written.then(ignore, ignore)
      try {
        const first = await written
        durable = growing.size()
        for (const [position, { resolve }] of batch.entries()) resolve({ index: first + position })
      } catch (error) {
        stop(error)
        rejectAll(batch)
      }
      batch = []
      inFlight = undefined
      endStall()
      if (publishDue) publish()
      if (queue.length > 0 && monotonic !== undefined) await gather(answered, monotonic() - began)
    }
    running = undefined
  }

  /**
   * Requests that are at hand already belong into the same batch, and those that the answers just given bring: a batch costs
   * as much as one or two requests, however many it holds. An idle event loop is through with this in microseconds.
   */
  async function takeAlong(): Promise<void> {
    for (let turn = 0, quiet = 0; turn < mostTurns && quiet < quietTurns && queue.length > 0; turn++) {
      const before = queue.length
      await new Promise((resolve) => setImmediate(resolve))
      quiet = queue.length > before ? 0 : quiet + 1
    }
  }

  let gathering: { readonly wanted: number; readonly end: () => void } | undefined

  /**
   * Callers who go on asking would otherwise fall into two halves that take turns at the disk, each waiting for the other's
   * sync. Where a sync takes long, those who were just answered are given half of that time to come along.
   */
  async function gather(answered: number, syncMs: number): Promise<void> {
    if (syncMs < slowSyncMs) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.min(syncMs / 2, longestGatheringMs))
      const end = () => {
        clearTimeout(timer)
        resolve()
      }
      gathering = { wanted: queue.length + answered, end }
    })
    gathering = undefined
  }

  /** The index of its first record. Where it rejects, the tree may hold the batch already: it is then published. */
  async function writeBatch(waiting: readonly Waiting[]): Promise<number> {
    const { frame, leaves } = frameOf(waiting)
    if (!journal.fits(frame.length)) {
      if (journal.otherHolds() > published.size()) await publishTo(durable)
      journal.turn()
      publishDue = true
    }
    const first = growing.size()
    growing.add(frame.subarray(frameHeaderBytes), leaves)
    const root = growing.root()
    encodeFrameHeader(frame, first, waiting.length, root)
    await journal.write(frame, { size: growing.size(), root })
    publishLater()
    return first
  }

  function rejectAll(waiting: readonly Waiting[]) {
    for (const { reject } of waiting) reject(unavailable())
  }

  function rejectQueue() {
    const rejected = queue
    queue = []
    rejectAll(rejected)
  }

  // ------------------------------------------------------------------------------------------------------ publishing

  /** Settles with the publication under way, and never rejects. */
  let publishing: Promise<void> | undefined
  let publishDue = false
  let publishTimer: NodeJS.Timeout | undefined

  function publishLater() {
    publishTimer ??= setTimeout(() => {
      publishDue = true
      publish()
    }, publishMs).unref()
  }

  /** Only between two batches, where all of the tree is durable; a batch under way calls again when it is done. */
  function publish() {
    if (publishing !== undefined || state !== 'open' || growing.size() !== durable) return
    publishDue = false
    clearTimeout(publishTimer)
    publishTimer = undefined
    publishing = published
      .publish(growing.snapshot())
      .catch(stop)
      .then(() => {
        publishing = undefined
        if (published.size() < durable) publishLater()
      })
  }

  async function publishTo(size: number) {
    while (published.size() < size) {
      if (state !== 'open') throw unavailable()
      publishDue = true
      publish()
      await (publishing ?? inFlight)
    }
  }

  // ------------------------------------------------------------------------------------------------ failing, mending

  let retryTimer: NodeJS.Timeout | undefined
  let retryFactor = 1
  let repairing: Promise<void> | undefined

  /** Later, so that nothing a listener does comes between a failure and those who wait. */
  function tell(event: AuditLogEvent) {
    queueMicrotask(() => options.onEvent?.(event))
  }

  function stop(error: unknown) {
    if (state !== 'open') return
    state = 'broken'
    reason = error
    rejectQueue()
    tell({ kind: 'unavailable', cause: error })
    retryFactor = 1
    repairLater()
  }

  function repairLater() {
    if (closing) return
    retryTimer = setTimeout(() => {
      repairing = repair().catch((error) => {
        reason = error
        retryFactor = Math.min(retryFactor * 2, longestRetryFactor)
        repairLater()
      })
    }, retryMs * retryFactor).unref()
  }

  async function repair() {
    await running
    await publishing
    await requireSameLog()
    await published.publish(growing.snapshot())
    durable = growing.size()
    await journal.reset({ size: durable, root: growing.root() })
    state = 'open'
    reason = undefined
    tell({ kind: 'available' })
  }

  /** Where somebody has put another directory in the place of this one, or an older copy, nothing is written to it. */
  async function requireSameLog() {
    const facts = await files.facts(lockPath)
    const note = (await readFile('checkpoint'))?.toString()
    const isOwn = facts?.inode === lockFacts?.inode && facts?.device === lockFacts?.device
    if (!isOwn || !published.mayHaveWritten(note))
      throw new Error(`The audit log in ${directory} was removed or replaced while it was written.`)
  }

  /** A batch is under way for too long. It goes on, but nobody waits for it any more. */
  let stalled = false
  let watched = batch
  const watch = setInterval(() => {
    if (batch.length > 0 && batch === watched && !stalled) {
      stalled = true
      reason = new Error(`The disk of the audit log has not answered for ${stallMs} ms.`)
      rejectAll(batch)
      rejectQueue()
      tell({ kind: 'unavailable', cause: reason })
    }
    watched = batch
  }, stallMs).unref()

  function endStall() {
    if (!stalled) return
    stalled = false
    if (state === 'open') tell({ kind: 'available' })
  }

  /** Whatever happens here, all that was acknowledged is in the journal or in the tiles. */
  async function close() {
    if (closing) return
    closing = true
    clearTimeout(retryTimer)
    clearInterval(watch)
    // A disk that does not answer cannot be waited for; its files and the lock then go with the process.
    if (stalled) return
    await running
    await repairing
    try {
      if (state === 'open') await publishTo(durable)
      else await repair()
    } catch {
      // Reported when it broke.
    }
    await publishing
    state = 'closed'
    clearTimeout(publishTimer)
    await journal.close()
    lock.release()
  }

  // --------------------------------------------------------------------------------------------------------- reading

  const reader = entryReader(readFile, growing.bundle, () => durable)

  function requireRecord(index: number) {
    if (!Number.isSafeInteger(index) || index < 0 || index >= durable)
      throw problem('ResourceNotFound', { message: `There is no record ${index} in the audit log.` })
  }

  /** The published log, at least of this size, with its nodes. */
  async function publishedOf(size: number) {
    await publishTo(size)
    const publishedSize = published.size()
    return { size: publishedSize, checkpoint: published.checkpoint(), nodes: nodesFromTiles(readFile, publishedSize) }
  }

  return {
    recovery,
    vkey: signer.vkey,
    append,
    healthy,
    size: () => durable,
    read: reader.read,
    find: reader.find,
    close,
    async checkpoint() {
      return (await publishedOf(durable)).checkpoint
    },
    async prove(index) {
      requireRecord(index)
      const { size, checkpoint, nodes } = await publishedOf(index + 1)
      const path = await inclusionPath(nodes, index, size)
      return formatProof({ entry: await reader.entry(index), index, path, checkpoint })
    },
    async proveConsistency(olderSize) {
      if (olderSize !== 0) requireRecord(olderSize - 1)
      const { size, checkpoint, nodes } = await publishedOf(olderSize)
      const path = olderSize === 0 ? [] : await consistencyPath(nodes, olderSize, size)
      return { checkpoint, path: path.map(hashToBase64) }
    },
  }
}

function ignore() {}

/**
 * The thread that writes. A sync of the disk stops this thread and never the one that answers requests. What arrives
 * while one transaction is being written shares the next one.
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { emptyLog, openForWriting } from './connection.ts'
import { type Commit, type Outcome, type Shape, transactionOn } from './transaction.ts'

export type WriterData = { readonly file: string; readonly shape: Shape }

export type ToWriter = { readonly number: number; readonly commit: Commit } | { readonly close: true }

export type FromWriter =
  | { readonly is: 'open' }
  | { readonly is: 'closed' }
  | { readonly is: 'written'; readonly outcomes: readonly Written[] }

export type Written = {
  readonly number: number
  readonly outcome: Outcome | { readonly is: 'failed'; readonly error: string; readonly lost: boolean }
}

/** More would keep the first one waiting; by far more than are under way at a time. */
const largestBatch = 512

/**
 * How long the bytes of what was overwritten or removed may stay in the write-ahead log, in milliseconds. Emptying it
 * costs two syncs, so it is done for many changes together.
 */
const erasureDelayMs = 500

/** Where another reader holds the log, for instance a backup under way. */
const erasureRetryMs = 2_000

/** SQLITE_IOERR_FSYNC and SQLITE_IOERR_DIR_FSYNC. */
const syncErrors = [1034, 1290]

if (parentPort === null) throw new Error('writer.ts runs as a worker thread.')
const port = parentPort
const { file, shape } = workerData as WriterData
const database = openForWriting(file)
const transaction = transactionOn(database, shape)

let erasure: NodeJS.Timeout | undefined
/**
 * A sync that failed once: what the disk holds is not known any more, and asking it again would not tell (the pages
 * count as clean afterwards). Nothing is written until the file is opened again and read from the disk.
 */
let lost = false

port.on('message', (first: ToWriter) => {
  const messages = [first]
  while (messages.length < largestBatch) {
    const next = receiveMessageOnPort(port)
    if (next === undefined) break
    messages.push(next.message as ToWriter)
  }
  const commits = messages.filter((message) => 'commit' in message)
  if (commits.length > 0) answer({ is: 'written', outcomes: write(commits) })
  if (transaction.tookAway() && erasure === undefined) erasure = setTimeout(erase, erasureDelayMs)
  if (messages.some((message) => 'close' in message)) close()
})
answer({ is: 'open' })

function write(commits: readonly { readonly number: number; readonly commit: Commit }[]): readonly Written[] {
  if (lost) return commits.map(({ number }) => ({ number, outcome: failed(new Error('A sync of the disk failed.')) }))
  try {
    const outcomes = transaction.run(commits.map(({ commit }) => commit))
    return commits.map(({ number }, at) => ({ number, outcome: outcomes[at] as Outcome }))
  } catch (error) {
    if (syncErrors.includes((error as { errcode?: number }).errcode ?? 0)) lost = true
    // The fault may lie with one of them, or there may be room for the smaller ones.
    if (commits.length > 1 && !lost) return commits.flatMap((commit) => write([commit]))
    return commits.map(({ number }) => ({ number, outcome: failed(error) }))
  }
}

function failed(error: unknown): Written['outcome'] {
  return { is: 'failed', error: String(error), lost }
}

function erase(): void {
  erasure = lost || emptyLog(database) ? undefined : setTimeout(erase, erasureRetryMs)
}

function close(): void {
  clearTimeout(erasure)
  emptyLog(database)
  database.close()
  answer({ is: 'closed' })
  port.close()
}

function answer(message: FromWriter): void {
  port.postMessage(message)
}

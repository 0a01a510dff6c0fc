/**
 * Checks a log from its files alone, with the log's public key: recomputes the tree from the entries and holds it against
 * every tile, the signed checkpoint, the journal, and a checkpoint that somebody remembers. Works on a copy as well as on
 * a log that is being written, takes no lock, changes nothing, and needs the same memory for any size.
 */
import { type Checkpoint, openCheckpoint } from './checkpoint.ts'
import { diskFiles, type Files, readerOf } from './files.ts'
import { add, type LogFinding } from './findings.ts'
import { type JournalReading, readJournal, segmentNames } from './journal.ts'
import { type NoteVerifier, noteVerifier } from './note.ts'
import type { ReadLogFile } from './tiles.ts'
import { type Hash, leafHash, type Tree } from './tree.ts'
import { entryVerifier } from './verify-entries.ts'

export type VerifyOptions = {
  readonly directory: string
  readonly vkey: string
  /** A checkpoint of this log from an earlier time: the log must begin with what it vouched for. */
  readonly against?: string
  /** The files are a copy of what is published, without the journal. */
  readonly mirror?: boolean
  readonly files?: Pick<Files, 'read'>
}

export type LogReport = {
  /** Nothing was found. */
  readonly valid: boolean
  /** The first 1,000. */
  readonly findings: readonly LogFinding[]
  /** How many records a signature vouches for: the published ones and those in the journal. */
  readonly size: number
  readonly publishedSize: number
  /** Only of a valid log: the published checkpoint, to be remembered and given as `against` the next time. */
  readonly checkpoint?: string
  /** Records of a batch that a crash tore and nobody was answered for, or that is being written just now. No finding. */
  readonly unfinished: number
}

/** A log that is being written moves on meanwhile: what looks wrong is looked at again before it is believed. */
const mostAttempts = 5
const pauseMs = 50

/** A TypeError where `vkey` is none; an error of the operating system where a file cannot be read. */
export async function verifyLog(options: VerifyOptions): Promise<LogReport> {
  const { directory, vkey, against, mirror = false, files = diskFiles } = options
  const readFile = readerOf(files, directory)
  const readNote = async () => (await readFile('checkpoint'))?.toString()
  const verifier = noteVerifier(vkey)
  const older = against === undefined ? undefined : openCheckpoint(verifier, against)
  if (against !== undefined && older === undefined)
    return unusable({ kind: 'checkpoint-invalid', message: 'The remembered checkpoint is not one of this log.' })

  const entries = entryVerifier(readFile, older?.size)
  for (let attempt = 1; ; attempt += 1) {
    const note = await readNote()
    if (note === undefined)
      return unusable({ kind: 'checkpoint-missing', path: 'checkpoint', message: 'There is no checkpoint.' })
    const checkpoint = openCheckpoint(verifier, note)
    if (checkpoint === undefined) {
      const message = 'The checkpoint is not signed by this key for this log.'
      return unusable({ kind: 'checkpoint-invalid', path: 'checkpoint', message })
    }
    const { tree, olderRoot, findings } = await entries.verifyTo(checkpoint)
    const read = mirror || tree === undefined ? nothing : await readSegments(readFile, verifier, tree)
    // Once it is published, the journal need not hold a record any longer: then it was read too late.
    const movedOn = (await readNote()) !== note
    if ((movedOn || read.damage.length > 0) && attempt < mostAttempts) {
      if (!movedOn) await new Promise((resolve) => setTimeout(resolve, pauseMs))
      continue
    }
    const journal = movedOn ? nothing : read

    const size = checkpoint.size + journal.entries.length
    add(findings, ...journal.damage)
    if (older !== undefined)
      add(findings, ...compare(older, size, olderRoot ?? rootInJournal(tree, journal.entries, older.size)))
    const { unfinished } = journal
    const counts = { size, publishedSize: checkpoint.size, unfinished }
    if (findings.length > 0) return { valid: false, findings, ...counts }
    return { valid: true, findings, ...counts, checkpoint: note }
  }
}

const nothing: JournalReading = { entries: [], unfinished: 0, damage: [] }

function unusable(finding: LogFinding): LogReport {
  return { valid: false, findings: [finding], size: 0, publishedSize: 0, unfinished: 0 }
}

async function readSegments(readFile: ReadLogFile, verifier: NoteVerifier, published: Tree): Promise<JournalReading> {
  // One after the other: never is the second one older than the first.
  const segments: (Buffer | undefined)[] = []
  for (const name of segmentNames) segments.push(await readFile(name))
  return readJournal(segments, verifier, published)
}

/** The root at a size that is not published yet. */
function rootInJournal(published: Tree | undefined, entries: readonly Buffer[], size: number): Hash | undefined {
  if (published === undefined || size < published.size()) return undefined
  const tree = published.fork()
  for (const entry of entries.slice(0, size - published.size())) tree.append(leafHash(entry))
  return tree.size() === size ? tree.root() : undefined
}

function compare(older: Checkpoint, size: number, root: Hash | undefined): readonly LogFinding[] {
  if (root === older.root) return []
  if (older.size > size) {
    const message = `The log holds ${size} records and once held ${older.size}: it was cut, or is an old copy.`
    return [{ kind: 'rolled-back', index: size, message }]
  }
  const message = `The first ${older.size} records are not those that the remembered checkpoint vouches for.`
  return [{ kind: 'history-changed', message }]
}

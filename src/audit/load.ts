/** What a log holds when it is opened: the right edge of its tiles, and its journal. However long the log, it reads little. */
import { join } from 'node:path'
import { problem } from '../domain/errors.ts'
import { openCheckpoint } from './checkpoint.ts'
import { type Files, readerOf } from './files.ts'
import type { LogFinding } from './findings.ts'
import { type Growing, growingFrom } from './growing.ts'
import { readJournal, segmentNames } from './journal.ts'
import { type NoteSigner, type NoteVerifier, noteVerifier } from './note.ts'
import { rangeRoot } from './proofs.ts'
import { encodeEntries, nodesFromTiles, type ReadLogFile, readBundle, readEdge } from './tiles.ts'
import { emptyRoot, emptyTree, leafHash, tileWidth, treeFromEdge } from './tree.ts'

export type LoadOptions = {
  /** The log's own directory; made if need be. One process writes it. */
  readonly directory: string
  readonly signer: NoteSigner
  /** A checkpoint that somebody kept: the log must still begin with what it vouched for, or it is not opened. */
  readonly remembered?: string
  /** Go on with what is left of a damaged journal, or without what is remembered. For an operator who has looked. */
  readonly acceptDamage?: boolean
}

export type Loaded = {
  readonly growing: Growing
  readonly recovery: Recovery
  /** The checkpoint that was published last; undefined for a new log. */
  readonly checkpoint: string | undefined
}

/** What the start found. The caller puts it on record where it is anything. */
export type Recovery = {
  /** Records that were durable in the journal only. */
  readonly replayed: number
  /** Records of a batch that a crash tore; nobody was told that they are on record, and they are not. */
  readonly dropped: number
  /** Only with `acceptDamage`. */
  readonly damage: readonly LogFinding[]
}

/** Writes nothing. Rejects with an Error that says what is wrong where the log is damaged or of another key. */
export async function load(options: LoadOptions, files: Files): Promise<Loaded> {
  const { directory, signer } = options
  const readFile = readerOf(files, directory)
  const verifier = noteVerifier(signer.vkey)
  const note = (await readFile('checkpoint'))?.toString()
  const segments = await Promise.all(segmentNames.map(readFile))
  if (note === undefined) {
    const { entries, unfinished } = readJournal(segments, verifier, emptyTree())
    if (entries.length > 0 || unfinished > 0 || (await files.facts(join(directory, 'tile'))) !== undefined)
      throw damaged(directory, 'its checkpoint is missing.')
    const lost = options.remembered === undefined ? [] : [rolledBack(0, 'it is empty, and once was not.')]
    requireAccepted(options, lost)
    const recovery = { replayed: 0, dropped: 0, damage: lost }
    return { growing: growingFrom(signer, 0, [], Buffer.alloc(0)), recovery, checkpoint: undefined }
  }

  const checkpoint = openCheckpoint(verifier, note)
  if (checkpoint === undefined) throw damaged(directory, `its checkpoint is not signed by ${signer.vkey}.`)
  const { size } = checkpoint
  const edge = await readEdge(readFile, size)
  const tree = treeFromEdge(size, edge)
  if (tree.root() !== checkpoint.root) throw damaged(directory, 'its tiles are not those of its checkpoint.')
  const partialBundle = await readPartialBundle(readFile, size, edge[0]?.level === 0 ? edge[0].hashes : undefined)
  if (partialBundle === undefined) throw damaged(directory, 'its last entries are not those of its tiles.')
  const lost =
    options.remembered === undefined ? [] : await notBeginningWith(options.remembered, verifier, size, readFile)

  const { entries, unfinished, damage: ofJournal } = readJournal(segments, verifier, tree)
  const damage = [...lost, ...ofJournal]
  requireAccepted(options, damage)
  const growing = growingFrom(signer, size, edge, partialBundle)
  growing.add(encodeEntries(entries), entries.map(leafHash))
  return { growing, recovery: { replayed: entries.length, dropped: unfinished, damage }, checkpoint: note }
}

function requireAccepted({ directory, acceptDamage }: LoadOptions, damage: readonly LogFinding[]): void {
  if (damage.length > 0 && acceptDamage !== true)
    throw damaged(directory, damage.map(({ message }) => message).join(' '))
}

function rolledBack(index: number, message: string): LogFinding {
  return { kind: 'rolled-back', index, message }
}

function damaged(directory: string, what: string): Error {
  return problem('AuditUnavailable', {
    message: `The audit log in ${directory} is damaged: ${what}`,
    mend: 'See docs/audit.md, "When the log is damaged". Nothing was changed.',
  })
}

/** As it is on disk; undefined where its entries do not hash to the leaves. */
async function readPartialBundle(
  readFile: ReadLogFile,
  size: number,
  leaves: Buffer | undefined,
): Promise<Buffer | undefined> {
  if (leaves === undefined) return Buffer.alloc(0)
  const entries = await readBundle(readFile, Math.floor(size / tileWidth), size % tileWidth)
  if (entries === undefined) return undefined
  const hashes = Buffer.from(entries.map(leafHash).join(''), 'latin1')
  return hashes.equals(leaves) ? encodeEntries(entries) : undefined
}

/** A checkpoint leaves the house only once it is published: the published log must reach back to it. */
async function notBeginningWith(
  remembered: string,
  verifier: NoteVerifier,
  size: number,
  readFile: ReadLogFile,
): Promise<readonly LogFinding[]> {
  const older = openCheckpoint(verifier, remembered)
  if (older === undefined) throw new Error(`The remembered checkpoint is not signed by this key for ${verifier.name}.`)
  if (older.size > size) return [rolledBack(size, `it holds ${size} records and once held ${older.size}.`)]
  const root = older.size === 0 ? emptyRoot : await rangeRoot(nodesFromTiles(readFile, size), 0, older.size)
  if (root === older.root) return []
  return [{ kind: 'history-changed', message: `its first ${older.size} records are not those of back then.` }]
}

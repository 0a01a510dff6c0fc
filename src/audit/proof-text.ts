/** Proofs that one record is in the log, as a text that stands by itself (C2SP tlog-proof). */
import type { AuditRecord } from '../domain/ports.ts'
import { openCheckpoint, parseCount } from './checkpoint.ts'
import { noteVerifier } from './note.ts'
import { rootFromInclusion } from './proofs.ts'
import { type Hash, hashFromBase64, hashToBase64, leafHash } from './tree.ts'

const firstLine = 'c2sp.org/tlog-proof@v1'
/** An entry is at most 64 KiB, a path at most 53 hashes, a checkpoint small. */
const mostProofCharacters = 200_000

export type ProofParts = {
  /** Canonical JSON of the record; the `extra` line of the format. */
  readonly entry: Uint8Array
  readonly index: number
  /** From the leaf's sibling up. */
  readonly path: readonly Hash[]
  /** The signed note, of any size greater than the index. */
  readonly checkpoint: string
}

export function formatProof({ entry, index, path, checkpoint }: ProofParts): string {
  const extra = Buffer.from(entry.buffer, entry.byteOffset, entry.byteLength).toString('base64')
  const hashes = path.map((value) => `${hashToBase64(value)}\n`).join('')
  return `${firstLine}\nextra ${extra}\nindex ${index}\n${hashes}\n${checkpoint}`
}

export type ProofVerdict =
  | {
      readonly valid: true
      readonly index: number
      readonly record: AuditRecord
      /** The size of the log that the record is proven to be in. */
      readonly size: number
    }
  | { readonly valid: false; readonly reason: string }

/** Needs nothing but the text and the log's verifier key. A TypeError where the key is none. */
export function verifyProof(text: string, vkey: string): ProofVerdict {
  const verifier = noteVerifier(vkey)
  if (text.length > mostProofCharacters) return refused('The text is too long for a proof.')
  const blank = text.indexOf('\n\n')
  const [first, extra = '', indexLine = '', ...hashes] = text.slice(0, Math.max(blank, 0)).split('\n')
  if (first !== firstLine) return refused(`A proof begins with the line ${firstLine}.`)
  const entry = Buffer.from(extra.replace(/^extra /, ''), 'base64')
  if (extra !== `extra ${entry.toString('base64')}`) return refused('The second line does not hold the record.')
  const index = parseCount(indexLine.replace(/^index /, ''))
  if (index === undefined || indexLine !== `index ${index}`) return refused('The third line does not hold the index.')
  const path: Hash[] = []
  for (const line of hashes) {
    const value = hashFromBase64(line)
    if (value === undefined) return refused(`"${line}" is not the base64 of a hash.`)
    path.push(value)
  }
  const checkpoint = openCheckpoint(verifier, text.slice(blank + 2))
  if (checkpoint === undefined) return refused('The checkpoint is not signed by this key for this log.')
  if (rootFromInclusion(leafHash(entry), index, checkpoint.size, path) !== checkpoint.root)
    return refused('The record at this index does not lead to the root of the checkpoint.')
  const record = parseRecord(entry)
  if (record === undefined) return refused('The entry is not the JSON of a record.')
  return { valid: true, index, record, size: checkpoint.size }
}

function refused(reason: string): ProofVerdict {
  return { valid: false, reason }
}

function parseRecord(entry: Buffer): AuditRecord | undefined {
  try {
    return JSON.parse(entry.toString()) as AuditRecord
  } catch {
    return undefined
  }
}

/** Checkpoints (C2SP tlog-checkpoint): the size and the root of the log, signed. Who remembers one notices a rollback. */
import type { NoteSigner, NoteVerifier } from './note.ts'
import { type Hash, hashFromBase64, hashToBase64 } from './tree.ts'

export type Checkpoint = {
  /** The unique name of the log. */
  readonly origin: string
  /** How many records the tree holds. */
  readonly size: number
  readonly root: Hash
}

/** The key's name is the origin, as the specification recommends. */
export function signCheckpoint(signer: NoteSigner, size: number, root: Hash): string {
  return signer.sign(`${signer.name}\n${size}\n${hashToBase64(root)}\n`)
}

/** Undefined where the note is not signed by this key or is no checkpoint of this log. Extension lines are allowed. */
export function openCheckpoint(verifier: NoteVerifier, note: string): Checkpoint | undefined {
  const text = verifier.open(note)
  if (text === undefined) return undefined
  const [origin, sizeText = '', rootText = '', ...extensions] = text.slice(0, -1).split('\n')
  const size = parseCount(sizeText)
  const root = hashFromBase64(rootText)
  if (origin !== verifier.name || size === undefined || root === undefined || extensions.includes('')) return undefined
  return { origin, size, root }
}

/** Decimal, no leading zeros. */
export function parseCount(text: string): number | undefined {
  const count = Number(text)
  return /^(?:0|[1-9][0-9]*)$/.test(text) && Number.isSafeInteger(count) ? count : undefined
}

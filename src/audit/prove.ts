/** Proofs from the files of a log, without its service: what is published can be proven by whoever has a copy. */
import { problem } from '../domain/errors.ts'
import { openCheckpoint } from './checkpoint.ts'
import { entryReader } from './entry-reader.ts'
import { diskFiles, type Files, readerOf } from './files.ts'
import { noteVerifier } from './note.ts'
import { formatProof } from './proof-text.ts'
import { inclusionPath } from './proofs.ts'
import { nodesFromTiles } from './tiles.ts'

export type ProveOptions = {
  readonly directory: string
  readonly vkey: string
  readonly record: { readonly index: number } | { readonly requestId: string }
  readonly files?: Files
}

/** A text for `verifyProof`. A Problem `ResourceNotFound` where no such record is published. */
export async function proveFromFiles({ directory, vkey, record, files = diskFiles }: ProveOptions): Promise<string> {
  const readFile = readerOf(files, directory)
  const note = (await readFile('checkpoint'))?.toString() ?? ''
  const checkpoint = openCheckpoint(noteVerifier(vkey), note)
  if (checkpoint === undefined) throw new Error(`There is no checkpoint in ${directory} that this key has signed.`)
  const { size } = checkpoint
  const reader = entryReader(
    readFile,
    () => undefined,
    () => size,
  )
  const index = 'index' in record ? record.index : (await reader.find(record.requestId))?.index
  if (index === undefined || !Number.isSafeInteger(index) || index < 0 || index >= size)
    throw problem('ResourceNotFound', { message: `There is no such record among the ${size} that are published.` })
  const path = await inclusionPath(nodesFromTiles(readFile, size), index, size)
  return formatProof({ entry: await reader.entry(index), index, path, checkpoint: note })
}

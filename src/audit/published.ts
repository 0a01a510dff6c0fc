/** What is published of a log, from its files alone: that of another process, or a copy. */
import { problem } from '../domain/errors.ts'
import type { ReadableLog } from '../domain/ports.ts'
import { openCheckpoint } from './checkpoint.ts'
import { entryReader } from './entry-reader.ts'
import { noteVerifier } from './note.ts'
import { formatProof } from './proof-text.ts'
import { consistencyPath, inclusionPath } from './proofs.ts'
import { nodesFromTiles, type ReadLogFile } from './tiles.ts'
import { hashToBase64 } from './tree.ts'

/** As of now: what is published later is not in it. Undefined where there is no checkpoint that this key has signed. */
export async function publishedLog(
  number: number,
  vkey: string,
  readFile: ReadLogFile,
): Promise<ReadableLog | undefined> {
  const note = (await readFile('checkpoint'))?.toString() ?? ''
  const size = openCheckpoint(noteVerifier(vkey), note)?.size
  if (size === undefined) return undefined
  const nodes = nodesFromTiles(readFile, size)
  const reader = entryReader(
    readFile,
    () => undefined,
    () => size,
  )

  return {
    number,
    vkey,
    size: () => size,
    read: reader.read,
    find: reader.find,
    checkpoint: async () => note,
    async prove(index) {
      if (!Number.isSafeInteger(index) || index < 0 || index >= size)
        throw problem('ResourceNotFound', { message: `There is no such record among the ${size} that are published.` })
      const path = await inclusionPath(nodes, index, size)
      return formatProof({ entry: await reader.entry(index), index, path, checkpoint: note })
    },
    async proveConsistency(olderSize) {
      if (olderSize > size) throw problem('ResourceNotFound', { message: `Only ${size} records are published.` })
      const path = olderSize === 0 ? [] : await consistencyPath(nodes, olderSize, size)
      return { checkpoint: note, path: path.map(hashToBase64) }
    },
  }
}

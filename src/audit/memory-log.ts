/** An audit log that is gone with its process: dev mode and simulations. It proves like the one on disk. */
import { problem } from '../domain/errors.ts'
import type { AuditRecord, ProvableLog } from '../domain/ports.ts'
import { entryText } from './canonical.ts'
import { signCheckpoint } from './checkpoint.ts'
import type { Recovery } from './load.ts'
import type { NoteSigner } from './note.ts'
import { formatProof } from './proof-text.ts'
import { consistencyPath, inclusionPath, type ReadNode, rangeRoot } from './proofs.ts'
import { emptyRoot, type Hash, hashToBase64, leafHashOfText, nodeHash } from './tree.ts'

export async function openMemoryAuditLog(options: {
  readonly signer: NoteSigner
}): Promise<ProvableLog & { readonly recovery: Recovery }> {
  const { signer } = options
  const entries: string[] = []
  /** The roots of all perfect subtrees, by height and index. */
  const nodes: Hash[][] = [[]]
  let closed = false

  const readNode: ReadNode = async (height, index) => nodes[height]?.[index] as Hash

  function add(height: number, value: Hash) {
    nodes[height] ??= []
    const level = nodes[height] as Hash[]
    level.push(value)
    if (level.length % 2 === 0) add(height + 1, nodeHash(level.at(-2) as Hash, value))
  }

  async function checkpointOf(size: number) {
    return signCheckpoint(signer, size, size === 0 ? emptyRoot : await rangeRoot(readNode, 0, size))
  }

  function requireRecord(index: number) {
    if (!Number.isSafeInteger(index) || index < 0 || index >= entries.length)
      throw problem('ResourceNotFound', { message: `There is no record ${index} in the audit log.` })
  }

  function recordAt(index: number) {
    return { index, record: JSON.parse(entries[index] as string) as AuditRecord }
  }

  return {
    recovery: { replayed: 0, dropped: 0, damage: [] },
    vkey: signer.vkey,
    async append(record) {
      if (closed) throw problem('AuditUnavailable')
      const text = entryText(record)
      add(0, leafHashOfText(text))
      return { index: entries.push(text) - 1 }
    },
    healthy: () => !closed,
    size: () => entries.length,
    async *read(from, to) {
      const end = Math.min(to, entries.length)
      for (let index = Math.max(0, from); index < end; index += 1) yield recordAt(index)
    },
    async find(requestId) {
      const index = entries.findLastIndex(
        (text, at) => text.includes(JSON.stringify(requestId)) && recordAt(at).record.requestId === requestId,
      )
      return index === -1 ? undefined : recordAt(index)
    },
    checkpoint: () => checkpointOf(entries.length),
    async prove(index) {
      requireRecord(index)
      const size = entries.length
      return formatProof({
        entry: Buffer.from(entries[index] as string),
        index,
        path: await inclusionPath(readNode, index, size),
        checkpoint: await checkpointOf(size),
      })
    },
    async proveConsistency(olderSize) {
      if (olderSize !== 0) requireRecord(olderSize - 1)
      const size = entries.length
      const path = olderSize === 0 ? [] : await consistencyPath(readNode, olderSize, size)
      return { checkpoint: await checkpointOf(size), path: path.map(hashToBase64) }
    },
    async close() {
      closed = true
    },
  }
}

/** Puts snapshots on disk, in an order in which a checkpoint never vouches for anything that is not there. */
import { dirname, join } from 'node:path'
import { type Files, makeDurableDirectory, replaceFile } from './files.ts'
import type { Growing, Snapshot } from './growing.ts'

export type Publisher = {
  /** Durable once resolved. Where it rejects, the next snapshot writes all of it again. One at a time. */
  publish(snapshot: Snapshot): Promise<void>
  /** The size of the log as others see it. */
  size(): number
  /** The checkpoint they see. */
  checkpoint(): string
  /** Whether this can stand on the disk: the checkpoint of now, or one whose publication failed half-way. */
  mayHaveWritten(checkpoint: string | undefined): boolean
}

export function publisher(
  files: Files,
  directory: string,
  growing: Growing,
  before: { readonly size: number; readonly checkpoint: string | undefined },
): Publisher {
  let published = before
  let unfinished = new Set<string>()
  let knownDirectories = new Set<string>()

  async function write({ files: tiles, checkpoint }: Snapshot) {
    const paths = [...tiles.keys()].map((path) => join(directory, path))
    const directories = new Set(paths.map((path) => dirname(path)))
    for (const path of directories) {
      if (!knownDirectories.has(path)) await makeDurableDirectory(files, path, directory)
      knownDirectories.add(path)
    }
    for (const [path, bytes] of tiles) await replaceFile(files, join(directory, path), bytes)
    for (const path of directories) await files.syncDirectory(path)
    await replaceFile(files, join(directory, 'checkpoint'), Buffer.from(checkpoint))
    await files.syncDirectory(directory)
  }

  return {
    async publish(snapshot) {
      if (published.checkpoint !== undefined && published.size === snapshot.size) return
      unfinished.add(snapshot.checkpoint)
      try {
        await write(snapshot)
      } catch (error) {
        // Perhaps a directory was removed.
        knownDirectories = new Set()
        throw error
      }
      published = snapshot
      unfinished = new Set()
      growing.forget(snapshot)
      for (const path of snapshot.outdated.map((path) => join(directory, path))) {
        knownDirectories.delete(path)
        await files.remove(path)
      }
    },
    size: () => published.size,
    checkpoint: () => published.checkpoint ?? '',
    mayHaveWritten: (checkpoint) =>
      checkpoint !== undefined && (checkpoint === published.checkpoint || unfinished.has(checkpoint)),
  }
}

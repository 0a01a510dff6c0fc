/** Recomputes the tree from the entries of a log, bundle by bundle, and compares it with the tiles and a checkpoint. */
import { canonicalJson } from './canonical.ts'
import type { Checkpoint } from './checkpoint.ts'
import {
  add,
  changedRecords,
  changedTile,
  type Findings,
  missingFile,
  type Suspect,
  tileDifferences,
} from './findings.ts'
import { decodeEntries, type ReadLogFile, readTile, tilePath } from './tiles.ts'
import {
  emptyRoot,
  emptyTree,
  type Hash,
  hashAt,
  hashBytes,
  leafHash,
  type Tile,
  type Tree,
  tileWidth,
} from './tree.ts'

export type VerifiedEntries = {
  /** The tree of the checkpoint; undefined where neither entries nor tiles lead to its root. */
  readonly tree: Tree | undefined
  /** The root at the older size that was asked for, where the log is as long. */
  readonly olderRoot: Hash | undefined
  readonly findings: Findings
}

export type EntryVerifier = {
  /** May be called again with a later checkpoint: it then goes on from the last full bundle. */
  verifyTo(checkpoint: Checkpoint): Promise<VerifiedEntries>
}

/**
 * Where entries and lowest tiles disagree there are two trees; that which leads to the signed root tells whether an entry
 * was changed or a tile.
 */
type Progress = {
  readonly ofEntries: Branch
  readonly ofTiles: Branch | undefined
  readonly suspects: readonly Suspect[]
  /** What is wrong whichever tree is the right one. */
  readonly findings: Findings
}

type Branch = {
  readonly tree: Tree
  readonly olderRoot: Hash | undefined
  /** Higher tiles that differ on disk. */
  readonly differing: Findings
}

/** Bundles that are kept in memory to be described. */
const mostSuspects = 100
/** Stands for a record of which neither entry nor tile is there; no SHA-256 is known to be this. */
const noHash: Hash = '\0'.repeat(hashBytes)

export function entryVerifier(readFile: ReadLogFile, olderSize: number | undefined): EntryVerifier {
  /** Up to the last full bundle. */
  let progress: Progress = {
    ofEntries: { tree: emptyTree(), olderRoot: olderSize === 0 ? emptyRoot : undefined, differing: [] },
    ofTiles: undefined,
    suspects: [],
    findings: [],
  }
  let bundles = 0

  return {
    async verifyTo(checkpoint) {
      for (; (bundles + 1) * tileWidth <= checkpoint.size; bundles += 1)
        progress = await verifyBundle(progress, bundles, tileWidth)
      const rest = checkpoint.size - bundles * tileWidth
      const whole = rest > 0 ? await verifyBundle(progress, bundles, rest) : progress
      return verdict(await compareEdges(whole), checkpoint)
    },
  }

  async function verifyBundle(before: Progress, index: number, width: number): Promise<Progress> {
    const start = index * tileWidth
    const findings = [...before.findings]
    const entryPath = tilePath('entries', index, width)
    const entries = await readEntries(readFile, index, width)
    if (entries === undefined) add(findings, missingFile(entryPath, start, width))
    const tile = await readTile(readFile, 0, index, width)
    const expected = tile?.length === width * hashBytes ? hashesOf(tile) : undefined
    if (expected === undefined) add(findings, missingFile(tilePath(0, index, width), start, width))
    for (const [at, entry] of (entries ?? []).entries())
      if (!isCanonical(entry)) {
        const message = `Record ${start + at} is not canonical JSON.`
        add(findings, { kind: 'record-malformed', path: entryPath, index: start + at, message })
      }

    const leaves = (entries ?? expected ?? []).map((from) => (typeof from === 'string' ? from : leafHash(from)))
    const agree = leaves.length === width && (expected ?? leaves).every((leaf, at) => leaf === leaves[at])
    const suspects =
      agree || before.suspects.length === mostSuspects
        ? before.suspects
        : [...before.suspects, { index, width, leaves, expected }]
    // Where an entry is not there, the tile's word is taken for it: so those behind it can be checked.
    const known = Array.from({ length: width }, (_, at) => leaves[at] ?? expected?.[at] ?? noHash)
    const ofTiles = before.ofTiles ?? (agree ? undefined : before.ofEntries)
    return {
      ofEntries: await grow(before.ofEntries, known),
      ofTiles: ofTiles && (await grow(ofTiles, expected ?? known)),
      suspects,
      findings,
    }
  }

  async function grow(branch: Branch, leaves: readonly Hash[]): Promise<Branch> {
    const full: Tile[] = []
    const tree = branch.tree.fork((tile) => full.push(tile))
    let { olderRoot } = branch
    for (const leaf of leaves) {
      tree.append(leaf)
      if (tree.size() === olderSize) olderRoot = tree.root()
    }
    return compareTiles({ ...branch, tree, olderRoot }, full)
  }

  /** Those above the lowest, which were compared entry by entry. */
  async function compareTiles(branch: Branch, tiles: readonly Tile[]): Promise<Branch> {
    const differing = [...branch.differing]
    for (const tile of tiles.filter(({ level }) => level > 0)) {
      const { level, index, hashes } = tile
      const width = hashes.length / hashBytes
      const onDisk = await readTile(readFile, level, index, width)
      if (onDisk?.length === hashes.length) add(differing, ...tileDifferences(onDisk, tile))
      else {
        const span = tileWidth ** level
        add(differing, missingFile(tilePath(level, index, width), index * tileWidth * span, width * span))
      }
    }
    return { ...branch, differing }
  }

  async function compareEdges(whole: Progress): Promise<Progress> {
    const { ofEntries, ofTiles } = whole
    return {
      ...whole,
      ofEntries: await compareTiles(ofEntries, ofEntries.tree.edge()),
      ofTiles: ofTiles && (await compareTiles(ofTiles, ofTiles.tree.edge())),
    }
  }
}

function verdict({ ofEntries, ofTiles, suspects, findings }: Progress, checkpoint: Checkpoint): VerifiedEntries {
  const signed = [ofEntries, ofTiles].find((branch) => branch?.tree.root() === checkpoint.root)
  const all = [...findings]
  for (const suspect of suspects)
    add(all, ...(signed === ofEntries && isWhole(suspect) ? [changedTile(suspect)] : changedRecords(suspect)))
  add(all, ...(signed ?? ofTiles ?? ofEntries).differing)
  if (signed === undefined) {
    const message = `The ${checkpoint.size} records are not those that the checkpoint vouches for.`
    add(all, { kind: 'root-mismatch', path: 'checkpoint', message })
  }
  return { tree: signed?.tree, olderRoot: (signed ?? ofEntries).olderRoot, findings: all }
}

function isWhole({ leaves, width }: Suspect): boolean {
  return leaves.length === width
}

function hashesOf(tile: Buffer): readonly Hash[] {
  return Array.from({ length: tile.length / hashBytes }, (_, at) => hashAt(tile, at))
}

/** All that are in the file, even if they are too many; bytes at the end that make no whole entry count as one. */
async function readEntries(
  readFile: ReadLogFile,
  index: number,
  width: number,
): Promise<readonly Buffer[] | undefined> {
  const exact = await readFile(tilePath('entries', index, width))
  if (exact !== undefined) {
    const { entries, rest } = decodeEntries(exact)
    return rest === 0 ? entries : [...entries, exact.subarray(-rest)]
  }
  if (width === tileWidth) return undefined
  // A partial bundle is removed when the full one has taken its place.
  const full = await readFile(tilePath('entries', index, tileWidth))
  return full === undefined ? undefined : decodeEntries(full).entries.slice(0, width)
}

function isCanonical(entry: Buffer): boolean {
  try {
    return Buffer.from(canonicalJson(JSON.parse(entry.toString()))).equals(entry)
  } catch {
    return false
  }
}

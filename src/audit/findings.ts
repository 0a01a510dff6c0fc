/** What a verification finds, and how it names the records concerned. */
import type { JournalDamage } from './journal.ts'
import { tilePath } from './tiles.ts'
import { type Hash, hashAt, hashBytes, type Tile, tileWidth } from './tree.ts'

export type LogFinding = {
  readonly kind:
    | JournalDamage['kind']
    | 'checkpoint-missing'
    | 'checkpoint-invalid'
    | 'root-mismatch'
    | 'file-missing'
    | 'record-changed'
    | 'record-missing'
    | 'record-moved'
    | 'record-malformed'
    | 'tile-changed'
    | 'rolled-back'
    | 'history-changed'
  /** The file within the log's directory. */
  readonly path?: string
  /** The first record concerned, zero-based. */
  readonly index?: number
  readonly message: string
}

/** A list that stops growing: of a log that is garbage nobody reads every line. */
export type Findings = LogFinding[]
export const mostFindings = 1_000

export function add(findings: Findings, ...more: readonly LogFinding[]): void {
  findings.push(...more.slice(0, mostFindings - findings.length))
}

/** One bundle whose entries are not those of its lowest tile. */
export type Suspect = {
  readonly index: number
  readonly width: number
  /** Leaf hashes of the entries that are there. */
  readonly leaves: readonly Hash[]
  /** What the tile holds; undefined where it is not there. */
  readonly expected: readonly Hash[] | undefined
}

/** Where the tiles lead to the signed root: what was done to the entries. */
export function changedRecords({ index, width, leaves, expected }: Suspect): readonly LogFinding[] {
  const start = index * tileWidth
  const path = tilePath('entries', index, width)
  const finding = (kind: LogFinding['kind'], at: number, message: string): LogFinding => {
    return { kind, path, index: start + at, message }
  }
  if (expected === undefined)
    return [finding('record-missing', 0, `Of the records from ${start} on ${leaves.length} are there, not ${width}.`)]

  const findings: LogFinding[] = []
  const places = leaves.map((leaf) => expected.indexOf(leaf))
  const seen = new Set<number>()
  let last = -1
  for (const [at, place] of places.entries()) {
    if (place === -1) {
      const was = at < width ? 'was changed' : 'was added'
      findings.push(finding('record-changed', at, `Record ${start + at} ${was}.`))
    } else if (seen.has(place))
      findings.push(finding('record-moved', at, `Record ${start + place} stands again in the place of ${start + at}.`))
    else if (place < last)
      findings.push(finding('record-moved', at, `Record ${start + place} stands behind record ${start + last}.`))
    seen.add(place)
    last = Math.max(last, place)
  }
  for (let at = 0; at < width; at += 1)
    if (!seen.has(at) && places[at] !== -1)
      findings.push(finding('record-missing', at, `Record ${start + at} is missing.`))
  return findings
}

/** Where the entries lead to the signed root. */
export function changedTile({ index, width }: Suspect): LogFinding {
  const path = tilePath(0, index, width)
  return { kind: 'tile-changed', path, index: index * tileWidth, message: `The tile ${path} was changed.` }
}

/** The hashes in which a tile on disk differs from the one that was recomputed. */
export function tileDifferences(onDisk: Buffer, { level, index, hashes }: Tile): readonly LogFinding[] {
  const width = hashes.length / hashBytes
  const path = tilePath(level, index, width)
  const span = tileWidth ** level
  const findings: LogFinding[] = []
  for (let at = 0; at < width; at += 1) {
    if (hashAt(onDisk, at) === hashAt(hashes, at)) continue
    const first = (index * tileWidth + at) * span
    const records = `the records ${first} to ${first + span - 1}`
    findings.push({
      kind: 'tile-changed',
      path,
      index: first,
      message: `Of ${records} the tile ${path} says something else than they do.`,
    })
  }
  return findings
}

export function missingFile(path: string, start: number, records: number): LogFinding {
  const which = `the records ${start} to ${start + records - 1}`
  return {
    kind: 'file-missing',
    path,
    index: start,
    message: `The file ${path} of ${which} is missing or has the wrong length.`,
  }
}

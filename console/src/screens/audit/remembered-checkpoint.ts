/**
 * The last checkpoint of each log that this browser has seen, so that it notices a log that was cut, changed, or replaced by
 * another: neither the service nor whoever runs it can take back what was shown here. Nothing in it is secret.
 */
import { type Checkpoint, hashesOf, isConsistent, openCheckpoint, openVerifierKey, type VerifierKey } from './proof.ts'

export type Remembered = {
  readonly verifierKey: string
  /** The signed note. */
  readonly note: string
  /** RFC 3339. */
  readonly seenAt: string
}

export type Memory = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>
const place = 'keyward.audit-checkpoints'

type Compared = { readonly now: Checkpoint; readonly before: Checkpoint; readonly seenAt: string }

/** Of one log; the worse a finding is, the later it stands here. */
export type Finding = { readonly log: number } & (
  | ({ readonly is: 'consistent' } & Compared)
  /** Nothing was remembered: from now on something is. */
  | { readonly is: 'first'; readonly now: Checkpoint }
  /** Another key signs now. */
  | { readonly is: 'other-key'; readonly seenAt: string }
  /** It was there, and is not any more. */
  | { readonly is: 'gone'; readonly before: Checkpoint; readonly seenAt: string }
  /** It is shorter than it was. */
  | ({ readonly is: 'rolled-back' } & Compared)
  /** It does not begin with what was remembered. */
  | ({ readonly is: 'changed' } & Compared)
  /** The checkpoint is not signed by the key that the service names. */
  | { readonly is: 'not-signed' }
)

export type LogNow = { readonly log: number; readonly checkpoint: string; readonly verifierKey: string }
export type Answers = {
  checkpoints(): Promise<readonly LogNow[]>
  consistency(
    log: number,
    olderSize: number,
  ): Promise<{ readonly checkpoint: string; readonly path: readonly string[] }>
}

/** By the number of the log. */
export function rememberedIn(memory: Memory): Readonly<Record<string, Remembered>> {
  try {
    return (JSON.parse(memory.getItem(place) ?? '{}') as Record<string, Remembered> | null) ?? {}
  } catch {
    return {}
  }
}

/** After the alarm was looked into: from now on the logs as they are count. */
export function forgetIn(memory: Memory): void {
  memory.removeItem(place)
}

export function isAlarm({ is }: Finding): boolean {
  return is !== 'first' && is !== 'consistent'
}

/** Asks for the checkpoints of now, and holds them to those that are remembered; what is consistent takes their place. */
export async function compareWith(memory: Memory, answers: Answers, now: () => string): Promise<readonly Finding[]> {
  const logs = await answers.checkpoints()
  const remembered = rememberedIn(memory)
  const kept: Record<string, Remembered> = { ...remembered }
  const findings: Finding[] = []
  for (const log of logs) {
    const { finding, note } = await compareOne(log, remembered[log.log], answers)
    findings.push(finding)
    if (note !== undefined) kept[log.log] = { verifierKey: log.verifierKey, note, seenAt: now() }
  }
  for (const [number, { verifierKey, note, seenAt }] of Object.entries(remembered)) {
    if (logs.some(({ log }) => log === Number(number))) continue
    const key = await openVerifierKey(verifierKey)
    const before = key && (await openCheckpoint(key, note))
    if (before !== undefined) findings.push({ log: Number(number), is: 'gone', before, seenAt })
  }
  memory.setItem(place, JSON.stringify(kept))
  return findings
}

/** `note`: what is to be remembered from now on; absent where there is an alarm. */
async function compareOne(
  { log, checkpoint: note, verifierKey }: LogNow,
  remembered: Remembered | undefined,
  answers: Answers,
): Promise<{ readonly finding: Finding; readonly note?: string }> {
  if (remembered !== undefined && remembered.verifierKey !== verifierKey)
    return { finding: { log, is: 'other-key', seenAt: remembered.seenAt } }
  const key = await openVerifierKey(verifierKey)
  const now = key && (await openCheckpoint(key, note))
  if (key === undefined || now === undefined) return { finding: { log, is: 'not-signed' } }
  const before = remembered && (await openCheckpoint(key, remembered.note))
  if (remembered === undefined || before === undefined) return { finding: { log, is: 'first', now }, note }
  const { seenAt } = remembered
  if (now.size < before.size) return { finding: { log, is: 'rolled-back', now, before, seenAt } }
  const grown = await consistentWith(before, key, answers, { log, note, checkpoint: now })
  if (grown === undefined) return { finding: { log, is: 'changed', now, before, seenAt } }
  return { finding: { log, is: 'consistent', now: grown.checkpoint, before, seenAt }, note: grown.note }
}

type Signed = { readonly note: string; readonly checkpoint: Checkpoint }

/** The newest checkpoint that begins with the older one; undefined where that cannot be shown. */
async function consistentWith(
  before: Checkpoint,
  key: VerifierKey,
  answers: Answers,
  { log, ...current }: Signed & { readonly log: number },
): Promise<Signed | undefined> {
  if (current.checkpoint.size === before.size)
    return (await isConsistent(before, current.checkpoint, [])) ? current : undefined
  // Any log begins with an empty one, and the server has no proof for it.
  if (before.size === 0) return current
  const { checkpoint: note, path } = await answers.consistency(log, before.size)
  const checkpoint = await openCheckpoint(key, note)
  const hashes = hashesOf(path)
  if (checkpoint === undefined || hashes === undefined) return undefined
  return (await isConsistent(before, checkpoint, hashes)) ? { note, checkpoint } : undefined
}

/** Checks all logs of an installation, one after the other. */
import type { LogFinding } from './findings.ts'
import { noteVerifier } from './note.ts'
import type { LogFiles } from './prove.ts'
import { verifyLog } from './verify.ts'

export type AllLogsReport = {
  readonly valid: boolean
  /** Each message says of which log, where there are several. */
  readonly findings: readonly LogFinding[]
  /** Of all logs together. */
  readonly size: number
  readonly publishedSize: number
  readonly unfinished: number
  /** Only where all are valid: their checkpoints, to be remembered and given as `against` the next time. */
  readonly checkpoint?: string
}

/** `against` holds checkpoints of earlier times, of as many logs as somebody kept: none of those may be missing. */
export async function verifyLogs(
  logs: readonly LogFiles[],
  { against = '', mirror = false }: { readonly against?: string; readonly mirror?: boolean } = {},
): Promise<AllLogsReport> {
  const remembered = new Map(notesIn(against).map((note) => [note.slice(0, note.indexOf('\n')), note]))
  const findings: LogFinding[] = []
  const checkpoints: string[] = []
  let [size, publishedSize, unfinished] = [0, 0, 0]
  for (const { number: _, ...log } of logs) {
    const { name } = noteVerifier(log.vkey)
    const older = remembered.get(name)
    remembered.delete(name)
    const report = await verifyLog({ ...log, mirror, ...(older === undefined ? {} : { against: older }) })
    const message = (words: string) => (logs.length === 1 ? words : `${name}: ${words}`)
    findings.push(...report.findings.map((finding) => ({ ...finding, message: message(finding.message) })))
    if (report.checkpoint !== undefined) checkpoints.push(report.checkpoint)
    size += report.size
    publishedSize += report.publishedSize
    unfinished += report.unfinished
  }
  for (const name of remembered.keys())
    findings.push({ kind: 'rolled-back', message: `There is a checkpoint of ${name}, and no such log.` })
  const counts = { size, publishedSize, unfinished }
  if (findings.length > 0) return { valid: false, findings, ...counts }
  return { valid: true, findings, ...counts, checkpoint: checkpoints.join('\n') }
}

/** Notes that stand one after the other: each is lines, an empty line, and lines of signatures. */
function notesIn(text: string): readonly string[] {
  if (text.trim() === '') return []
  const notes = text.match(/(?:[^\n]+\n)+\n(?:— [^\n]+\n)+/g)
  // What is none is given on as it is, and told to be none.
  return notes ?? [text]
}

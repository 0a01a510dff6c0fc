/** The service's own log: JSON lines. Requests are on record in the audit log; this one is for whoever runs the machine. */
import { type DestinationStream, type Logger, pino } from 'pino'

export type { Logger }

/** Never logged, wherever they stand: what could open something. */
const secretMembers = [
  'authorization',
  'token',
  'secretAccessKey',
  'plaintext',
  'passphrase',
  'pin',
  'importToken',
  'signature',
]

export function createLog(level: string, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: {
      paths: secretMembers.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
      censor: '[redacted]',
    },
    formatters: { level: (label: string) => ({ level: label }) },
  }
  return destination === undefined ? pino(options) : pino(options, destination)
}

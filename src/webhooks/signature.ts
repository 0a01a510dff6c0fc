/**
 * Signatures of Standard Webhooks (https://www.standardwebhooks.com): HMAC-SHA-256 over id, time and body, so that the
 * receiver knows who sent it, and can refuse what is old or came before.
 */
import { createHmac } from 'node:crypto'
import { problem } from '../domain/errors.ts'

/** Bytes of a secret: the specification's bounds. */
const leastBytes = 24
const mostBytes = 64
const prefix = 'whsec_'

/**
 * One secret to a line, `whsec_` and base64. With several, each message carries a signature by each: so that receivers
 * can change over one after the other. Throws `InvalidRequest`, which never shows what it read.
 */
export function parseSecrets(text: string): readonly Uint8Array[] {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
  if (lines.length === 0) throw badSecret('has no secret')
  return lines.map((line, at) => {
    const bytes = line.startsWith(prefix) ? decodeBase64(line.slice(prefix.length)) : undefined
    if (bytes === undefined) throw badSecret(`line ${at + 1} is not ${prefix} and base64`)
    if (bytes.length < leastBytes || bytes.length > mostBytes)
      throw badSecret(`line ${at + 1} has ${bytes.length} bytes; ${leastBytes} to ${mostBytes} are needed`)
    return bytes
  })
}

function decodeBase64(text: string): Uint8Array | undefined {
  try {
    return Uint8Array.fromBase64(text, { lastChunkHandling: 'strict' })
  } catch {
    return undefined
  }
}

function badSecret(what: string) {
  return problem('InvalidRequest', {
    message: `The file of KEYWARD_WEBHOOK_SECRET_FILE ${what}.`,
    mend: 'Make one: echo "whsec_$(openssl rand -base64 32)"',
  })
}

/** `seconds` since 1970: when this attempt is made. */
export function signedHeaders(
  secrets: readonly Uint8Array[],
  id: string,
  seconds: number,
  body: string,
): Readonly<Record<string, string>> {
  const signatures = secrets.map(
    (secret) => `v1,${createHmac('sha256', secret).update(`${id}.${seconds}.${body}`).digest('base64')}`,
  )
  return {
    'webhook-id': id,
    'webhook-timestamp': String(seconds),
    'webhook-signature': signatures.join(' '),
  }
}

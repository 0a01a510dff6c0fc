/**
 * The file of one part of the custody:
 *
 *     "KEYWARD" | place ("1", "2", "3") | format (1) | installation (16) | body | checksum (8)
 *
 * The checksum (of SHA-256) protects against nobody: it tells a damaged file from one that belongs elsewhere, because
 * the mend is another one. What protects is the authenticated encryption in the body.
 */
import { createHash } from 'node:crypto'

/** 1: the root key. 2: the private key that opens it. 3: the unlock key that opens the private key. */
export type PlaceNumber = 1 | 2 | 3

export const placeNames: Readonly<Record<PlaceNumber, string>> = {
  1: 'root key',
  2: 'private key',
  3: 'unlock key',
}

/** The custody cannot be opened or made, and nothing was changed. Its message names the part and says the mend. */
export class CustodyError extends Error {
  readonly place: PlaceNumber
  /** Of the file or folder; `passphrase` where place 3 is none. */
  readonly path: string
  readonly mend: string
  constructor(place: PlaceNumber, path: string, what: string, mend: string, cause?: unknown) {
    super(`Place ${place} (${placeNames[place]}, ${path}) ${what} ${mend}`, cause === undefined ? undefined : { cause })
    this.name = 'CustodyError'
    this.place = place
    this.path = path
    this.mend = mend
  }
}

export type Part = {
  /** Everything before the body: what the body is bound to. */
  readonly header: Uint8Array
  readonly installation: Uint8Array
  readonly body: Uint8Array
}

export const installationBytes = 16
const magic = Buffer.from('KEYWARD', 'ascii')
const format = 1
const headerBytes = magic.length + 2 + installationBytes
const checksumBytes = 8

export function partHeader(place: PlaceNumber, installation: Uint8Array): Uint8Array {
  return Buffer.concat([magic, Buffer.from(String(place), 'ascii'), Buffer.from([format]), installation])
}

export function encodePart(header: Uint8Array, body: Uint8Array): Uint8Array {
  return Buffer.concat([header, body, checksum(header, body)])
}

/** Throws CustodyError. `bodyBytes` are the lengths that a body can have. */
export function decodePart(place: PlaceNumber, path: string, bytes: Uint8Array, bodyBytes: readonly number[]): Part {
  const restore = 'Restore it from its backup.'
  const fail = (what: string, mend: string) => new CustodyError(place, path, what, mend)
  if (bytes.length === 0) throw fail('is empty.', restore)
  const header = bytes.subarray(0, headerBytes)
  if (Buffer.compare(header.subarray(0, magic.length), magic) !== 0) throw fail('is no file of Keyward.', restore)
  if (header.length < headerBytes) throw fail('is cut short.', restore)
  const digit = String.fromCharCode(header[magic.length]!)
  if (digit !== String(place))
    throw fail(
      digit === '1' || digit === '2' || digit === '3'
        ? `holds the part of place ${digit}.`
        : 'holds a part that this version does not know.',
      'Put every part back in its own place.',
    )
  if (header[magic.length + 1] !== format)
    throw fail('has a format that this version does not know.', 'Start the version that wrote it, or a newer one.')
  const bodyEnd = bytes.length - checksumBytes
  const body = bytes.subarray(headerBytes, Math.max(headerBytes, bodyEnd))
  const whole = bodyEnd >= headerBytes && Buffer.compare(checksum(header, body), bytes.subarray(bodyEnd)) === 0
  if (!whole || !bodyBytes.includes(body.length)) throw fail('is damaged or cut short.', restore)
  return { header, installation: header.subarray(headerBytes - installationBytes), body }
}

function checksum(header: Uint8Array, body: Uint8Array): Uint8Array {
  return createHash('sha256').update(header).update(body).digest().subarray(0, checksumBytes)
}

/**
 * The ciphertext of a symmetric key, version 1 (docs/ciphertext.md):
 *
 *     "KM" 0x01 | algorithm (1) | form of the key id (1) | key id (16) | version id (16) | body of the device
 *
 * Everything before the body, and the encryption context, is authenticated with it.
 */
import { problem } from './errors.ts'

export type EnvelopeHeader = {
  readonly algorithm: number
  readonly keyId: string
  readonly versionId: string
}

const magic = 0x4b4d01
export const headerBytes = 37
/** No body is shorter: a 12-byte nonce and a 16-byte tag. */
const smallestBody = 28
const idForms = ['uuid', 'mrk'] as const

export function encodeHeader(header: EnvelopeHeader): Uint8Array {
  const bytes = Buffer.allocUnsafe(headerBytes)
  const multiRegion = header.keyId.startsWith('mrk-')
  bytes.writeUIntBE(magic, 0, 3)
  bytes[3] = header.algorithm
  bytes[4] = multiRegion ? 1 : 0
  writeId(bytes, 5, multiRegion ? header.keyId.slice(4) : header.keyId)
  writeId(bytes, 21, header.versionId)
  return bytes
}

export type Envelope = {
  readonly header: EnvelopeHeader
  /** The header as it stands in the ciphertext: what is authenticated. */
  readonly headerBytes: Uint8Array
  readonly body: Uint8Array
}

/** Anything that is no envelope of ours is `InvalidCiphertext`, with the likeliest mend. */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (buffer.length >= 4 && buffer.toString('latin1', 0, 4) === 'S00B')
    throw problem('InvalidCiphertext', {
      message: 'The ciphertext is base64 text that was encoded in base64 once more.',
      mend: 'Decode it once before sending. With AWS CLI version 1 use --ciphertext-blob fileb://FILE with the binary ciphertext.',
    })
  if (buffer.length < headerBytes + smallestBody || buffer.readUIntBE(0, 2) !== magic >>> 8)
    throw problem('InvalidCiphertext', { mend: 'Send the ciphertext exactly as Encrypt returned it.' })
  const form = idForms[buffer[4] as number]
  if (buffer[2] !== 1 || form === undefined)
    throw problem('InvalidCiphertext', {
      message: 'The ciphertext has a format that this version does not know.',
      mend: 'Decrypt it with the version of Keyward that made it, or a newer one.',
    })
  const keyId = form === 'mrk' ? `mrk-${buffer.toString('hex', 5, 21)}` : readUuid(buffer, 5)
  return {
    header: { algorithm: buffer[3] as number, keyId, versionId: readUuid(buffer, 21) },
    headerBytes: buffer.subarray(0, headerBytes),
    body: buffer.subarray(headerBytes),
  }
}

export type EncryptionContext = Readonly<Record<string, string>>

/**
 * Header and encryption context as one unambiguous string of bytes: the number of pairs, then each name and value, sorted
 * by the bytes of the name, each with its length before it (32 bits, big-endian). `{a:'bc'}` and `{ab:'c'}` differ.
 */
export function associatedData(header: Uint8Array, context: EncryptionContext | undefined): Uint8Array {
  const names = context === undefined ? [] : Object.keys(context)
  if (context === undefined || names.length === 0) return Buffer.concat([header, noPairs])
  const pairs = names.map((name) => ({
    name: Buffer.from(name, 'utf8'),
    value: Buffer.from(context[name] as string, 'utf8'),
  }))
  pairs.sort((left, right) => Buffer.compare(left.name, right.name))
  const parts: Uint8Array[] = [header, uint32(pairs.length)]
  for (const { name, value } of pairs) parts.push(uint32(name.length), name, uint32(value.length), value)
  return Buffer.concat(parts)
}

const noPairs = uint32(0)

function uint32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

function writeId(target: Buffer, offset: number, id: string): void {
  const hex = id.replaceAll('-', '')
  if (hex.length !== 32 || target.write(hex, offset, 'hex') !== 16) throw new Error('an id in an envelope is 16 bytes')
}

function readUuid(source: Buffer, offset: number): string {
  const hex = source.toString('hex', offset, offset + 16)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

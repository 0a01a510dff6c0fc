/**
 * Files of any size under a key: an envelope with a data key, encrypted in chunks, so that memory stays flat and nothing is
 * given out that was not authenticated (docs/file-format.md).
 *
 *     "KWF" 0x01 | length of the header (4, big-endian) | header, JSON | chunks
 *
 * A chunk is up to 1 MiB of plaintext under AES-256-GCM with its 16-byte tag. Its nonce is its number (11 bytes,
 * big-endian) and a byte that is 1 for the last chunk only, as in STREAM (Hoang, Reyhanitabar, Rogaway, Vizar 2015): chunks
 * cannot be reordered, dropped, or cut off. The chunk key is HKDF-SHA-256 of the data key, the salt that of the header, the
 * info the whole header: a changed header opens nothing.
 */
import { createCipheriv, createDecipheriv, hash, hkdfSync } from 'node:crypto'
import { CliError } from './exit-codes.ts'

export const chunkBytes = 1_048_576
const tagBytes = 16
const magic = Buffer.from([0x4b, 0x57, 0x46, 1])
const mostHeaderBytes = 65_536
/** Bound to the data key, so that a file's data key is never taken for something else. */
export const fileContext = { 'keyward:file': '1' }

export type FileHeader = {
  readonly keyId: string
  readonly keyVersionId: string
  /** The data key, encrypted under the key, base64. */
  readonly ciphertextBlob: string
  /** Of the caller; `keyward:file` is added to it. */
  readonly encryptionContext: Readonly<Record<string, string>>
  readonly chunkBytes: number
  /** 32 random bytes, base64: no two files share a chunk key, not even under one data key. */
  readonly salt: string
}

export function encodeFileHeader(header: FileHeader): Buffer {
  const json = Buffer.from(JSON.stringify(header), 'utf8')
  const length = Buffer.alloc(4)
  length.writeUInt32BE(json.length)
  return Buffer.concat([magic, length, json])
}

/** The header, and how many bytes it takes. Undefined while more bytes are needed. */
export function decodeFileHeader(bytes: Buffer): { readonly header: FileHeader; readonly encoded: Buffer } | undefined {
  if (bytes.length < 8) return undefined
  if (!bytes.subarray(0, 3).equals(magic.subarray(0, 3)))
    throw broken(
      'This file was not made by keyward file encrypt.',
      'A small ciphertext of keyward encrypt goes through keyward decrypt.',
    )
  if (bytes[3] !== magic[3])
    throw broken('The file has a format that this version does not know.', 'Use a newer keyward.')
  const length = bytes.readUInt32BE(4)
  if (length > mostHeaderBytes) throw broken('The header of the file is damaged.')
  if (bytes.length < 8 + length) return undefined
  const encoded = bytes.subarray(0, 8 + length)
  let header: FileHeader
  try {
    header = JSON.parse(encoded.toString('utf8', 8)) as FileHeader
  } catch {
    throw broken('The header of the file is damaged.')
  }
  if (typeof header.ciphertextBlob !== 'string' || typeof header.salt !== 'string' || header.chunkBytes !== chunkBytes)
    throw broken('The header of the file is damaged.')
  return { header, encoded }
}

function chunkKey(dataKey: Uint8Array, encodedHeader: Buffer, salt: string): Buffer {
  const info = hash('sha256', encodedHeader, 'buffer')
  return Buffer.from(hkdfSync('sha256', dataKey, Buffer.from(salt, 'base64'), info, 32))
}

function nonceOf(number: number, last: boolean): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeUIntBE(number, 5, 6)
  nonce[11] = last ? 1 : 0
  return nonce
}

/** Header first, then the chunks. An empty file is one empty last chunk. */
export async function* encryptStream(
  plaintext: AsyncIterable<Uint8Array>,
  dataKey: Uint8Array,
  header: FileHeader,
): AsyncGenerator<Buffer> {
  const encoded = encodeFileHeader(header)
  yield encoded
  const key = chunkKey(dataKey, encoded, header.salt)
  let number = 0
  for await (const { bytes, last } of inPieces(plaintext, chunkBytes)) {
    const cipher = createCipheriv('aes-256-gcm', key, nonceOf(number++, last))
    yield Buffer.concat([cipher.update(bytes), cipher.final(), cipher.getAuthTag()])
  }
}

/** Plaintext, a chunk at a time, each authenticated before it is given out. Throws where the file was changed or cut. */
export async function* decryptStream(
  ciphertext: AsyncIterable<Uint8Array>,
  open: (header: FileHeader) => Promise<Uint8Array>,
): AsyncGenerator<Buffer> {
  const source = ciphertext[Symbol.asyncIterator]()
  let start: Buffer = Buffer.alloc(0)
  let head: ReturnType<typeof decodeFileHeader>
  while (head === undefined) {
    head = decodeFileHeader(start)
    if (head !== undefined) break
    const { value, done } = await source.next()
    if (done) throw broken('The file ends within its header.')
    start = Buffer.concat([start, value])
  }
  const key = chunkKey(await open(head.header), head.encoded, head.header.salt)
  const rest = start.subarray(head.encoded.length)
  async function* remaining(): AsyncGenerator<Uint8Array> {
    if (rest.length > 0) yield rest
    for (;;) {
      const { value, done } = await source.next()
      if (done) return
      yield value
    }
  }
  let number = 0
  for await (const { bytes, last } of inPieces(remaining(), chunkBytes + tagBytes)) {
    if (bytes.length < tagBytes) throw broken('The file is cut off.')
    const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(number++, last))
    decipher.setAuthTag(bytes.subarray(bytes.length - tagBytes))
    const plaintext = decipher.update(bytes.subarray(0, bytes.length - tagBytes))
    try {
      decipher.final()
    } catch {
      throw broken(
        `Chunk ${number} of the file was changed, or the file is cut off.`,
        'What came before it is what was encrypted; discard it all the same.',
      )
    }
    yield plaintext
  }
}

/** Pieces of exactly so many bytes; the last one is shorter, or full, or (of nothing) empty. */
async function* inPieces(
  source: AsyncIterable<Uint8Array>,
  size: number,
): AsyncGenerator<{ readonly bytes: Buffer; readonly last: boolean }> {
  let parts: Uint8Array[] = []
  let length = 0
  for await (const part of source) {
    parts.push(part)
    length += part.length
    // A full piece is held back until it is known whether something follows.
    while (length > size) {
      const all = Buffer.concat(parts)
      yield { bytes: all.subarray(0, size), last: false }
      parts = [all.subarray(size)]
      length -= size
    }
  }
  yield { bytes: Buffer.concat(parts), last: true }
}

function broken(message: string, mend?: string): CliError {
  return new CliError('InvalidCiphertext', message, { mend })
}

/**
 * Strings as one string of bytes that has no other reading: their number, then each with its length before it (32 bits,
 * big-endian). `['a', 'bc']` and `['ab', 'c']` differ, and so do one part and none.
 */
export function frame(parts: readonly (string | Uint8Array)[]): Uint8Array {
  const pieces: Uint8Array[] = [uint32(parts.length)]
  for (const part of parts) {
    const bytes = typeof part === 'string' ? Buffer.from(part, 'utf8') : part
    pieces.push(uint32(bytes.length), bytes)
  }
  return Buffer.concat(pieces)
}

export function uint32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/**
 * As much of DER (ITU-T X.690) as key material and SM2 ciphertexts need, and strict: definite lengths in the fewest
 * bytes, integers in the fewest bytes, nothing after the end. A second encoding of the same value is refused, so that
 * a ciphertext cannot be altered and still open (CVE-2026-23967 is what happens otherwise).
 */

export const derTag = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  sequence: 0x30,
} as const

type Element = { readonly tag: number; readonly content: Uint8Array; readonly rest: Uint8Array }

/** The first element, and what follows it; undefined where the bytes are not DER. */
export function readElement(bytes: Uint8Array): Element | undefined {
  const tag = bytes[0]
  const first = bytes[1]
  if (tag === undefined || first === undefined) return undefined
  let start = 2
  let length = first
  if (first >= 0x80) {
    const lengthBytes = first & 0x7f
    // 0x80 is BER's indefinite length; three bytes of length are more than any key has.
    if (lengthBytes === 0 || lengthBytes > 3 || bytes.length < 2 + lengthBytes) return undefined
    length = 0
    for (const byte of bytes.subarray(2, 2 + lengthBytes)) length = length * 256 + byte
    if (length < 0x80 || length < 256 ** (lengthBytes - 1)) return undefined
    start += lengthBytes
  }
  if (bytes.length - start < length) return undefined
  return { tag, content: bytes.subarray(start, start + length), rest: bytes.subarray(start + length) }
}

/** The contents of a SEQUENCE that fills `bytes` to the end and holds exactly these tags; undefined where it does not. */
export function readSequence(bytes: Uint8Array, tags: readonly number[]): readonly Uint8Array[] | undefined {
  const sequence = readElement(bytes)
  if (sequence?.tag !== derTag.sequence || sequence.rest.length > 0) return undefined
  const contents: Uint8Array[] = []
  let rest = sequence.content
  for (const tag of tags) {
    const element = readElement(rest)
    if (element?.tag !== tag) return undefined
    contents.push(element.content)
    rest = element.rest
  }
  return rest.length === 0 ? contents : undefined
}

/** Is this one SEQUENCE to its end, whatever it holds? */
export function isSequence(bytes: Uint8Array): boolean {
  const sequence = readElement(bytes)
  return sequence?.tag === derTag.sequence && sequence.rest.length === 0
}

/** The magnitude of a non-negative INTEGER's content, `size` bytes; undefined where it is negative, padded or too long. */
export function readUnsigned(content: Uint8Array, size: number): Uint8Array | undefined {
  const [first, second] = content
  if (first === undefined || first >= 0x80) return undefined
  if (first === 0 && second !== undefined && second < 0x80) return undefined
  const magnitude = first === 0 ? content.subarray(1) : content
  if (magnitude.length > size) return undefined
  const padded = new Uint8Array(size)
  padded.set(magnitude, size - magnitude.length)
  return padded
}

/** One element around these contents. */
export function encodeElement(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const length = contents.reduce((sum, content) => sum + content.length, 0)
  const lengthBytes: number[] = []
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) lengthBytes.unshift(rest % 256)
  const head = length < 0x80 ? [tag, length] : [tag, 0x80 + lengthBytes.length, ...lengthBytes]
  const encoded = new Uint8Array(head.length + length)
  encoded.set(head)
  let at = head.length
  for (const content of contents) {
    encoded.set(content, at)
    at += content.length
  }
  return encoded
}

/**
 * Wraps key material in this browser with WebCrypto, so that it leaves the browser only under the wrapping key: RSA-OAEP
 * (RFC 8017), or RSA-OAEP over a fresh AES key, and that key wraps the material with padding (RFC 5649, as PKCS#11's
 * CKM_RSA_AES_KEY_WRAP puts the two together).
 */
export type BrowserWrapping =
  | 'RSAES_OAEP_SHA_256'
  | 'RSAES_OAEP_SHA_1'
  | 'RSA_AES_KEY_WRAP_SHA_256'
  | 'RSA_AES_KEY_WRAP_SHA_1'

export const browserWrappings: readonly string[] = [
  'RSAES_OAEP_SHA_256',
  'RSAES_OAEP_SHA_1',
  'RSA_AES_KEY_WRAP_SHA_256',
  'RSA_AES_KEY_WRAP_SHA_1',
] satisfies readonly BrowserWrapping[]

type Bytes = Uint8Array<ArrayBuffer>

/** `publicKey` is a DER SubjectPublicKeyInfo. */
export async function wrapMaterial(material: Bytes, publicKey: Bytes, algorithm: BrowserWrapping): Promise<Bytes> {
  const hash = algorithm.endsWith('SHA_256') ? 'SHA-256' : 'SHA-1'
  const wrappingKey = await crypto.subtle.importKey('spki', publicKey, { name: 'RSA-OAEP', hash }, false, ['encrypt'])
  const underRsa = async (bytes: Bytes) =>
    new Uint8Array(await crypto.subtle.encrypt({ name: 'RSA-OAEP' }, wrappingKey, bytes))
  if (algorithm.startsWith('RSAES_OAEP')) return await underRsa(material)

  const kek = crypto.getRandomValues(new Uint8Array(32))
  try {
    return joined(await underRsa(kek), await wrapWithPadding(kek, material))
  } finally {
    kek.fill(0)
  }
}

/** AES key wrap with padding, RFC 5649, section 4.1. */
export async function wrapWithPadding(kek: Bytes, material: Bytes): Promise<Bytes> {
  const encryptBlock = await blockCipher(kek)
  const padded = new Uint8Array(Math.ceil(material.length / 8) * 8)
  padded.set(material)
  // The alternative initial value: a constant, and the length of the material in bytes.
  const initial = new Uint8Array([0xa6, 0x59, 0x59, 0xa6, 0, 0, 0, 0])
  new DataView(initial.buffer).setUint32(4, material.length)
  if (padded.length === 8) return await encryptBlock(joined(initial, padded))

  // RFC 3394, section 2.2.1: six rounds over all halves of blocks.
  const halves = padded.length / 8
  let head: Bytes = initial
  for (let round = 0; round < 6; round++)
    for (let half = 1; half <= halves; half++) {
      const at = (half - 1) * 8
      const block = await encryptBlock(joined(head, padded.subarray(at, at + 8)))
      head = block.slice(0, 8)
      const counter = new DataView(head.buffer)
      counter.setUint32(4, counter.getUint32(4) ^ (round * halves + half))
      padded.set(block.subarray(8), at)
    }
  return joined(head, padded)
}

/** One block of AES: WebCrypto has it only as the first block of CBC under an initial value of zeros. */
async function blockCipher(rawKey: Bytes): Promise<(block: Bytes) => Promise<Bytes>> {
  const key = await crypto.subtle.importKey('raw', rawKey, 'AES-CBC', false, ['encrypt'])
  const iv = new Uint8Array(16)
  return async (block) => new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-CBC', iv }, key, block), 0, 16)
}

function joined(...parts: readonly Bytes[]): Bytes {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** For a record on paper: tells whether two have the same bytes. */
export async function sha256Hex(bytes: Bytes): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)).toHex()
}

export type Given = { readonly bytes: Bytes; readonly writtenAs: 'raw' | 'hex' | 'base64' }

/** Key material as somebody has it: its bytes, or those written as hex or base64. Undefined where it is of another length. */
export function materialFrom(given: Bytes, length: number): Given | undefined {
  if (given.length === length) return { bytes: given, writtenAs: 'raw' }
  const text = new TextDecoder().decode(given).trim()
  if (new RegExp(`^[0-9a-fA-F]{${length * 2}}$`).test(text))
    return { bytes: Uint8Array.fromHex(text), writtenAs: 'hex' }
  try {
    const bytes = Uint8Array.fromBase64(text, { lastChunkHandling: 'strict' })
    return bytes.length === length ? { bytes, writtenAs: 'base64' } : undefined
  } catch {
    return undefined
  }
}

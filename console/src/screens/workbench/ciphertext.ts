/** What a ciphertext says of itself (docs/ciphertext.md), and whose it is where it is not ours. */

export type Inspected =
  | {
      readonly is: 'own'
      readonly keyId: string
      readonly versionId: string
      readonly algorithm: string
      readonly plaintextBytes: number
    }
  | { readonly is: 'doubled' | 'aws' | 'vault' | 'age' | 'file' | 'raw' | 'unknown' }

const headerBytes = 37
const algorithms: Readonly<Record<number, { readonly name: string; readonly overhead: number }>> = {
  1: { name: 'XAES-256-GCM', overhead: 40 },
  2: { name: 'SM4-GCM', overhead: 40 },
  3: { name: 'AES-256-GCM (HSM)', overhead: 28 },
}
/** The ciphertexts of RSA_2048 to RSA_4096. */
const pairLengths = [256, 384, 512]

export function inspect(bytes: Uint8Array): Inspected {
  const words = new TextDecoder('latin1').decode(bytes.subarray(0, 64))
  if (words.startsWith('S00B')) return { is: 'doubled' }
  if (/^(?:vault|openbao|bao):v\d+:/.test(words)) return { is: 'vault' }
  if (words.startsWith('age-encryption.org/v1') || words.startsWith('-----BEGIN AGE')) return { is: 'age' }
  if (bytes[0] === 0x4b && bytes[1] === 0x4d && bytes[2] === 1) {
    const algorithm = algorithms[bytes[3] ?? 0]
    const form = bytes[4]
    if (algorithm === undefined || (form !== 0 && form !== 1) || bytes.length < headerBytes + algorithm.overhead)
      return { is: 'unknown' }
    const id = bytes.subarray(5, 21).toHex()
    return {
      is: 'own',
      keyId: form === 1 ? `mrk-${id}` : uuidOf(id),
      versionId: uuidOf(bytes.subarray(21, 37).toHex()),
      algorithm: algorithm.name,
      plaintextBytes: bytes.length - headerBytes - algorithm.overhead,
    }
  }
  if (words.startsWith('KWF\x01')) return { is: 'file' }
  // What KMS of AWS answers begins so: seen in every region, and written down nowhere.
  if (bytes[0] === 1 && bytes[1] === 2 && (bytes[2] === 2 || bytes[2] === 3) && bytes[3] === 0) return { is: 'aws' }
  return { is: pairLengths.includes(bytes.length) ? 'raw' : 'unknown' }
}

function uuidOf(hex: string): string {
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

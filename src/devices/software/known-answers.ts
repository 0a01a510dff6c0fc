/**
 * What every symmetric algorithm must answer before anything is served: a build of Node whose OpenSSL computes something
 * else, or lacks an algorithm, is found at the start and not in a ciphertext. The answers go through the same rows of the
 * table that serve requests.
 */
import type { KeySpec, MacAlgorithm } from '../../domain/specs.ts'
import type { Algorithms, OpenedKey } from './algorithms.ts'
import { Unsealed } from './material.ts'

type SymmetricSpec = 'AES_256' | 'SM4'

type SealedAnswer = {
  readonly material: Uint8Array
  readonly plaintext: string
  readonly associatedData: string
  /** Hex; follows the nonce. */
  readonly ciphertextAndTag: string
}

const nonce = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWX', 'ascii')

const sealedAnswers: Readonly<Record<SymmetricSpec, SealedAnswer>> = {
  /** C2SP XAES-256-GCM, the second of its test vectors: the one with the carry in CMAC's subkey. */
  AES_256: {
    material: Buffer.alloc(32, 0x03),
    plaintext: 'XAES-256-GCM',
    associatedData: 'c2sp.org/XAES-256-GCM',
    ciphertextAndTag: '986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d',
  },
  /** Of our own construction; known-answers.test.ts computes it once more with another SM3, SM4 and GCM. */
  SM4: {
    material: counting(16),
    plaintext: 'SM4-GCM',
    associatedData: 'Keyward',
    ciphertextAndTag: '7c4cc8b1e9adc3f49516acd473f31adad401c7cbdb72d3',
  },
}

/** Of `macMessage`, under the key 00 01 02 ...; known-answers.test.ts computes them once more with other code. */
const macs: Readonly<Record<MacAlgorithm, string>> = {
  HMAC_SHA_224: '2f5cbc4efecccd3d02d598e19cedec20f29597123b53d12d6da72732',
  HMAC_SHA_256: '63c4bea9499f0b2ec54733bb4e0952725c24b0f31b9c6ed55866ade10e8ffab2',
  HMAC_SHA_384: '00f9a593be63f7b6123cd50d4bd73b94f9bffacedeb4882d54004ca1c49c7f924dfcb2c249a75b86c7c9432ed4dca7f8',
  HMAC_SHA_512:
    '32fa4270b2799efb35851be052e6648e6a064664b21d53439e70cc68621f7fc5138be47345278207a608e3e1c5663c78a08f80e7cd2553f4961135c24b2f249d',
  HMAC_SM3: '627789df9c4fab3152c4820eb26e39965f6e7fa479c3ff7dd95ec51674fa65e7',
}
const macMessage = Buffer.from('Keyward', 'ascii')

/** Key bytes 00 01 02 ... */
export function counting(bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, index) => index)
}

/** Throws where an answer is not the known one, naming the spec. */
export function checkKnownAnswers(table: Readonly<Record<SymmetricSpec | MacAlgorithm, Algorithms>>): void {
  for (const [spec, answer] of Object.entries(sealedAnswers) as [SymmetricSpec, SealedAnswer][])
    check(spec, opensAndRefuses(open(table[spec], Uint8Array.from(answer.material)), answer))
  for (const [spec, expected] of Object.entries(macs) as [MacAlgorithm, string][]) {
    const key = open(table[spec], counting(expected.length / 2))
    check(spec, key.mac !== undefined && toHex(key.mac(macMessage)) === expected)
  }
}

function check(spec: KeySpec, right: boolean): void {
  if (!right) throw new Error(`Self-test failed: ${spec} does not compute its known answer. Nothing is served.`)
}

function open(row: Algorithms, bytes: Uint8Array): OpenedKey {
  const material = new Unsealed(bytes)
  try {
    return row.open(material)
  } finally {
    material.wipe()
  }
}

/** The known body opens, the same with one bit changed does not, and what is sealed now opens again. */
function opensAndRefuses({ encrypt, decrypt }: OpenedKey, answer: SealedAnswer): boolean {
  if (encrypt === undefined || decrypt === undefined) return false
  const associatedData = Buffer.from(answer.associatedData, 'ascii')
  const plaintext = toHex(Buffer.from(answer.plaintext, 'ascii'))
  const body = Buffer.concat([nonce, Buffer.from(answer.ciphertextAndTag, 'hex')])
  const altered = Uint8Array.from(body)
  altered[altered.length - 1]! ^= 1
  return (
    opensTo(() => decrypt(body, associatedData), plaintext) &&
    !opensTo(() => decrypt(altered, associatedData), plaintext) &&
    opensTo(() => decrypt(encrypt(Buffer.from(plaintext, 'hex'), associatedData), associatedData), plaintext)
  )
}

function opensTo(decrypted: () => Uint8Array, plaintext: string): boolean {
  try {
    return toHex(decrypted()) === plaintext
  } catch {
    return false
  }
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

/**
 * Importing key material: the pair that its owner wraps it under, and what happens when it comes back (R46 to R54).
 *
 * Who wraps wrongly should be told how, and that must not help anybody who wants to open what somebody else wrapped.
 * So the reasons given are of three kinds: of the shape of the message, which its sender knows; of a plaintext that
 * did open, which its sender chose; and of a choice of hash, which shows only where the whole OAEP padding opens under
 * it, and nobody can make such a ciphertext without knowing its plaintext. RSAES_PKCS1_V1_5 has no such property
 * (Bleichenbacher 1998): all its failures are one answer, after the same work.
 */
import type { ProblemDetails } from '../../domain/errors.ts'
import { problem } from '../../domain/errors.ts'
import type { WrappingAlgorithm, WrappingKeySpec } from '../../domain/ports.ts'
import { type KeySpec, specs } from '../../domain/specs.ts'
import { isPairSpec, type KeyPair, openPair } from './key-pair.ts'
import { openKw, openKwp } from './key-wrap.ts'
import { Unsealed } from './material.ts'
import type { Hash } from './openssl-calls.ts'
import type { Pool } from './pool.ts'
import { modulusBytes } from './rsa.ts'
import { isSm2Ciphertext } from './sm2.ts'

type Envelope =
  | { readonly kind: 'OAEP'; readonly hash: Hash }
  | { readonly kind: 'OAEP and KWP'; readonly hash: Hash }
  | { readonly kind: 'PKCS1' }
  | { readonly kind: 'SM2' }

const envelopes: Readonly<Record<WrappingAlgorithm, Envelope>> = {
  RSAES_OAEP_SHA_256: { kind: 'OAEP', hash: 'sha256' },
  RSAES_OAEP_SHA_1: { kind: 'OAEP', hash: 'sha1' },
  RSA_AES_KEY_WRAP_SHA_256: { kind: 'OAEP and KWP', hash: 'sha256' },
  RSA_AES_KEY_WRAP_SHA_1: { kind: 'OAEP and KWP', hash: 'sha1' },
  RSAES_PKCS1_V1_5: { kind: 'PKCS1' },
  SM2PKE: { kind: 'SM2' },
}

/**
 * May material of this spec come wrapped so? SM2PKE goes with SM2 wrapping keys and no other; RSAES_PKCS1_V1_5 is for
 * plain strings of bytes only, because whether a private key parses is one more thing to be told apart.
 */
export function canWrap(spec: KeySpec, wrappingKeySpec: WrappingKeySpec, algorithm: WrappingAlgorithm): boolean {
  if ((algorithm === 'SM2PKE') !== (wrappingKeySpec === 'SM2')) return false
  return algorithm !== 'RSAES_PKCS1_V1_5' || !isPairSpec(spec)
}

export type Wrapped = {
  /** Of the key that the material is for. */
  readonly spec: KeySpec
  readonly wrappingKeySpec: WrappingKeySpec
  readonly wrappingAlgorithm: WrappingAlgorithm
  /** The wrapping key's PKCS#8 DER, as `generatePair` gave it for the wrapping key's spec. */
  readonly wrappingKey: Unsealed
  readonly encryptedKeyMaterial: Uint8Array
}

/**
 * The material: of the length that the spec says, for key pairs whatever was wrapped (`openForeignPair` looks into it).
 * Whoever gets it wipes it. Throws a Problem `InvalidKeyMaterial` that says what most likely went wrong.
 */
export async function unwrapMaterial(pool: Pool, wrapped: Wrapped): Promise<Unsealed> {
  const { spec, wrappingKeySpec, wrappingAlgorithm } = wrapped
  if (!canWrap(spec, wrappingKeySpec, wrappingAlgorithm)) {
    throw invalid({
      message: `Material of spec ${spec} cannot be wrapped with ${wrappingAlgorithm} under ${wrappingKeySpec}.`,
    })
  }
  const opened = await openEnvelope(pool, wrapped)
  try {
    checkMaterial(spec, opened, wrappingAlgorithm)
  } catch (error) {
    opened.fill(0)
    throw error
  }
  return new Unsealed(opened)
}

function invalid(details: ProblemDetails): Error {
  return problem('InvalidKeyMaterial', details)
}

/** The same words, whatever failed: the padding, the length, or the key. */
function invalidPkcs1(spec: KeySpec): Error {
  const bytes = specs[spec].materialBytes
  return invalid({
    message: 'The wrapped key material does not open with RSAES_PKCS1_V1_5 to material of the right length.',
    mend: `Wrap the ${bytes} raw bytes (no hex, no base64) under the public key of the import parameters whose token you give, or use RSAES_OAEP_SHA_256, which can tell more.`,
  })
}

// ------------------------------------------------------------------------------------------------------ the envelope

async function openEnvelope(pool: Pool, wrapped: Wrapped): Promise<Uint8Array> {
  const envelope = envelopes[wrapped.wrappingAlgorithm]
  const pair = openPair(wrapped.wrappingKeySpec, wrapped.wrappingKey)
  switch (envelope.kind) {
    case 'OAEP':
      checkLength(wrapped, modulusBytes(pair), 'exactly')
      return openOaep(pool, pair, wrapped.encryptedKeyMaterial, envelope.hash)
    case 'OAEP and KWP':
      return openKeyWrap(pool, pair, wrapped, envelope.hash)
    case 'PKCS1': {
      checkLength(wrapped, modulusBytes(pair), 'exactly')
      const opened = await pool.run(pair.native, {
        call: 'decrypt',
        scheme: 'PKCS1',
        input: wrapped.encryptedKeyMaterial,
      })
      // Implicit rejection opens any ciphertext below the modulus to some bytes; the length decides.
      if (opened === undefined) throw invalidPkcs1(wrapped.spec)
      return opened
    }
    case 'SM2':
      return openSm2(pool, pair, wrapped.encryptedKeyMaterial)
  }
}

/** Of the shape alone: nothing has been decrypted yet. */
function checkLength({ encryptedKeyMaterial }: Wrapped, modulus: number, how: 'exactly' | 'more than'): void {
  const { length } = encryptedKeyMaterial
  if (how === 'exactly' ? length === modulus : length > modulus) return
  const text = asText(encryptedKeyMaterial)
  if (text !== undefined) {
    throw invalid({
      message: `The wrapped key material is ${text.encoding} text, not the bytes it stands for.`,
      mend: 'Give the bytes that the wrapping wrote; the transport encodes them once by itself.',
    })
  }
  const shape =
    how === 'exactly'
      ? `Under this wrapping key it has ${modulus}, the length of the modulus.`
      : `Under this wrapping key it has ${modulus} of RSA-OAEP and at least 16 of AES key wrap after them.`
  throw invalid({
    message: `The wrapped key material has ${length} bytes. ${shape}`,
    mend: 'Get new import parameters, and wrap under the public key and with the algorithm they name.',
  })
}

const hashNames: Readonly<Record<Hash, string>> = {
  sha1: 'SHA-1',
  sha256: 'SHA-256',
  sha384: 'SHA-384',
  sha512: 'SHA-512',
}

/** What wrapping tools do when they are not told otherwise: openssl SHA-1 for both, Java SHA-1 for MGF1. */
const usualHashes: readonly Hash[] = ['sha256', 'sha1']

async function openOaep(pool: Pool, pair: KeyPair, ciphertext: Uint8Array, hash: Hash): Promise<Uint8Array> {
  const opened = await pool.run(pair.native, { call: 'decrypt', scheme: { oaep: hash, mgf1: hash }, input: ciphertext })
  if (opened !== undefined) return opened
  const mend = `With openssl pkeyutl -encrypt: -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:${hash} -pkeyopt rsa_mgf1_md:${hash}.`
  for (const oaep of usualHashes) {
    for (const mgf1 of usualHashes) {
      const other = await pool.run(pair.native, { call: 'decrypt', scheme: { oaep, mgf1 }, input: ciphertext })
      if (other === undefined) continue
      other.fill(0)
      const how = oaep === mgf1 ? `OAEP-${hashNames[oaep]}` : `OAEP-${hashNames[oaep]} and MGF1-${hashNames[mgf1]}`
      throw invalid({ message: `Wrapped with ${how}; expected ${hashNames[hash]} for both.`, mend })
    }
  }
  throw invalid({
    message: `The wrapped key material does not open with RSA-OAEP (${hashNames[hash]}).`,
    mend: `Wrap it under the public key of the import parameters whose token you give. ${mend}`,
  })
}

const ephemeralKeyBytes = 32

/** PKCS#11's CKM_RSA_AES_KEY_WRAP: OAEP of an AES-256 key, then the material under that key (RFC 5649). */
async function openKeyWrap(pool: Pool, pair: KeyPair, wrapped: Wrapped, hash: Hash): Promise<Uint8Array> {
  const modulus = modulusBytes(pair)
  checkLength(wrapped, modulus, 'more than')
  const { encryptedKeyMaterial } = wrapped
  const wrappedMaterial = encryptedKeyMaterial.subarray(modulus)
  const kek = await openOaep(pool, pair, encryptedKeyMaterial.subarray(0, modulus), hash)
  try {
    if (kek.length !== ephemeralKeyBytes) {
      throw invalid({
        message: `The ephemeral AES key has ${kek.length} bytes; expected ${ephemeralKeyBytes}.`,
        mend: 'Draw an AES-256 key, wrap the material under it (AES key wrap with padding, RFC 5649), and the key with RSA-OAEP.',
      })
    }
    const material = openKwp(kek, wrappedMaterial)
    if (material !== undefined) return material
    const unpadded = openKw(kek, wrappedMaterial)
    unpadded?.fill(0)
    throw invalid({
      message:
        unpadded === undefined
          ? 'The ephemeral AES key opened, but the material under it does not open with AES key wrap with padding (RFC 5649).'
          : 'The material was wrapped with AES key wrap without padding (RFC 3394); expected with padding (RFC 5649).',
      mend: 'With openssl enc: -id-aes256-wrap-pad -iv A65959A6. Put the result right after the RSA part.',
    })
  } finally {
    kek.fill(0)
  }
}

async function openSm2(pool: Pool, pair: KeyPair, ciphertext: Uint8Array): Promise<Uint8Array> {
  const mend =
    'Encrypt it with SM2 and SM3, and encode it as GM/T 0009 says: SEQUENCE { x, y, C3, C2 } (openssl pkeyutl -encrypt does).'
  if (!isSm2Ciphertext(ciphertext)) {
    const text = asText(ciphertext)
    const found =
      text === undefined ? 'is not an SM2 ciphertext in DER' : `is ${text.encoding} text, not the bytes it stands for`
    throw invalid({ message: `The wrapped key material ${found}.`, mend })
  }
  const opened = await pool.run(pair.native, { call: 'decrypt', scheme: 'SM2', input: ciphertext })
  if (opened === undefined) {
    throw invalid({
      message: 'The wrapped key material does not open with SM2PKE.',
      mend: 'Wrap it under the public key of the import parameters whose token you give.',
    })
  }
  return opened
}

// ------------------------------------------------------------------------------------------------------ the material

function checkMaterial(spec: KeySpec, opened: Uint8Array, algorithm: WrappingAlgorithm): void {
  const expected = specs[spec].materialBytes
  if (expected === undefined || opened.length === expected) return
  if (algorithm === 'RSAES_PKCS1_V1_5') throw invalidPkcs1(spec)
  const text = asText(opened)
  throw invalid({
    message:
      text?.bytes === expected
        ? `The key material is ${text.encoding} text of ${expected} bytes; expected those ${expected} bytes themselves.`
        : `The key material has ${opened.length} bytes; a key of spec ${spec} has ${expected}.`,
    mend: `Wrap the ${expected} raw bytes: no hex, no base64, no line break at the end.`,
  })
}

/** Is this the text of some bytes, hex or base64, perhaps with a line break at its end? How many bytes? */
function asText(bytes: Uint8Array): { readonly encoding: 'hex' | 'base64'; readonly bytes: number } | undefined {
  if (bytes.length === 0 || bytes.some((byte) => byte > 0x7f)) return undefined
  const end = bytes.findLastIndex((byte) => !/\s/.test(String.fromCharCode(byte))) + 1
  const characters = bytes.subarray(0, end)
  const all = (pattern: RegExp) => characters.every((byte) => pattern.test(String.fromCharCode(byte)))
  if (all(/[0-9a-f]/i) && characters.length % 2 === 0) return { encoding: 'hex', bytes: characters.length / 2 }
  if (!all(/[A-Za-z0-9+/_=-]/)) return undefined
  const significant = characters.findLastIndex((byte) => byte !== 0x3d) + 1
  return { encoding: 'base64', bytes: Math.floor((significant * 3) / 4) }
}

/**
 * One operation on a key: laid out in a slot of memory, performed there by whichever thread has the slot, and taken off
 * it again. The slot holds an address (of a context that is ready, or of the key), never the bytes of a key; so a thread
 * needs nothing else, and memory that is shared is all that goes between them.
 */
import type { NativeKey } from './native-key.ts'
import { failure, must, OpensslFailure, openssl } from './openssl.ts'

export type Hash = 'sha1' | 'sha256' | 'sha384' | 'sha512'

export type SignatureScheme =
  | { readonly rsa: 'PKCS1' | 'PSS'; readonly hash: Hash }
  /** ECDSA and SM2DSA: over the digest, or e, as given. */
  | 'DIGEST'
  /** RFC 8032: over the message, or over PH(M), 64 bytes, with an empty context. */
  | 'ED25519'
  | 'ED25519PH'
  /** FIPS 204, hedged: over a message, with an empty context, or over mu, 64 bytes. */
  | 'ML_DSA'
  | 'ML_DSA_MU'

export type EncryptionScheme =
  | { readonly oaep: Hash; readonly mgf1: Hash }
  /** RSAES-PKCS1-v1_5 with implicit rejection: a wrong padding opens to random bytes, always the same ones. */
  | 'PKCS1'
  /** GM/T 0009: SEQUENCE { x INTEGER, y INTEGER, C3 OCTET STRING, C2 OCTET STRING }. */
  | 'SM2'

/** What is to be computed with a key. */
export type Job =
  | { readonly call: 'sign'; readonly scheme: SignatureScheme; readonly input: Uint8Array }
  | {
      readonly call: 'verify'
      readonly scheme: SignatureScheme
      readonly input: Uint8Array
      readonly signature: Uint8Array
    }
  | { readonly call: 'encrypt' | 'decrypt'; readonly scheme: EncryptionScheme; readonly input: Uint8Array }
  /** `input` is the peer's point. */
  | { readonly call: 'sm2Agree'; readonly input: Uint8Array }
  | { readonly call: 'check' }

/** What each call answers; undefined where the input itself was refused. */
export type Answers = {
  sign: Uint8Array
  verify: boolean
  encrypt: Uint8Array
  decrypt: Uint8Array | undefined
  sm2Agree: Uint8Array | undefined
  check: boolean
}

// -------------------------------------------------------------------------------------------------------------- slots

const calls = ['sign', 'verify', 'encrypt', 'decrypt', 'sm2Agree', 'check'] as const satisfies Job['call'][]

/** How a call ended. What the input is to blame for (no valid signature, no ciphertext of this key) is `refused`. */
const refused = 0
const done = 1
const failed = 2

const headerBytes = 64
/** Of the header: four numbers of 32 bits, then two of 64. */
const callAt = 0
const inputLengthAt = 1
const signatureLengthAt = 2
const outcomeAt = 3
const handleAt = 2
const outputLengthAt = 3

type Room = { readonly input: number; readonly output: number }

/**
 * For the longest that the operations let in: a message of 4,096 bytes with a signature of 6,144, or as many to decrypt;
 * a plaintext for SM2 of 6,144 bytes grows by 110, and a signature of ML_DSA_87 has 4,627.
 */
const usualRoom: Room = { input: 12_288, output: 8_192 }
export const slotBytes = bytesOf(usualRoom)

function bytesOf({ input, output }: Room): number {
  return headerBytes + input + output
}

export type Slot = {
  /** Of the whole slot. */
  readonly bytes: Uint8Array
  readonly numbers: Int32Array
  readonly wide: BigUint64Array
  readonly outputAt: number
  readonly address: { readonly input: bigint; readonly output: bigint; readonly outputLength: bigint }
}

/** The slot at this place of a memory, a multiple of 8. */
export function slotIn(memory: ArrayBufferLike, at: number, room = usualRoom): Slot {
  const bytes = new Uint8Array(memory, at, bytesOf(room))
  const start = openssl().getRawPointer(bytes)
  return {
    bytes,
    numbers: new Int32Array(memory, at, headerBytes / 4),
    wide: new BigUint64Array(memory, at, headerBytes / 8),
    outputAt: headerBytes + room.input,
    address: {
      input: start + BigInt(headerBytes),
      output: start + BigInt(headerBytes + room.input),
      outputLength: start + BigInt(8 * outputLengthAt),
    },
  }
}

/** What must outlive the call, and is given back after it. */
export type Laid = {
  readonly key: NativeKey
  readonly call: Job['call']
  readonly scheme: string
  /** Undefined where the call takes the key itself. */
  readonly context: bigint | undefined
  /** How many bytes of output there may be. */
  readonly most: number
}

const nothing = new Uint8Array()

/**
 * Lays a job out; undefined where the slot has no room for it. Throws OpensslFailure where the key is not of a kind for
 * it. In both cases the slot is as it was.
 */
export function layOut(slot: Slot, key: NativeKey, job: Job): Laid | undefined {
  const { call } = job
  const input = call === 'check' ? nothing : job.input
  const signature = call === 'verify' ? job.signature : nothing
  const most = longestOutput(key, job)
  const { bytes, numbers, wide, outputAt } = slot
  if (headerBytes + input.length + signature.length > outputAt || outputAt + most > bytes.length) return undefined
  const scheme = schemeOf(job)
  const context = call === 'sm2Agree' ? undefined : (key.borrow(call, scheme) ?? contextFor(key, job))
  numbers[callAt] = calls.indexOf(call)
  numbers[inputLengthAt] = input.length
  numbers[signatureLengthAt] = signature.length
  wide[handleAt] = context ?? key.address
  wide[outputLengthAt] = BigInt(most)
  bytes.set(input, headerBytes)
  if (call === 'verify') bytes.set(signature, headerBytes + input.length)
  return { key, call, scheme, context, most }
}

/** The answer of a call that was performed. Nothing of it stays in the slot. Throws OpensslFailure where it failed. */
export function takeOff(slot: Slot, laid: Laid): Answers[Job['call']] {
  const { bytes, numbers, wide, outputAt: at } = slot
  const outcome = numbers[outcomeAt]
  const length = Number(wide[outputLengthAt])
  try {
    if (outcome === failed) throw new OpensslFailure(Buffer.from(bytes.subarray(at, at + length)).toString())
    if (laid.context !== undefined) laid.key.giveBack(laid.call, laid.scheme, laid.context)
    if (laid.call === 'verify' || laid.call === 'check') return outcome === done
    // A signature is no secret: it may stand beside others in Buffer's pool, which is quicker than memory of its own.
    if (laid.call === 'sign') return Buffer.from(bytes.subarray(at, at + length))
    return outcome === done ? bytes.slice(at, at + length) : undefined
  } finally {
    wipe(slot, Math.max(laid.most, length))
    // What state a context is in after a failure, nobody knows.
    if (outcome === failed) freeContext(laid)
  }
}

/** Without an answer: whoever performed it is gone, perhaps in the midst of it. */
export function abandon(slot: Slot, laid: Laid): void {
  wipe(slot, slot.bytes.length - slot.outputAt)
  freeContext(laid)
}

function freeContext({ context }: Laid): void {
  if (context !== undefined) openssl().functions.EVP_PKEY_CTX_free(context)
}

function wipe({ bytes, numbers, outputAt }: Slot, outputLength: number): void {
  const inputs = (numbers[inputLengthAt] ?? 0) + (numbers[signatureLengthAt] ?? 0)
  bytes.fill(0, headerBytes, headerBytes + inputs)
  bytes.fill(0, outputAt, outputAt + outputLength)
}

let own: Slot | undefined

/** A job on this thread, at once. Throws OpensslFailure where OpenSSL refused without the input being the cause. */
export function runOpenssl<J extends Job>(key: NativeKey, job: J): Answers[J['call']] {
  own ??= slotIn(new ArrayBuffer(slotBytes), 0)
  let slot = own
  let laid = layOut(slot, key, job)
  if (laid === undefined) {
    // No operation lets in anything so long.
    slot = slotFor(key, job)
    laid = layOut(slot, key, job) as Laid
  }
  perform(slot)
  return takeOff(slot, laid) as Answers[J['call']]
}

function slotFor(key: NativeKey, job: Job): Slot {
  const signature = job.call === 'verify' ? job.signature.length : 0
  const room = { input: job.call === 'check' ? 0 : job.input.length + signature, output: longestOutput(key, job) }
  return slotIn(new ArrayBuffer(bytesOf(room)), 0, room)
}

// --------------------------------------------------------------------------------------------------------- performing

/** Performs what is laid out in a slot. Never throws: a failure stands in the slot. */
export function perform(slot: Slot): void {
  const { bytes, numbers, wide, outputAt } = slot
  try {
    numbers[outcomeAt] = performers[calls[numbers[callAt] as number] as Job['call']](slot)
  } catch (error) {
    const text = Buffer.from(error instanceof Error ? error.message : String(error)).subarray(
      0,
      bytes.length - outputAt,
    )
    bytes.set(text, outputAt)
    wide[outputLengthAt] = BigInt(text.length)
    numbers[outcomeAt] = failed
  } finally {
    openssl().functions.ERR_clear_error()
  }
}

const performers: Readonly<Record<Job['call'], (slot: Slot) => number>> = {
  sign: ({ numbers, wide, address }) => {
    const { EVP_PKEY_sign: sign } = openssl().functions
    const length = BigInt(numbers[inputLengthAt] as number)
    must('EVP_PKEY_sign', sign(wide[handleAt] as bigint, address.output, address.outputLength, address.input, length))
    return done
  },
  verify: ({ numbers, wide, address }) => {
    const { EVP_PKEY_verify: verify } = openssl().functions
    const length = BigInt(numbers[inputLengthAt] as number)
    const signatureLength = BigInt(numbers[signatureLengthAt] as number)
    const signature = address.input + length
    // 0 is a wrong signature, negative one that is not even of the right form: to the caller both are not valid.
    const valid = verify(wide[handleAt] as bigint, signature, signatureLength, address.input, length)
    return valid === 1 ? done : refused
  },
  encrypt: ({ numbers, wide, address }) => {
    const { EVP_PKEY_encrypt: encrypt } = openssl().functions
    const context = wide[handleAt] as bigint
    const length = BigInt(numbers[inputLengthAt] as number)
    const room = wide[outputLengthAt] as bigint
    must('EVP_PKEY_encrypt size', encrypt(context, 0n, address.outputLength, address.input, length))
    if ((wide[outputLengthAt] as bigint) > room) throw new OpensslFailure('EVP_PKEY_encrypt: no room for its output')
    must('EVP_PKEY_encrypt', encrypt(context, address.output, address.outputLength, address.input, length))
    return done
  },
  decrypt: ({ numbers, wide, address }) => {
    const { EVP_PKEY_decrypt: decrypt } = openssl().functions
    const length = BigInt(numbers[inputLengthAt] as number)
    const opened = decrypt(wide[handleAt] as bigint, address.output, address.outputLength, address.input, length)
    return opened === 1 ? done : refused
  },
  sm2Agree,
  check: ({ wide }) => (openssl().functions.EVP_PKEY_check(wide[handleAt] as bigint) === 1 ? done : refused),
}

/** obj_mac.h: the object number of curveSM2 (1.2.156.10197.1.301). */
const sm2Curve = 1172
const uncompressed = 4
const sm2PointBytes = 65
const sm2CoordinateBytes = 32

let sm2Group: bigint | undefined

/**
 * x of d times the peer's point (65 bytes, uncompressed), 32 bytes; refused where the point is not on the curve. OpenSSL
 * has no key exchange for keys of the type SM2, so this takes the steps of its own ECDH (ecdh_ossl.c): the
 * multiplication by one point runs in constant time (a Montgomery ladder with a blinded point).
 */
function sm2Agree({ bytes, numbers, wide, outputAt: at, address }: Slot): number {
  if (numbers[inputLengthAt] !== sm2PointBytes) return refused
  const { functions } = openssl()
  sm2Group ??= functions.EC_GROUP_new_by_curve_name(sm2Curve)
  const group = sm2Group
  if (group === 0n) throw failure('EC_GROUP_new_by_curve_name')
  const scalar = new BigUint64Array(1)
  const peer = functions.EC_POINT_new(group)
  const product = functions.EC_POINT_new(group)
  const length = BigInt(sm2PointBytes)
  try {
    if (peer === 0n || product === 0n) throw failure('EC_POINT_new')
    if (functions.EC_POINT_oct2point(group, peer, address.input, length, 0n) !== 1) return refused
    must('EVP_PKEY_get_bn_param', functions.EVP_PKEY_get_bn_param(wide[handleAt] as bigint, 'priv', scalar))
    must('EC_POINT_mul', functions.EC_POINT_mul(group, product, 0n, peer, scalar[0] ?? 0n, 0n))
    const written = functions.EC_POINT_point2oct(group, product, uncompressed, address.output, length, 0n)
    if (written !== length) throw failure('EC_POINT_point2oct')
    bytes.copyWithin(at, at + 1, at + 1 + sm2CoordinateBytes)
    wide[outputLengthAt] = BigInt(sm2CoordinateBytes)
    return done
  } finally {
    functions.BN_clear_free(scalar[0] ?? 0n)
    functions.EC_POINT_clear_free(product)
    functions.EC_POINT_clear_free(peer)
  }
}

// ----------------------------------------------------------------------------------------------------- making it ready

/** Beside the call, what a context is made ready for. */
function schemeOf(job: Job): string {
  if (job.call === 'sm2Agree' || job.call === 'check') return ''
  const { scheme } = job
  if (typeof scheme === 'string') return scheme
  return 'rsa' in scheme ? `${scheme.rsa} ${scheme.hash}` : `${scheme.oaep} ${scheme.mgf1}`
}

/** GM/T 0009: the point, C3 and the DER around them; C2 is as long as the plaintext. */
const sm2Overhead = 128

function longestOutput(key: NativeKey, job: Job): number {
  switch (job.call) {
    case 'sign':
      // It is shorter where r or s of a DER signature begin with zeros.
      return key.size
    case 'encrypt':
      return job.scheme === 'SM2' ? job.input.length + sm2Overhead : key.size
    case 'decrypt':
      // No plaintext is longer than its ciphertext, in any of the schemes.
      return job.input.length
    case 'sm2Agree':
      return sm2PointBytes
    case 'verify':
    case 'check':
      return 0
  }
}

function contextFor(key: NativeKey, job: Job): bigint {
  return key.newContext((context) => {
    switch (job.call) {
      case 'sign':
      case 'verify':
        initSignature(context, key, job.scheme, job.call)
        break
      case 'encrypt':
      case 'decrypt':
        initEncryption(context, job.scheme, job.call)
    }
  })
}

const digests = { sha1: 'EVP_sha1', sha256: 'EVP_sha256', sha384: 'EVP_sha384', sha512: 'EVP_sha512' } as const

function digest(hash: Hash): bigint {
  return openssl().functions[digests[hash]]()
}

const rsaPadding = { PKCS1: 1, OAEP: 4, PSS: 6 } as const
/** RSA_PSS_SALTLEN_DIGEST: as long as the digest, for signing and for verifying. */
const saltAsLongAsDigest = -1

/** Fetched once and kept: OpenSSL counts references, and the algorithms are few. */
const signatureAlgorithms = new Map<string, bigint>()

function signatureAlgorithm(name: string): bigint {
  const known = signatureAlgorithms.get(name)
  if (known !== undefined) return known
  const fetched = openssl().functions.EVP_SIGNATURE_fetch(0n, name, 0n)
  if (fetched === 0n) throw failure(`EVP_SIGNATURE_fetch ${name}`)
  signatureAlgorithms.set(name, fetched)
  return fetched
}

function initSignature(context: bigint, key: NativeKey, scheme: SignatureScheme, doing: 'sign' | 'verify'): void {
  const { functions, readString } = openssl()
  switch (scheme) {
    case 'ED25519PH': {
      const call = `EVP_PKEY_${doing}_init_ex2` as const
      must(call, functions[call](context, signatureAlgorithm('ED25519ph'), 0n))
      return
    }
    case 'ED25519':
    case 'ML_DSA':
    case 'ML_DSA_MU': {
      const call = `EVP_PKEY_${doing}_message_init` as const
      const name = readString(functions.EVP_PKEY_get0_type_name(key.address)) ?? ''
      must(call, functions[call](context, signatureAlgorithm(name), 0n))
      if (scheme === 'ML_DSA_MU') must('mu', functions.EVP_PKEY_CTX_ctrl_str(context, 'mu', '1'))
      return
    }
  }
  const call = `EVP_PKEY_${doing}_init` as const
  must(call, functions[call](context))
  if (scheme === 'DIGEST') return
  must('padding', functions.EVP_PKEY_CTX_set_rsa_padding(context, rsaPadding[scheme.rsa]))
  must('digest', functions.EVP_PKEY_CTX_set_signature_md(context, digest(scheme.hash)))
  if (scheme.rsa === 'PKCS1') return
  must('MGF1', functions.EVP_PKEY_CTX_set_rsa_mgf1_md(context, digest(scheme.hash)))
  must('salt', functions.EVP_PKEY_CTX_set_rsa_pss_saltlen(context, saltAsLongAsDigest))
}

function initEncryption(context: bigint, scheme: EncryptionScheme, doing: 'encrypt' | 'decrypt'): void {
  const { functions } = openssl()
  const call = `EVP_PKEY_${doing}_init` as const
  must(call, functions[call](context))
  if (scheme === 'SM2') return
  if (scheme === 'PKCS1') {
    must('padding', functions.EVP_PKEY_CTX_set_rsa_padding(context, rsaPadding.PKCS1))
    // It is the default; said aloud, so that a build without it fails instead of becoming a padding oracle.
    must('implicit rejection', functions.EVP_PKEY_CTX_ctrl_str(context, 'rsa_pkcs1_implicit_rejection', '1'))
    return
  }
  must('padding', functions.EVP_PKEY_CTX_set_rsa_padding(context, rsaPadding.OAEP))
  must('OAEP digest', functions.EVP_PKEY_CTX_set_rsa_oaep_md(context, digest(scheme.oaep)))
  must('MGF1 digest', functions.EVP_PKEY_CTX_set_rsa_mgf1_md(context, digest(scheme.mgf1)))
}

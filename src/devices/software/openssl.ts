/**
 * The one door to the OpenSSL that Node itself carries, by node:ffi, for what node:crypto cannot say. That is
 * signatures over a digest that somebody else made, SM2, Ed25519ph, ML-DSA's external mu, and ECDH on the SM2 curve
 * (docs/decisions/sm2-and-digest-signing.md); and for what it says dearly: GCM and single blocks, which every request
 * needs. Every return code is checked, everything allocated is freed, and the error queue of the thread is left empty,
 * because node:crypto reads the same one.
 *
 * All calls are synchronous; pool.ts runs the slow ones on threads of their own. An EVP_PKEY may be used by several
 * threads at once, so a thread is handed its address and never the key's bytes.
 */
import type { DynamicLibrary } from 'node:ffi'
import { problem } from '../../domain/errors.ts'

export type Hash = 'sha1' | 'sha256' | 'sha384' | 'sha512'

export type SignatureScheme =
  | { readonly rsa: 'PKCS1' | 'PSS'; readonly hash: Hash }
  /** ECDSA and SM2DSA: over the digest, or e, as given. */
  | 'DIGEST'
  /** RFC 8032: over PH(M), 64 bytes, with an empty context. */
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

const definitions = {
  OpenSSL_version: { arguments: ['i32'], return: 'pointer' },
  ERR_get_error: { arguments: [], return: 'u64' },
  ERR_clear_error: { arguments: [], return: 'void' },
  ERR_error_string_n: { arguments: ['u64', 'pointer', 'u64'], return: 'void' },
  d2i_PUBKEY: { arguments: ['pointer', 'pointer', 'i64'], return: 'pointer' },
  d2i_AutoPrivateKey: { arguments: ['pointer', 'pointer', 'i64'], return: 'pointer' },
  EVP_PKEY_free: { arguments: ['pointer'], return: 'void' },
  EVP_PKEY_get_size: { arguments: ['pointer'], return: 'i32' },
  EVP_PKEY_get0_type_name: { arguments: ['pointer'], return: 'pointer' },
  EVP_PKEY_CTX_new: { arguments: ['pointer', 'pointer'], return: 'pointer' },
  EVP_PKEY_CTX_free: { arguments: ['pointer'], return: 'void' },
  EVP_PKEY_CTX_ctrl_str: { arguments: ['pointer', 'string', 'string'], return: 'i32' },
  EVP_PKEY_CTX_set_rsa_padding: { arguments: ['pointer', 'i32'], return: 'i32' },
  EVP_PKEY_CTX_set_rsa_pss_saltlen: { arguments: ['pointer', 'i32'], return: 'i32' },
  EVP_PKEY_CTX_set_rsa_oaep_md: { arguments: ['pointer', 'pointer'], return: 'i32' },
  EVP_PKEY_CTX_set_rsa_mgf1_md: { arguments: ['pointer', 'pointer'], return: 'i32' },
  EVP_PKEY_CTX_set_signature_md: { arguments: ['pointer', 'pointer'], return: 'i32' },
  EVP_PKEY_sign_init: { arguments: ['pointer'], return: 'i32' },
  EVP_PKEY_sign_init_ex2: { arguments: ['pointer', 'pointer', 'pointer'], return: 'i32' },
  EVP_PKEY_sign_message_init: { arguments: ['pointer', 'pointer', 'pointer'], return: 'i32' },
  EVP_PKEY_sign: { arguments: ['pointer', 'pointer', 'pointer', 'pointer', 'u64'], return: 'i32' },
  EVP_PKEY_verify_init: { arguments: ['pointer'], return: 'i32' },
  EVP_PKEY_verify_init_ex2: { arguments: ['pointer', 'pointer', 'pointer'], return: 'i32' },
  EVP_PKEY_verify_message_init: { arguments: ['pointer', 'pointer', 'pointer'], return: 'i32' },
  EVP_PKEY_verify: { arguments: ['pointer', 'pointer', 'u64', 'pointer', 'u64'], return: 'i32' },
  EVP_PKEY_encrypt_init: { arguments: ['pointer'], return: 'i32' },
  EVP_PKEY_encrypt: { arguments: ['pointer', 'pointer', 'pointer', 'pointer', 'u64'], return: 'i32' },
  EVP_PKEY_decrypt_init: { arguments: ['pointer'], return: 'i32' },
  EVP_PKEY_decrypt: { arguments: ['pointer', 'pointer', 'pointer', 'pointer', 'u64'], return: 'i32' },
  EVP_PKEY_get_bn_param: { arguments: ['pointer', 'string', 'pointer'], return: 'i32' },
  EVP_PKEY_check: { arguments: ['pointer'], return: 'i32' },
  EVP_SIGNATURE_fetch: { arguments: ['pointer', 'string', 'pointer'], return: 'pointer' },
  EVP_sha1: { arguments: [], return: 'pointer' },
  EVP_sha256: { arguments: [], return: 'pointer' },
  EVP_sha384: { arguments: [], return: 'pointer' },
  EVP_sha512: { arguments: [], return: 'pointer' },
  EVP_CIPHER_fetch: { arguments: ['pointer', 'string', 'pointer'], return: 'pointer' },
  EVP_CIPHER_CTX_new: { arguments: [], return: 'pointer' },
  EVP_CIPHER_CTX_free: { arguments: ['pointer'], return: 'void' },
  EVP_CIPHER_CTX_ctrl: { arguments: ['pointer', 'i32', 'i32', 'pointer'], return: 'i32' },
  EVP_CIPHER_CTX_set_padding: { arguments: ['pointer', 'i32'], return: 'i32' },
  EVP_EncryptInit_ex2: { arguments: ['pointer', 'pointer', 'pointer', 'pointer', 'pointer'], return: 'i32' },
  EVP_EncryptUpdate: { arguments: ['pointer', 'pointer', 'pointer', 'pointer', 'i32'], return: 'i32' },
  EVP_EncryptFinal_ex: { arguments: ['pointer', 'pointer', 'pointer'], return: 'i32' },
  EVP_DecryptInit_ex2: { arguments: ['pointer', 'pointer', 'pointer', 'pointer', 'pointer'], return: 'i32' },
  EVP_DecryptUpdate: { arguments: ['pointer', 'pointer', 'pointer', 'pointer', 'i32'], return: 'i32' },
  EVP_DecryptFinal_ex: { arguments: ['pointer', 'pointer', 'pointer'], return: 'i32' },
  EC_GROUP_new_by_curve_name: { arguments: ['i32'], return: 'pointer' },
  EC_POINT_new: { arguments: ['pointer'], return: 'pointer' },
  EC_POINT_clear_free: { arguments: ['pointer'], return: 'void' },
  EC_POINT_oct2point: { arguments: ['pointer', 'pointer', 'pointer', 'u64', 'pointer'], return: 'i32' },
  EC_POINT_mul: { arguments: ['pointer', 'pointer', 'pointer', 'pointer', 'pointer', 'pointer'], return: 'i32' },
  EC_POINT_point2oct: { arguments: ['pointer', 'pointer', 'i32', 'pointer', 'u64', 'pointer'], return: 'u64' },
  BN_clear_free: { arguments: ['pointer'], return: 'void' },
} as const

type Functions = ReturnType<typeof bind>

function bind(ffi: typeof import('node:ffi')) {
  return { ...ffi.dlopen(null, definitions), getRawPointer: ffi.getRawPointer, readString: ffi.toString }
}

let bound: (Functions & { readonly lib: DynamicLibrary }) | undefined

/** Binds at first use. A Problem `DeviceUnavailable` where this Node has no node:ffi, or may not use it. */
function openssl(): Functions {
  bound ??= load()
  return bound
}

function load(): Functions {
  const unavailable = (cause?: unknown) =>
    problem('DeviceUnavailable', {
      message: 'The software device needs node:ffi to reach the OpenSSL inside Node.',
      mend: 'Run Node 26.10 or later without --no-experimental-ffi, and with --allow-ffi under --permission.',
      cause,
    })
  const ffi = process.getBuiltinModule('node:ffi')
  if (ffi === undefined) throw unavailable()
  let functions: Functions
  try {
    functions = bind(ffi)
  } catch (cause) {
    throw unavailable(cause)
  }
  // Another libcrypto in the process would answer to the same names; its keys and Node's must never meet.
  const version = functions.readString(functions.functions.OpenSSL_version(0))
  if (!version?.startsWith(`OpenSSL ${process.versions.openssl} `)) throw unavailable(new Error(`found ${version}`))
  return functions
}

/** OpenSSL refused where nothing the caller sent can be the cause. A bug, or memory ran out: never the caller's. */
export class OpensslFailure extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'OpensslFailure'
  }
}

function failure(call: string): OpensslFailure {
  const { functions, readString, getRawPointer } = openssl()
  const text = new Uint8Array(new ArrayBuffer(256))
  functions.ERR_error_string_n(functions.ERR_get_error(), text, BigInt(text.length))
  return new OpensslFailure(`${call}: ${readString(getRawPointer(text))}`)
}

function must(call: string, returned: number): void {
  if (returned !== 1) throw failure(call)
}

/** EVP_PKEY objects are reference counted; this frees ours when the last NativeKey of that address is gone. */
const freed = new FinalizationRegistry<bigint>((address) => openssl().functions.EVP_PKEY_free(address))

/** A key inside OpenSSL's own memory, which OpenSSL wipes when it frees it. Keep it while its address is in use. */
export class NativeKey {
  readonly address: bigint

  /** From DER: PKCS#8, which the caller wipes, or SubjectPublicKeyInfo. Throws OpensslFailure where it is neither. */
  constructor(half: 'private' | 'public', der: Uint8Array) {
    const { functions, getRawPointer } = openssl()
    const call = half === 'private' ? 'd2i_AutoPrivateKey' : 'd2i_PUBKEY'
    // d2i reads through a pointer to a pointer; both buffers stay referenced, and so in place, until it returns.
    const cursor = new BigUint64Array([getRawPointer(der)])
    this.address = functions[call](0n, cursor, BigInt(der.length))
    if (this.address === 0n) throw failure(call)
    freed.register(this, this.address)
    functions.ERR_clear_error()
  }
}

/** One operation on a key, as plain data: what crosses to a thread. `key` is a NativeKey's address. */
export type OpensslJob =
  | { readonly call: 'sign'; readonly key: bigint; readonly scheme: SignatureScheme; readonly input: Uint8Array }
  | {
      readonly call: 'verify'
      readonly key: bigint
      readonly scheme: SignatureScheme
      readonly input: Uint8Array
      readonly signature: Uint8Array
    }
  | { readonly call: 'encrypt'; readonly key: bigint; readonly scheme: EncryptionScheme; readonly input: Uint8Array }
  | { readonly call: 'decrypt'; readonly key: bigint; readonly scheme: EncryptionScheme; readonly input: Uint8Array }
  | { readonly call: 'sm2Agree'; readonly key: bigint; readonly peerPoint: Uint8Array }
  | { readonly call: 'check'; readonly key: bigint }

/** What each call answers; undefined where the input itself was refused. */
export type OpensslAnswers = {
  sign: Uint8Array
  verify: boolean
  encrypt: Uint8Array
  decrypt: Uint8Array | undefined
  sm2Agree: Uint8Array | undefined
  check: boolean
}

/** Runs a job on this thread. Throws OpensslFailure where OpenSSL refused without the input being the cause. */
export function runOpenssl<J extends OpensslJob>(job: J): OpensslAnswers[J['call']]
export function runOpenssl(job: OpensslJob): OpensslAnswers[OpensslJob['call']] {
  try {
    switch (job.call) {
      case 'sign':
        return sign(job.key, job.scheme, job.input)
      case 'verify':
        return verify(job.key, job.scheme, job.input, job.signature)
      case 'encrypt':
        return encrypt(job.key, job.scheme, job.input)
      case 'decrypt':
        return decrypt(job.key, job.scheme, job.input)
      case 'sm2Agree':
        return sm2Agree(job.key, job.peerPoint)
      case 'check':
        return withContext(job.key, (context) => openssl().functions.EVP_PKEY_check(context) === 1)
    }
  } finally {
    openssl().functions.ERR_clear_error()
  }
}

function withContext<T>(key: bigint, use: (context: bigint) => T): T {
  const { functions } = openssl()
  const context = functions.EVP_PKEY_CTX_new(key, 0n)
  if (context === 0n) throw failure('EVP_PKEY_CTX_new')
  try {
    return use(context)
  } finally {
    functions.EVP_PKEY_CTX_free(context)
  }
}

const digests = { sha1: 'EVP_sha1', sha256: 'EVP_sha256', sha384: 'EVP_sha384', sha512: 'EVP_sha512' } as const

function digest(hash: Hash): bigint {
  return openssl().functions[digests[hash]]()
}

const rsaPadding = { PKCS1: 1, OAEP: 4, PSS: 6 } as const
/** RSA_PSS_SALTLEN_DIGEST: as long as the digest, for signing and for verifying. */
const saltAsLongAsDigest = -1

/** Fetched once per thread and kept: OpenSSL counts references, and the algorithms are few. */
const signatureAlgorithms = new Map<string, bigint>()

function signatureAlgorithm(name: string): bigint {
  const known = signatureAlgorithms.get(name)
  if (known !== undefined) return known
  const fetched = openssl().functions.EVP_SIGNATURE_fetch(0n, name, 0n)
  if (fetched === 0n) throw failure(`EVP_SIGNATURE_fetch ${name}`)
  signatureAlgorithms.set(name, fetched)
  return fetched
}

function initSignature(context: bigint, key: bigint, scheme: SignatureScheme, doing: 'sign' | 'verify'): void {
  const { functions, readString } = openssl()
  if (scheme === 'ED25519PH') {
    const call = `EVP_PKEY_${doing}_init_ex2` as const
    must(call, functions[call](context, signatureAlgorithm('ED25519ph'), 0n))
    return
  }
  if (scheme === 'ML_DSA' || scheme === 'ML_DSA_MU') {
    const call = `EVP_PKEY_${doing}_message_init` as const
    const name = readString(functions.EVP_PKEY_get0_type_name(key)) ?? ''
    must(call, functions[call](context, signatureAlgorithm(name), 0n))
    if (scheme === 'ML_DSA_MU') must('mu', functions.EVP_PKEY_CTX_ctrl_str(context, 'mu', '1'))
    return
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

function sign(key: bigint, scheme: SignatureScheme, input: Uint8Array): Uint8Array {
  const { functions } = openssl()
  return withContext(key, (context) => {
    initSignature(context, key, scheme, 'sign')
    // The largest signature of this key; it is shorter where r or s of a DER signature begin with zeros.
    return output(functions.EVP_PKEY_get_size(key), (bytes, length) =>
      must('EVP_PKEY_sign', functions.EVP_PKEY_sign(context, bytes, length, input, BigInt(input.length))),
    )
  })
}

function verify(key: bigint, scheme: SignatureScheme, input: Uint8Array, signature: Uint8Array): boolean {
  const { functions } = openssl()
  return withContext(key, (context) => {
    initSignature(context, key, scheme, 'verify')
    // 0 is a wrong signature, negative one that is not even of the right form: to the caller both are not valid.
    const length = BigInt(signature.length)
    return functions.EVP_PKEY_verify(context, signature, length, input, BigInt(input.length)) === 1
  })
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

function encrypt(key: bigint, scheme: EncryptionScheme, input: Uint8Array): Uint8Array {
  const { functions } = openssl()
  return withContext(key, (context) => {
    initEncryption(context, scheme, 'encrypt')
    const inputLength = BigInt(input.length)
    const most = new BigUint64Array(1)
    must('EVP_PKEY_encrypt size', functions.EVP_PKEY_encrypt(context, 0n, most, input, inputLength))
    return output(Number(most[0]), (bytes, length) =>
      must('EVP_PKEY_encrypt', functions.EVP_PKEY_encrypt(context, bytes, length, input, inputLength)),
    )
  })
}

function decrypt(key: bigint, scheme: EncryptionScheme, input: Uint8Array): Uint8Array | undefined {
  const { functions } = openssl()
  return withContext(key, (context) => {
    initEncryption(context, scheme, 'decrypt')
    let opened = false
    // No plaintext is longer than its ciphertext, in any of the schemes.
    const plaintext = output(input.length, (bytes, length) => {
      opened = functions.EVP_PKEY_decrypt(context, bytes, length, input, BigInt(input.length)) === 1
      if (!opened) length[0] = 0n
    })
    return opened ? plaintext : undefined
  })
}

/** Contexts in which a key has signed; OpenSSL counts the context's own reference to the key. */
const readyToSign = new WeakMap<NativeKey, bigint>()
const freedContexts = new FinalizationRegistry<bigint>((context) => openssl().functions.EVP_PKEY_CTX_free(context))

function contextReadyToSign(key: NativeKey): bigint {
  const ready = readyToSign.get(key)
  if (ready !== undefined) return ready
  const { functions } = openssl()
  const context = functions.EVP_PKEY_CTX_new(key.address, 0n)
  if (context === 0n) throw failure('EVP_PKEY_CTX_new')
  freedContexts.register(key, context)
  must('EVP_PKEY_sign_init', functions.EVP_PKEY_sign_init(context))
  readyToSign.set(key, context)
  return context
}

/**
 * Signs a digest on this thread, as the scheme `DIGEST` does. The key is made ready to sign once, and not for each
 * signature: of one on P-256 that is a tenth.
 */
export function signDigest(key: NativeKey, digest: Uint8Array): Uint8Array {
  const { functions } = openssl()
  try {
    const context = contextReadyToSign(key)
    return output(functions.EVP_PKEY_get_size(key.address), (bytes, length) =>
      must('EVP_PKEY_sign', functions.EVP_PKEY_sign(context, bytes, length, digest, BigInt(digest.length))),
    )
  } finally {
    functions.ERR_clear_error()
  }
}

/** Longer than any signature or RSA block. Made once: a buffer of its own costs a call two microseconds. */
const scratch = new Uint8Array(new ArrayBuffer(8_192))
const written = new BigUint64Array(1)

/** What a call wrote into `most` bytes at most; nothing of it stays behind. The call makes no other one meanwhile. */
function output(most: number, call: (bytes: Uint8Array, length: BigUint64Array) => void): Uint8Array {
  const bytes = most <= scratch.length ? scratch : new Uint8Array(new ArrayBuffer(most))
  written[0] = BigInt(most)
  try {
    call(bytes, written)
    return bytes.slice(0, Number(written[0]))
  } finally {
    bytes.fill(0, 0, most)
  }
}

/** obj_mac.h: the object number of curveSM2 (1.2.156.10197.1.301). */
const sm2Curve = 1172
const uncompressed = 4
const sm2PointBytes = 65

let sm2Group: bigint | undefined

/**
 * x of d times the peer's point (65 bytes, uncompressed), 32 bytes; undefined where the point is not on the curve.
 * OpenSSL has no key exchange for keys of the type SM2, so this takes the steps of its own ECDH (ecdh_ossl.c): the
 * multiplication by one point runs in constant time (a Montgomery ladder with a blinded point).
 */
function sm2Agree(key: bigint, peerPoint: Uint8Array): Uint8Array | undefined {
  if (peerPoint.length !== sm2PointBytes) return undefined
  const { functions } = openssl()
  sm2Group ??= functions.EC_GROUP_new_by_curve_name(sm2Curve)
  const group = sm2Group
  if (group === 0n) throw failure('EC_GROUP_new_by_curve_name')
  const scalar = new BigUint64Array(1)
  const peer = functions.EC_POINT_new(group)
  const product = functions.EC_POINT_new(group)
  const point = new Uint8Array(new ArrayBuffer(sm2PointBytes))
  try {
    if (peer === 0n || product === 0n) throw failure('EC_POINT_new')
    if (functions.EC_POINT_oct2point(group, peer, peerPoint, BigInt(peerPoint.length), 0n) !== 1) return undefined
    must('EVP_PKEY_get_bn_param', functions.EVP_PKEY_get_bn_param(key, 'priv', scalar))
    must('EC_POINT_mul', functions.EC_POINT_mul(group, product, 0n, peer, scalar[0] ?? 0n, 0n))
    const written = functions.EC_POINT_point2oct(group, product, uncompressed, point, BigInt(point.length), 0n)
    if (written !== BigInt(sm2PointBytes)) throw failure('EC_POINT_point2oct')
    return point.slice(1, 33)
  } finally {
    point.fill(0)
    functions.BN_clear_free(scalar[0] ?? 0n)
    functions.EC_POINT_clear_free(product)
    functions.EC_POINT_clear_free(peer)
  }
}

// ------------------------------------------------------------------------------------------------------------ ciphers

export type GcmCipher = keyof typeof gcmKeyBytes

const gcmKeyBytes = { 'AES-256-GCM': 32, 'SM4-GCM': 16 } as const
const gcmIvBytes = 12
const gcmTagBytes = 16
/** evp.h: EVP_CTRL_AEAD_GET_TAG and EVP_CTRL_AEAD_SET_TAG. */
const getTag = 0x10
const setTag = 0x11

/** GCM with a tag of 16 bytes (SP 800-38D, RFC 8998), under a key and an IV of 12 bytes of each message's own. */
export type Gcm = {
  /** Writes ciphertext and tag to the end of `body`, which has exactly room for them after `at`. */
  seal(
    key: Uint8Array,
    iv: Uint8Array,
    plaintext: Uint8Array,
    associatedData: Uint8Array,
    body: Uint8Array,
    at: number,
  ): void
  /** undefined, and nothing left of the plaintext, where the tag is not that of all the rest. */
  open(
    key: Uint8Array,
    iv: Uint8Array,
    ciphertext: Uint8Array,
    tag: Uint8Array,
    associatedData: Uint8Array,
  ): Uint8Array | undefined
}

function newCipherContext(): bigint {
  const context = openssl().functions.EVP_CIPHER_CTX_new()
  if (context === 0n) throw failure('EVP_CIPHER_CTX_new')
  return context
}

function fetchedCipher(name: string): bigint {
  const cipher = openssl().functions.EVP_CIPHER_fetch(0n, name, 0n)
  if (cipher === 0n) throw failure(`EVP_CIPHER_fetch ${name}`)
  return cipher
}

const gcms = new Map<GcmCipher, Gcm>()

/** One for all keys: its two contexts are kept, since making one costs as much as a message. */
export function gcmOf(cipher: GcmCipher): Gcm {
  const known = gcms.get(cipher)
  if (known !== undefined) return known
  const gcm = openGcm(cipher)
  gcms.set(cipher, gcm)
  return gcm
}

/** The key of the last message stays in its context until the next. */
function openGcm(cipher: GcmCipher): Gcm {
  // By names of their own: V8 then calls them without a detour.
  const {
    EVP_EncryptInit_ex2: startSealing,
    EVP_EncryptUpdate: seal,
    EVP_EncryptFinal_ex: endSealing,
  } = openssl().functions
  const {
    EVP_DecryptInit_ex2: startOpening,
    EVP_DecryptUpdate: open,
    EVP_DecryptFinal_ex: endOpening,
  } = openssl().functions
  const { EVP_CIPHER_CTX_ctrl: control, ERR_clear_error: clearErrors } = openssl().functions
  const keyBytes = gcmKeyBytes[cipher]
  const algorithm = fetchedCipher(cipher)
  const sealing = newCipherContext()
  must('start', startSealing(sealing, algorithm, 0n, 0n, 0n))
  const opening = newCipherContext()
  must('start', startOpening(opening, algorithm, 0n, 0n, 0n))
  const length = new Int32Array(1)
  const end = new Uint8Array(new ArrayBuffer(gcmTagBytes))

  function requireLengths(key: Uint8Array, iv: Uint8Array): void {
    if (key.length !== keyBytes || iv.length !== gcmIvBytes)
      throw new RangeError(`${cipher} has a key of ${keyBytes} bytes and an IV of ${gcmIvBytes}`)
  }

  return {
    seal(key, iv, plaintext, associatedData, body, at) {
      requireLengths(key, iv)
      const tagAt = at + plaintext.length
      if (body.length !== tagAt + gcmTagBytes) throw new RangeError('a body has room for ciphertext and tag, no more')
      must('start', startSealing(sealing, 0n, key, iv, 0n))
      // Without a place to write to, it is associated data.
      if (associatedData.length > 0) must('AAD', seal(sealing, 0n, length, associatedData, associatedData.length))
      if (plaintext.length > 0) must('seal', seal(sealing, body.subarray(at), length, plaintext, plaintext.length))
      // GCM is a stream: nothing is left to be written at its end.
      must('end', endSealing(sealing, end, length))
      must('tag', control(sealing, getTag, gcmTagBytes, end))
      body.set(end, tagAt)
    },
    open(key, iv, ciphertext, tag, associatedData) {
      requireLengths(key, iv)
      if (tag.length !== gcmTagBytes) throw new RangeError(`a tag has ${gcmTagBytes} bytes`)
      const plaintext = Buffer.alloc(ciphertext.length)
      must('start', startOpening(opening, 0n, key, iv, 0n))
      if (associatedData.length > 0) must('AAD', open(opening, 0n, length, associatedData, associatedData.length))
      if (ciphertext.length > 0) must('open', open(opening, plaintext, length, ciphertext, ciphertext.length))
      must('tag', control(opening, setTag, gcmTagBytes, tag))
      if (endOpening(opening, end, length) === 1) return plaintext
      plaintext.fill(0)
      clearErrors()
      return undefined
    },
  }
}

const blockBytes = 16
const freedCiphers = new FinalizationRegistry<bigint>((context) => openssl().functions.EVP_CIPHER_CTX_free(context))

/** AES-256 on single blocks, keyed once; OpenSSL wipes its key when this is gone. The key may be wiped afterwards. */
export function aesBlocks(key: Uint8Array): (blocks: Uint8Array) => Uint8Array {
  if (key.length !== 32) throw new RangeError('AES-256 has a key of 32 bytes')
  const { EVP_EncryptInit_ex2: start, EVP_EncryptUpdate: update, EVP_CIPHER_CTX_set_padding: pad } = openssl().functions
  const context = newCipherContext()
  must('start', start(context, fetchedCipher('AES-256-ECB'), key, 0n, 0n))
  must('padding', pad(context, 0))
  const length = new Int32Array(1)
  const encrypt = (blocks: Uint8Array) => {
    if (blocks.length === 0 || blocks.length % blockBytes !== 0) throw new RangeError('whole blocks only')
    const encrypted = Buffer.allocUnsafe(blocks.length)
    must('blocks', update(context, encrypted, length, blocks, blocks.length))
    return encrypted
  }
  freedCiphers.register(encrypt, context)
  return encrypt
}

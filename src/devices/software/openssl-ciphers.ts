/** What OpenSSL computes for every request: GCM, and AES-256 on single blocks, without a new object for each message. */
import { failure, must, openssl } from './openssl.ts'

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

/** Keys inside OpenSSL's own memory, and the contexts in which they compute. */
import { failure, openssl } from './openssl.ts'

/** Of one purpose, for those who compute with a key at the same time; a context has some hundred bytes. */
const mostIdle = 8

type Native = { readonly address: bigint; readonly idle: Map<string, bigint[]> }

/** EVP_PKEY objects are reference counted, and each context holds one; this frees ours when the NativeKey is gone. */
const freed = new FinalizationRegistry<Native>(({ address, idle }) => {
  const { functions } = openssl()
  for (const contexts of idle.values()) for (const context of contexts) functions.EVP_PKEY_CTX_free(context)
  functions.EVP_PKEY_free(address)
})

/** A key that OpenSSL wipes when it frees it. Keep it while its address or one of its contexts is in use. */
export class NativeKey {
  readonly address: bigint
  readonly #idle = new Map<string, bigint[]>()
  #size: number | undefined

  /** From DER: PKCS#8, which the caller wipes, or SubjectPublicKeyInfo. Throws OpensslFailure where it is neither. */
  constructor(half: 'private' | 'public', der: Uint8Array) {
    const { functions, getRawPointer } = openssl()
    const call = half === 'private' ? 'd2i_AutoPrivateKey' : 'd2i_PUBKEY'
    // d2i reads through a pointer to a pointer; both buffers stay referenced, and so in place, until it returns.
    const cursor = new BigUint64Array([getRawPointer(der)])
    this.address = functions[call](0n, cursor, BigInt(der.length))
    if (this.address === 0n) throw failure(call)
    freed.register(this, { address: this.address, idle: this.#idle })
    functions.ERR_clear_error()
  }

  /** Of the longest signature, in bytes. */
  get size(): number {
    this.#size ??= openssl().functions.EVP_PKEY_get_size(this.address)
    return this.#size
  }

  /**
   * A context of this key for one purpose, for the caller alone until it is given back: making a key ready costs a
   * tenth of a signature on P-256. `init` throws where OpenSSL refuses.
   */
  borrow(purpose: string, init: (context: bigint) => void): bigint {
    const known = this.#idle.get(purpose)?.pop()
    if (known !== undefined) return known
    const { functions } = openssl()
    const context = functions.EVP_PKEY_CTX_new(this.address, 0n)
    if (context === 0n) throw failure('EVP_PKEY_CTX_new')
    try {
      init(context)
    } catch (error) {
      functions.EVP_PKEY_CTX_free(context)
      functions.ERR_clear_error()
      throw error
    }
    return context
  }

  giveBack(purpose: string, context: bigint): void {
    let idle = this.#idle.get(purpose)
    if (idle === undefined) {
      idle = []
      this.#idle.set(purpose, idle)
    }
    if (idle.length < mostIdle) idle.push(context)
    else openssl().functions.EVP_PKEY_CTX_free(context)
  }
}

/** Keys inside OpenSSL's own memory, and the contexts in which they compute. */
import { failure, openssl } from './openssl.ts'

/** Of one call and scheme, for those who compute with a key at the same time; a context has some hundred bytes. */
const mostIdle = 8

/** By call and scheme. */
type Idle = { [call: string]: Map<string, bigint[]> | undefined }

type Native = { readonly address: bigint; readonly idle: Idle }

/** EVP_PKEY objects are reference counted, and each context holds one; this frees ours when the NativeKey is gone. */
const freed = new FinalizationRegistry<Native>(({ address, idle }) => {
  const { functions } = openssl()
  for (const schemes of Object.values(idle))
    for (const contexts of schemes?.values() ?? []) for (const context of contexts) functions.EVP_PKEY_CTX_free(context)
  functions.EVP_PKEY_free(address)
})

/** A key that OpenSSL wipes when it frees it. Keep it while its address or one of its contexts is in use. */
export class NativeKey {
  readonly address: bigint
  readonly #idle: Idle = {}
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
   * A context that is ready for a call in a scheme, for the borrower alone until it is given back; undefined where none
   * is idle. To make a key ready costs a tenth of a signature on P-256.
   */
  borrow(call: string, scheme: string): bigint | undefined {
    return this.#idle[call]?.get(scheme)?.pop()
  }

  /** One more. `init` throws where OpenSSL refuses. */
  newContext(init: (context: bigint) => void): bigint {
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

  giveBack(call: string, scheme: string, context: bigint): void {
    this.#idle[call] ??= new Map()
    const schemes = this.#idle[call]
    const idle = schemes.get(scheme)
    if (idle === undefined) schemes.set(scheme, [context])
    else if (idle.length < mostIdle) idle.push(context)
    else openssl().functions.EVP_PKEY_CTX_free(context)
  }
}

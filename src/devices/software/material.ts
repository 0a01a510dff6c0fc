import { inspect } from 'node:util'

/**
 * Key material outside its seal: the only form in which plaintext key bytes go from one function of a device to the
 * next. It cannot be printed, serialized or cloned with its bytes: nothing but `use` shows them (CVE class of
 * Cosmian 2026-015/016, where an update wrote plaintext keys into a database).
 */
export class Unsealed {
  readonly #bytes: Uint8Array
  #wiped = false

  /** Takes the bytes over: the caller keeps no other copy, and does not touch this one again. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get length(): number {
    return this.#bytes.length
  }

  /** The bytes are lent for the length of the call. What must live longer goes into a KeyObject. */
  use<T>(work: (bytes: Uint8Array) => T): T {
    if (this.#wiped) throw new Error('key material was used after it was wiped')
    return work(this.#bytes)
  }

  /** Overwrites the bytes; whoever made or was given the material does so when done. Twice is no error. */
  wipe(): void {
    this.#wiped = true
    this.#bytes.fill(0)
  }

  toJSON(): never {
    throw new Error('key material cannot be serialized')
  }

  toString(): string {
    return '[unsealed]'
  }

  [inspect.custom](): string {
    return '[unsealed]'
  }
}

import { createHash, createHmac } from 'node:crypto'

/** What the AWS SDK's own signer hashes with. */
export class Sha256 {
  readonly #hash: ReturnType<typeof createHash> | ReturnType<typeof createHmac>
  constructor(key?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = key === undefined ? createHash('sha256') : createHmac('sha256', key as Uint8Array)
  }
  update(bytes: Uint8Array) {
    this.#hash.update(bytes)
  }
  async digest() {
    return new Uint8Array(this.#hash.digest())
  }
  reset() {}
}

import { createCipheriv, hash } from 'node:crypto'
import type { Random } from '../src/domain/ports.ts'

/** The same bytes for the same seed, at every run: for tests only. */
export function seededRandom(seed: string): Random {
  const stream = createCipheriv('aes-256-ctr', hash('sha256', seed, 'buffer'), new Uint8Array(16))
  const bytes = (count: number) => new Uint8Array(stream.update(new Uint8Array(count)))
  return {
    bytes,
    uuid() {
      const drawn = bytes(16)
      drawn[6] = (drawn[6]! & 0x0f) | 0x40
      drawn[8] = (drawn[8]! & 0x3f) | 0x80
      const hex = Buffer.from(drawn).toString('hex')
      return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
    },
  }
}

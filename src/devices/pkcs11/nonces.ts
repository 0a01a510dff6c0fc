import type { Random } from '../../domain/ports.ts'

/** 32 bits of counter: so many nonces share a prefix. */
const countersPerPrefix = 0x1_0000_0000
const prefixBytes = 8

/**
 * Nonces for AES-GCM, 96 bits, under keys that outlive this process and are used by others too: 64 random bits, drawn at
 * the start and after every 2^32 nonces, then a counter. Under one prefix none comes twice; under two, none does unless
 * both prefixes are equal. So the bound of NIST SP 800-38D (a chance of 2^-32 at most) is reached after 2^16 prefixes, that
 * is 2^16 starts or 2^48 messages, and not after the 2^32 messages of wholly random nonces: no rotation is forced.
 */
export function nonces(random: Random, firstCounter = 0): () => Buffer {
  let prefix = random.bytes(prefixBytes)
  let counter = firstCounter
  return () => {
    if (counter === countersPerPrefix) {
      prefix = random.bytes(prefixBytes)
      counter = 0
    }
    const nonce = Buffer.allocUnsafe(prefixBytes + 4)
    nonce.set(prefix)
    nonce.writeUInt32BE(counter, prefixBytes)
    counter += 1
    return nonce
  }
}

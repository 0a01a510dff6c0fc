/**
 * SM4-GCM (GB/T 32907, RFC 8998) under a key of its own for every message. The 16 bytes of key material never key SM4
 * itself: they key HMAC-SM3, which makes of a random 192-bit nonce the SM4 key and the IV of that one message, as a key
 * derivation in counter mode (SP 800-108r1, 4.1; one block):
 *
 *     key (16) || IV (12) || unused (4) =
 *       HMAC-SM3(material, 00000001 || "Keyward SM4-GCM v1" || 00 || nonce (24) || 000000e0)
 *
 * Why that is sound, and its bound: docs/decisions/sm4-message-keys.md.
 */
import { createHmac, createSecretKey } from 'node:crypto'
import type { Random } from '../../domain/ports.ts'
import type { Algorithms } from './algorithms.ts'
import { uint32 } from './framing.ts'
import { type Aead, messageKeyGcm, nonceBytes } from './gcm.ts'
import { aeadKey, plainKey } from './plain.ts'

const keyBytes = 16
const ivBytes = 12
/** What stands before the nonce: the number of the block, the label, the zero byte that ends it. */
const beforeNonce = Buffer.concat([uint32(1), Buffer.from('Keyward SM4-GCM v1', 'ascii'), Uint8Array.of(0)])
/** And after it: how many bits are derived. */
const afterNonce = uint32((keyBytes + ivBytes) * 8)

export function openSm4(material: Uint8Array): Aead {
  if (material.length !== keyBytes) throw new Error('an SM4 key has 16 bytes')
  const derivationKey = createSecretKey(material)
  const input = Buffer.concat([beforeNonce, new Uint8Array(nonceBytes), afterNonce])
  return messageKeyGcm('SM4-GCM', (nonce) => {
    input.set(nonce, beforeNonce.length)
    const derived = createHmac('sm3', derivationKey).update(input).digest()
    return { key: derived.subarray(0, keyBytes), iv: derived.subarray(keyBytes, keyBytes + ivBytes) }
  })
}

export function sm4Algorithms(random: Random): Algorithms {
  return {
    ...plainKey('SM4', random, (material) => aeadKey(openSm4(material), random)),
    envelopeAlgorithm: 2,
  }
}

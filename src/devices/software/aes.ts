/**
 * XAES-256-GCM (https://c2sp.org/XAES-256-GCM): AES-256-GCM under a key of its own for every message, which is derived
 * with CMAC (SP 800-108r1, counter mode) from the first half of a 192-bit nonce. Nonces drawn at random do not collide
 * (2^80 messages under one key, at a risk of 2^-32), so the bound of 2^32 messages of SP 800-38D never comes near.
 */
import type { Random } from '../../domain/ports.ts'
import type { Algorithms } from './algorithms.ts'
import { type Aead, messageKeyGcm } from './gcm.ts'
import { aesBlocks } from './openssl-ciphers.ts'
import { aeadKey, plainKey } from './plain.ts'

const blockBytes = 16
/** Half of the nonce derives the key, the other half is GCM's IV. */
const halfNonceBytes = 12

export function openXaes(key: Uint8Array): Aead {
  if (key.length !== 32) throw new Error('XAES-256-GCM has a key of 32 bytes')
  const blocks = aesBlocks(key)
  const subkey = cmacSubkey(blocks(new Uint8Array(blockBytes)))

  // M1 || M2, each already XORed with K1 where the nonce does not reach: 0x00 counter 'X' 0x00, then the half nonce.
  const template = new Uint8Array(2 * blockBytes)
  template.set([0x00, 0x01, 0x58, 0x00])
  template.set([0x00, 0x02, 0x58, 0x00], blockBytes)
  for (let index = 0; index < template.length; index += 1) template[index]! ^= subkey[index % blockBytes]!
  const input = new Uint8Array(2 * blockBytes)

  return messageKeyGcm('AES-256-GCM', (nonce) => {
    input.set(template)
    for (let index = 0; index < halfNonceBytes; index += 1) {
      input[4 + index]! ^= nonce[index]!
      input[4 + blockBytes + index]! ^= nonce[index]!
    }
    return { key: blocks(input), iv: nonce.subarray(halfNonceBytes) }
  })
}

/** K1 of CMAC (SP 800-38B, 6.1): the block times x in GF(2^128), without a branch on the secret bit. */
function cmacSubkey(block: Uint8Array): Uint8Array {
  const doubled = new Uint8Array(blockBytes)
  for (let index = 0; index < blockBytes; index += 1)
    doubled[index] = (block[index]! << 1) | ((block[index + 1] ?? 0) >>> 7)
  doubled[blockBytes - 1]! ^= 0x87 & -(block[0]! >>> 7)
  return doubled
}

export function aesAlgorithms(random: Random): Algorithms {
  return {
    ...plainKey('AES_256', random, (material) => aeadKey(openXaes(material), random)),
    envelopeAlgorithm: 1,
  }
}

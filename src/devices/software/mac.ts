/** HMAC (RFC 2104, FIPS 198-1; with SM3: GB/T 15852.2). A MAC is as long as its hash: nothing is truncated. */
import { createHmac, createSecretKey } from 'node:crypto'
import type { Random } from '../../domain/ports.ts'
import type { MacAlgorithm } from '../../domain/specs.ts'
import type { Algorithms } from './algorithms.ts'
import { plainKey } from './plain.ts'

const hashes: Readonly<Record<MacAlgorithm, string>> = {
  HMAC_SHA_224: 'sha224',
  HMAC_SHA_256: 'sha256',
  HMAC_SHA_384: 'sha384',
  HMAC_SHA_512: 'sha512',
  HMAC_SM3: 'sm3',
}

export function openHmac(algorithm: MacAlgorithm, material: Uint8Array): (message: Uint8Array) => Uint8Array {
  const key = createSecretKey(material)
  const hash = hashes[algorithm]
  return (message) => createHmac(hash, key).update(message).digest()
}

/** Each MAC key spec is named for its one algorithm. */
export function macAlgorithms(random: Random): Readonly<Record<MacAlgorithm, Algorithms>> {
  const row = (algorithm: MacAlgorithm) =>
    plainKey(algorithm, random, (material) => ({ mac: openHmac(algorithm, material) }))
  return {
    HMAC_SHA_224: row('HMAC_SHA_224'),
    HMAC_SHA_256: row('HMAC_SHA_256'),
    HMAC_SHA_384: row('HMAC_SHA_384'),
    HMAC_SHA_512: row('HMAC_SHA_512'),
    HMAC_SM3: row('HMAC_SM3'),
  }
}

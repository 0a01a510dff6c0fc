import { hkdfSync, type KeyObject } from 'node:crypto'
import { frame } from './framing.ts'

export const derivedBytes = 32

const noSalt = new Uint8Array(0)

/**
 * 32 bytes for one purpose: HKDF-SHA-256 (RFC 5869), without a salt, because the key is uniform already. The words of
 * the purpose are framed, so that no two purposes are the same bytes; together they have less than 1,000 of them.
 */
export function derive(key: KeyObject, purpose: readonly string[], salt: Uint8Array = noSalt): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', key, salt, frame(['Keyward', ...purpose]), derivedBytes))
}

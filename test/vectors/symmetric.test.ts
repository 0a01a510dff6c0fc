/** The vectors of wycheproof for AEAD, MAC and key derivation, run against the functions that the software device uses. */
import { hkdfSync, timingSafeEqual } from 'node:crypto'
import { messageKeyGcm, nonceBytes } from '../../src/devices/software/gcm.ts'
import { openHmac } from '../../src/devices/software/mac.ts'
import type { MacAlgorithm } from '../../src/domain/specs.ts'
import { fromHex, type Vector, type Verdict, wycheproof } from './wycheproof.ts'

type AeadGroup = { readonly keySize: number; readonly ivSize: number; readonly tagSize: number }
type AeadVector = Vector & Readonly<Record<'key' | 'iv' | 'aad' | 'msg' | 'ct' | 'tag', string>>

/** Both ways: a valid vector must be what sealing gives, and open; an invalid one must not open. */
function aead(file: string, cipher: 'AES-256-GCM' | 'SM4-GCM', keyBits: number, atLeast: number): void {
  wycheproof<AeadGroup, AeadVector>(file, {
    atLeast,
    answer({ keySize, ivSize, tagSize }, vector): Verdict {
      // Every message key has a key of one length, an IV of 96 bits and a tag of 128: others cannot be asked for.
      if (keySize !== keyBits || ivSize !== 96 || tagSize !== 128) return undefined
      const gcm = messageKeyGcm(cipher, () => ({ key: fromHex(vector.key), iv: fromHex(vector.iv) }))
      const nonce = new Uint8Array(nonceBytes)
      const body = Buffer.concat([nonce, fromHex(vector.ct), fromHex(vector.tag)])
      const opened = gcm.open(body, fromHex(vector.aad))
      if (opened === undefined) return 'refused'
      const sealed = gcm.seal(nonce, fromHex(vector.msg), fromHex(vector.aad))
      return Buffer.compare(opened, fromHex(vector.msg)) === 0 && Buffer.compare(sealed, body) === 0
        ? 'accepted'
        : 'refused'
    },
  })
}

aead('aes_gcm_test.json', 'AES-256-GCM', 256, 60)
aead('sm4_gcm_test.json', 'SM4-GCM', 128, 60)

type MacGroup = { readonly tagSize: number }
type MacVector = Vector & Readonly<Record<'key' | 'msg' | 'tag', string>>

function mac(file: string, algorithm: MacAlgorithm, bits: number): void {
  wycheproof<MacGroup, MacVector>(file, {
    atLeast: 80,
    answer({ tagSize }, { key, msg, tag }) {
      // No MAC is truncated; and node:crypto has no HMAC key of no bytes, as no key of ours has.
      if (tagSize !== bits || key.length === 0) return undefined
      const expected = openHmac(algorithm, fromHex(key))(fromHex(msg))
      const given = fromHex(tag)
      return expected.length === given.length && timingSafeEqual(expected, given) ? 'accepted' : 'refused'
    },
  })
}

mac('hmac_sha224_test.json', 'HMAC_SHA_224', 224)
mac('hmac_sha256_test.json', 'HMAC_SHA_256', 256)
mac('hmac_sha384_test.json', 'HMAC_SHA_384', 384)
mac('hmac_sha512_test.json', 'HMAC_SHA_512', 512)
mac('hmac_sm3_test.json', 'HMAC_SM3', 256)

type HkdfVector = Vector & Readonly<Record<'ikm' | 'salt' | 'info' | 'okm', string>> & { readonly size: number }

wycheproof<object, HkdfVector>('hkdf_sha256_test.json', {
  atLeast: 80,
  answer(_group, { ikm, salt, info, okm, size }) {
    // RFC 5869: at most 255 blocks.
    if (size > 255 * 32) return 'refused'
    const derived = Buffer.from(hkdfSync('sha256', fromHex(ikm), fromHex(salt), fromHex(info), size))
    return derived.toString('hex') === okm ? 'accepted' : 'refused'
  },
})

/** Public keys between their forms: PKCS#11 attributes, SubjectPublicKeyInfo, points, and the two forms of ECDSA signatures. */
import { createPublicKey, type KeyObject } from 'node:crypto'

export function rsaPublicKey(modulus: Buffer, exponent: Buffer): KeyObject {
  return createPublicKey({
    format: 'jwk',
    key: {
      kty: 'RSA',
      n: withoutZeros(modulus).toString('base64url'),
      e: withoutZeros(exponent).toString('base64url'),
    },
  })
}

/**
 * From CKA_EC_POINT: by PKCS#11 the DER OCTET STRING of the point, in some modules the bare point. Node refuses one that
 * is not on its curve.
 */
export function ecPublicKey(curve: string, fieldBytes: number, attribute: Buffer): KeyObject {
  const point = bare(attribute, 1 + 2 * fieldBytes)
  if (point[0] !== 4) throw new Error('the point of an EC public key is not in uncompressed form')
  const x = point.toString('base64url', 1, 1 + fieldBytes)
  const y = point.toString('base64url', 1 + fieldBytes)
  return createPublicKey({ format: 'jwk', key: { kty: 'EC', crv: curve, x, y } })
}

export function edwardsPublicKey(curve: string, pointBytes: number, attribute: Buffer): KeyObject {
  const x = bare(attribute, pointBytes).toString('base64url')
  return createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: curve, x } })
}

/** The uncompressed point (SEC 1, 2.3.3) of a public key on this curve; undefined for any other key. */
export function pointOf(key: KeyObject, curve: string, fieldBytes: number): Buffer | undefined {
  const jwk = key.export({ format: 'jwk' })
  if (jwk.kty !== 'EC' || jwk.crv !== curve || jwk.x === undefined || jwk.y === undefined) return undefined
  const point = Buffer.concat([Buffer.of(4), Buffer.from(jwk.x, 'base64url'), Buffer.from(jwk.y, 'base64url')])
  return point.length === 1 + 2 * fieldBytes ? point : undefined
}

export function spkiOf(key: KeyObject): Buffer {
  return key.export({ format: 'der', type: 'spki' })
}

/** r and s side by side (IEEE P1363, PKCS#11), as the DER ECDSA-Sig-Value that both clouds speak (RFC 3279). */
export function ecdsaSignatureToDer(signature: Buffer): Buffer {
  const half = signature.length / 2
  const body = Buffer.concat([derInteger(signature.subarray(0, half)), derInteger(signature.subarray(half))])
  return Buffer.concat([body.length < 128 ? Buffer.of(0x30, body.length) : Buffer.of(0x30, 0x81, body.length), body])
}

/** The way back, of nothing but DER in its one form; undefined for anything else. */
export function ecdsaSignatureFromDer(der: Buffer, fieldBytes: number): Buffer | undefined {
  // Only a signature over P-521 is long enough for the long form of a length.
  const header = der[1] === 0x81 && (der[2] as number) >= 128 ? 3 : 2
  if (der[0] !== 0x30 || der.length - header !== der[header - 1] || (header === 2 && (der[1] as number) >= 128))
    return undefined
  const r = readInteger(der, header, fieldBytes)
  const s = r && readInteger(der, r.end, fieldBytes)
  return r !== undefined && s?.end === der.length ? Buffer.concat([r.value, s.value]) : undefined
}

function readInteger(der: Buffer, at: number, bytes: number): { value: Buffer; end: number } | undefined {
  const length = der[at + 1]
  if (der[at] !== 2 || length === undefined || length === 0) return undefined
  const end = at + 2 + length
  const digits = der.subarray(at + 2, end)
  const first = digits[0] as number
  const padded = first === 0 && digits.length > 1
  // Negative, or longer than it need be: not DER.
  if (end > der.length || first >= 128 || (padded && (digits[1] as number) < 128)) return undefined
  const magnitude = padded ? digits.subarray(1) : digits
  if (magnitude.length > bytes) return undefined
  return { value: Buffer.concat([Buffer.alloc(bytes - magnitude.length), magnitude]), end }
}

function derInteger(magnitude: Buffer): Buffer {
  const digits = withoutZeros(magnitude)
  const padded = (digits[0] as number) & 0x80 ? Buffer.concat([Buffer.of(0), digits]) : digits
  return Buffer.concat([Buffer.of(2, padded.length), padded])
}

/** The number's bytes without leading zeros; one zero for zero. */
function withoutZeros(magnitude: Buffer): Buffer {
  let at = 0
  while (at < magnitude.length - 1 && magnitude[at] === 0) at += 1
  return magnitude.subarray(at)
}

function bare(attribute: Buffer, bytes: number): Buffer {
  if (attribute.length === bytes) return attribute
  const header = attribute.length - bytes
  const isOctetString =
    attribute[0] === 4 && ((header === 2 && attribute[1] === bytes) || (header === 3 && attribute[1] === 0x81))
  if (!isOctetString) throw new Error('the token gave a public key in an unknown form')
  return attribute.subarray(header)
}

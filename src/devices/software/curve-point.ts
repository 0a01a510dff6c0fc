/**
 * Public keys on curves, in the one form that is taken: SubjectPublicKeyInfo DER with the curve by name and the point
 * uncompressed (RFC 5480, sections 2.1.1 and 2.2; for SM2 GB/T 35275). Each curve has one prefix of fixed bytes, so
 * explicit curve parameters, compressed or hybrid points and stray bytes never reach a parser (CVE-2020-0601).
 */
import { problem } from '../../domain/errors.ts'
import type { EcSpec } from './key-pair.ts'

export type CurveSpec = EcSpec | 'SM2'

type CurveFacts = { readonly head: Uint8Array; readonly coordinateBytes: number }

const curve = (head: string, coordinateBytes: number): CurveFacts => ({
  head: Buffer.from(head, 'hex'),
  coordinateBytes,
})

/** The head runs up to the bit string's first byte, its count of unused bits; then 04, x, y. */
const curves: Readonly<Record<CurveSpec, CurveFacts>> = {
  EC_P256: curve('3059301306072a8648ce3d020106082a8648ce3d030107034200', 32),
  EC_P384: curve('3076301006072a8648ce3d020106052b81040022036200', 48),
  EC_P521: curve('30819b301006072a8648ce3d020106052b8104002303818600', 66),
  EC_SECP256K1: curve('3056301006072a8648ce3d020106052b8104000a034200', 32),
  SM2: curve('3059301306072a8648ce3d020106082a811ccf5501822d034200', 32),
}

const uncompressed = 4

/** 04, x, y; undefined where the bytes are no such key. Whether the point is on the curve is not looked at here. */
export function curvePoint(spec: CurveSpec, publicKey: Uint8Array): Uint8Array | undefined {
  const { head, coordinateBytes } = curves[spec]
  if (publicKey.length !== head.length + 1 + 2 * coordinateBytes) return undefined
  if (Buffer.compare(publicKey.subarray(0, head.length), head) !== 0) return undefined
  const point = publicKey.subarray(head.length)
  return point[0] === uncompressed ? point : undefined
}

export function invalidPeer(spec: CurveSpec): Error {
  return problem('InvalidPublicKey', {
    message: `The public key is not a point of the curve of ${spec}.`,
    mend: 'Give a DER SubjectPublicKeyInfo with a named curve and an uncompressed point (openssl pkey -pubout -outform DER).',
    member: 'publicKey',
  })
}

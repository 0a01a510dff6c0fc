/**
 * Public keys on curves, in the one form that is taken: SubjectPublicKeyInfo DER with the curve by name and the point
 * uncompressed (RFC 5480, sections 2.1.1 and 2.2; for SM2 GB/T 35275). Each curve has one prefix of fixed bytes, so
 * explicit curve parameters, compressed or hybrid points and stray bytes never reach a parser (CVE-2020-0601).
 */
import { problem } from '../../domain/errors.ts'
import { derTag, encodeElement } from './asn1.ts'
import type { EcSpec } from './key-pair.ts'

export type CurveSpec = EcSpec | 'SM2'

type CurveFacts = {
  /** AlgorithmIdentifier { id-ecPublicKey, the curve }. */
  readonly algorithm: Uint8Array
  /** SubjectPublicKeyInfo up to the bit string's first byte, its count of unused bits; then come 04, x, y. */
  readonly head: Uint8Array
  readonly pointBytes: number
}

function curve(objectIdentifier: string, coordinateBytes: number): CurveFacts {
  const pointBytes = 1 + 2 * coordinateBytes
  const { sequence, bitString } = derTag
  const algorithm = encodeElement(sequence, Buffer.from(`06072a8648ce3d0201${objectIdentifier}`, 'hex'))
  const publicKey = encodeElement(sequence, algorithm, encodeElement(bitString, new Uint8Array(1 + pointBytes)))
  return { algorithm, head: publicKey.subarray(0, publicKey.length - pointBytes), pointBytes }
}

const curves: Readonly<Record<CurveSpec, CurveFacts>> = {
  EC_P256: curve('06082a8648ce3d030107', 32),
  EC_P384: curve('06052b81040022', 48),
  EC_P521: curve('06052b81040023', 66),
  EC_SECP256K1: curve('06052b8104000a', 32),
  SM2: curve('06082a811ccf5501822d', 32),
}

const uncompressed = 4

/** 04, x, y; undefined where the bytes are no such key. Whether the point is on the curve is not looked at here. */
export function curvePoint(spec: CurveSpec, publicKey: Uint8Array): Uint8Array | undefined {
  const { head, pointBytes } = curves[spec]
  if (publicKey.length !== head.length + pointBytes) return undefined
  if (Buffer.compare(publicKey.subarray(0, head.length), head) !== 0) return undefined
  const point = publicKey.subarray(head.length)
  return point[0] === uncompressed ? point : undefined
}

/** DER AlgorithmIdentifier of the keys of the curve. */
export function curveAlgorithm(spec: CurveSpec): Uint8Array {
  return curves[spec].algorithm
}

export function invalidPeer(spec: CurveSpec): Error {
  return problem('InvalidPublicKey', {
    message: `The public key is not a point of the curve of ${spec}.`,
    mend: 'Give a DER SubjectPublicKeyInfo with a named curve and an uncompressed point (openssl pkey -pubout -outform DER).',
    member: 'publicKey',
  })
}

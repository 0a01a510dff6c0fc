/**
 * Private keys on curves, in one encoding. RFC 5915 leaves open whether the point stands beside the scalar, and in which
 * form, and OpenSSL writes again what it read; here the same key is always the same bytes (R53).
 */
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { derTag, encodeElement, readElement } from './asn1.ts'
import { type CurveSpec, curveAlgorithm, curvePoint } from './curve-point.ts'

/** The same private key with its point beside it, uncompressed and computed anew. */
export function canonicalCurveKey(spec: CurveSpec, privateKey: KeyObject): KeyObject {
  const der = privateKey.export({ format: 'der', type: 'pkcs8' })
  try {
    const scalar = scalarOf(der)
    const publicKey = createPublicKey(openScalar(spec, scalar)).export({ format: 'der', type: 'spki' })
    const point = curvePoint(spec, publicKey)
    if (point === undefined) throw new Error(`OpenSSL computed no point of ${spec}`)
    return openScalar(spec, scalar, point)
  } finally {
    der.fill(0)
  }
}

/** The second element of the ECPrivateKey, which is the third of the PKCS#8 key around it. */
function scalarOf(pkcs8: Uint8Array): Uint8Array {
  return element(element(pkcs8, 2), 1)
}

function element(sequence: Uint8Array, index: number): Uint8Array {
  let rest = readElement(sequence)?.content
  for (let skip = index; skip > 0 && rest !== undefined; skip--) rest = readElement(rest)?.rest
  const found = rest && readElement(rest)?.content
  if (found === undefined) throw new Error('OpenSSL wrote a private key that is not DER')
  return found
}

/** The tag of ECPrivateKey's publicKey: [1], explicit. */
const publicKeyTag = 0xa1

function openScalar(spec: CurveSpec, scalar: Uint8Array, point?: Uint8Array): KeyObject {
  const { sequence, integer, octetString, bitString } = derTag
  const beside =
    point === undefined ? [] : [encodeElement(publicKeyTag, encodeElement(bitString, Uint8Array.of(0), point))]
  const version = (number: number) => encodeElement(integer, Uint8Array.of(number))
  const wrappedScalar = encodeElement(octetString, scalar)
  const ecPrivateKey = encodeElement(sequence, version(1), wrappedScalar, ...beside)
  const wrapped = encodeElement(octetString, ecPrivateKey)
  const pkcs8 = Buffer.from(encodeElement(sequence, version(0), curveAlgorithm(spec), wrapped).buffer)
  try {
    return createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })
  } finally {
    for (const secret of [wrappedScalar, ecPrivateKey, wrapped, pkcs8]) secret.fill(0)
  }
}

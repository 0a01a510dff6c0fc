/**
 * Key pairs for callers' own use. They are handed out in the clear, so a token is the wrong place to make them: one that
 * is worth its name gives no private key away. Node's OpenSSL makes them, with its own random generator; nothing is kept.
 */
import { generateKeyPair } from 'node:crypto'
import { problem } from '../../domain/errors.ts'
import { type KeySpec, specs } from '../../domain/specs.ts'
import { tokenKeys } from './mechanisms.ts'

type PlainKeyPair = { readonly privateKey: Uint8Array; readonly publicKey: Uint8Array }

/** PKCS#8 and SubjectPublicKeyInfo, DER. */
export async function generatePlainKeyPair(spec: KeySpec): Promise<PlainKeyPair> {
  if (specs[spec].family !== 'asymmetric')
    throw problem('KeySpecMismatch', { message: `A key of spec ${spec} cannot be made as a key pair.` })
  const [type, options] = ofOpenssl(spec)
  const encoded = {
    ...options,
    publicKeyEncoding: { format: 'der', type: 'spki' },
    privateKeyEncoding: { format: 'der', type: 'pkcs8' },
  }
  return new Promise((resolve, reject) => {
    // The overloads name each type of key in turn; the names here come from a table.
    const generate = generateKeyPair as unknown as (
      type: string,
      options: object,
      done: (error: Error | null, publicKey: Buffer, privateKey: Buffer) => void,
    ) => void
    generate(type, encoded, (error, publicKey, privateKey) => {
      if (error !== null) reject(error)
      else resolve({ privateKey: Uint8Array.from(privateKey), publicKey: Uint8Array.from(publicKey) })
    })
  })
}

function ofOpenssl(spec: KeySpec): readonly [type: string, options: object] {
  const key = tokenKeys[spec]
  if (key?.kind === 'rsa') return ['rsa', { modulusLength: key.bits }]
  if (key?.kind === 'ec') return ['ec', { namedCurve: key.curve }]
  if (key?.kind === 'edwards') return ['ed25519', {}]
  if (spec === 'SM2') return ['ec', { namedCurve: 'SM2' }]
  // ML_DSA_44 is OpenSSL's ml-dsa-44.
  return [spec.toLowerCase().replaceAll('_', '-'), {}]
}

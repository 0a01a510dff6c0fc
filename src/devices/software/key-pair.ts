/**
 * An opened key pair. Its private key comes and goes as PKCS#8 DER (RFC 5208, RFC 5958) in the one encoding that
 * OpenSSL writes, so that the same key is always the same bytes; its public key as SubjectPublicKeyInfo DER (RFC 5280).
 */
import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto'
import { type ProblemDetails, problem } from '../../domain/errors.ts'
import type { KeySpec } from '../../domain/specs.ts'
import type { Material } from './algorithms.ts'
import { derTag, isSequence, readElement, readSequence } from './asn1.ts'
import { type CurveSpec, curvePoint } from './curve-point.ts'
import { canonicalCurveKey } from './curve-private-key.ts'
import { Unsealed } from './material.ts'
import { NativeKey } from './native-key.ts'
import type { Pool } from './pool.ts'

export type RsaSpec = 'RSA_2048' | 'RSA_3072' | 'RSA_4096'
export type EcSpec = 'EC_P256' | 'EC_P384' | 'EC_P521' | 'EC_SECP256K1'
export type MlDsaSpec = 'ML_DSA_44' | 'ML_DSA_65' | 'ML_DSA_87'
export type MlKemSpec = 'ML_KEM_512' | 'ML_KEM_768' | 'ML_KEM_1024'
export type PairSpec = RsaSpec | EcSpec | 'ED25519' | 'SM2' | MlDsaSpec | MlKemSpec

/** As generateKeyPair wants it, and what a key of the spec says of itself once it is open. */
type PairFacts = {
  readonly type: string
  readonly options: { readonly modulusLength?: number; readonly namedCurve?: string }
  /** `asymmetricKeyType`: undefined for SM2, which node:crypto has no name for. */
  readonly opensAs: string | undefined
  /** OpenSSL's own name of the curve. */
  readonly curve?: string
}

const rsa = (modulusLength: number): PairFacts => ({ type: 'rsa', options: { modulusLength }, opensAs: 'rsa' })
const ec = (curve: string): PairFacts => ({ type: 'ec', options: { namedCurve: curve }, opensAs: 'ec', curve })
const named = (type: string): PairFacts => ({ type, options: {}, opensAs: type })

const facts: Readonly<Record<PairSpec, PairFacts>> = {
  RSA_2048: rsa(2048),
  RSA_3072: rsa(3072),
  RSA_4096: rsa(4096),
  EC_P256: ec('prime256v1'),
  EC_P384: ec('secp384r1'),
  EC_P521: ec('secp521r1'),
  EC_SECP256K1: ec('secp256k1'),
  ED25519: named('ed25519'),
  SM2: { type: 'ec', options: { namedCurve: 'SM2' }, opensAs: undefined },
  ML_DSA_44: named('ml-dsa-44'),
  ML_DSA_65: named('ml-dsa-65'),
  ML_DSA_87: named('ml-dsa-87'),
  ML_KEM_512: named('ml-kem-512'),
  ML_KEM_768: named('ml-kem-768'),
  ML_KEM_1024: named('ml-kem-1024'),
}

export const pairSpecs = Object.keys(facts) as readonly PairSpec[]

function isCurveSpec(spec: PairSpec): spec is CurveSpec {
  return facts[spec].type === 'ec'
}

export function isPairSpec(spec: KeySpec): spec is PairSpec {
  return Object.hasOwn(facts, spec)
}

/**
 * The overloads of generateKeyPair name each type of key in turn, the table here holds them all; and its callback gives
 * two results where every other one gives one.
 */
type Generate = (
  type: string,
  options: object,
  done: (error: Error | null, publicKey: Uint8Array, privateKey: Uint8Array) => void,
) => void

/** Draws a new pair, with OpenSSL's own random generator: node:crypto takes no other. */
export async function generatePair(pool: Pool, spec: PairSpec): Promise<Required<Material>> {
  const { type, options } = facts[spec]
  const encoded = {
    ...options,
    publicKeyEncoding: { format: 'der', type: 'spki' },
    privateKeyEncoding: { format: 'der', type: 'pkcs8' },
  }
  const inLane = type === 'rsa' ? pool.nativeSlow : pool.native
  const [publicKey, privateKey] = await inLane<readonly [Uint8Array, Uint8Array]>((done) =>
    (generateKeyPair as unknown as Generate)(type, encoded, (error, ...halves) => done(error, halves)),
  )
  return { material: new Unsealed(privateKey), publicKey }
}

/** The half that verifies and encrypts, open in node:crypto and, where an algorithm asks for it, in OpenSSL. */
export class PublicHalf {
  readonly spec: PairSpec
  readonly publicKey: KeyObject
  #native: NativeKey | undefined

  constructor(spec: PairSpec, publicKey: KeyObject) {
    this.spec = spec
    this.publicKey = publicKey
  }

  get native(): NativeKey {
    this.#native ??= this.openNative()
    return this.#native
  }

  protected openNative(): NativeKey {
    return new NativeKey('public', this.exportPublicKey())
  }

  /** SubjectPublicKeyInfo DER. */
  exportPublicKey(): Uint8Array {
    return this.publicKey.export({ format: 'der', type: 'spki' })
  }
}

/** Both halves. Free of plain bytes: they are in OpenSSL's memory. */
export class KeyPair extends PublicHalf {
  readonly privateKey: KeyObject

  constructor(spec: PairSpec, privateKey: KeyObject) {
    super(spec, createPublicKey(privateKey))
    this.privateKey = privateKey
  }

  protected override openNative(): NativeKey {
    const pkcs8 = this.exportPrivateKey()
    try {
      return pkcs8.use((bytes) => new NativeKey('private', bytes))
    } finally {
      pkcs8.wipe()
    }
  }

  /** PKCS#8 DER in the one encoding that OpenSSL writes. */
  exportPrivateKey(): Unsealed {
    return new Unsealed(this.privateKey.export({ format: 'der', type: 'pkcs8' }))
  }
}

/** Opens SubjectPublicKeyInfo DER. Throws a Problem `InvalidPublicKey` where it is not of the spec. */
export function openPublicHalf(spec: PairSpec, publicKey: Uint8Array): PublicHalf {
  let opened: KeyObject
  try {
    opened = createPublicKey({ key: Buffer.from(publicKey), format: 'der', type: 'spki' })
  } catch (cause) {
    throw problem('InvalidPublicKey', { cause })
  }
  if (!isOf(spec, opened)) throw problem('InvalidPublicKey', { message: `The public key is not one of spec ${spec}.` })
  return new PublicHalf(spec, opened)
}

/** Opens PKCS#8 DER that this module wrote. Anything else under our own seal is a Problem `Internal`. */
export function openPair(spec: PairSpec, pkcs8: Unsealed): KeyPair {
  const opened = pkcs8.use(tryOpen)
  if (opened === undefined || !isOf(spec, opened))
    throw problem('Internal', { message: 'A sealed key is of another spec.' })
  return new KeyPair(spec, opened)
}

function tryOpen(pkcs8: Uint8Array): KeyObject | undefined {
  if (!isSequence(pkcs8)) return undefined
  try {
    return createPrivateKey({
      key: Buffer.from(pkcs8.buffer, pkcs8.byteOffset, pkcs8.length),
      format: 'der',
      type: 'pkcs8',
    })
  } catch {
    return undefined
  }
}

function isOf(spec: PairSpec, key: KeyObject): boolean {
  const { opensAs, options, curve } = facts[spec]
  const details = key.asymmetricKeyDetails ?? {}
  // node:crypto has no name for SM2 keys, so the curve is read off the public half.
  const half = key.type === 'private' ? createPublicKey(key) : key
  if (spec === 'SM2' && curvePoint(spec, half.export({ format: 'der', type: 'spki' })) === undefined) return false
  return (
    (key.asymmetricKeyType as string | undefined) === opensAs &&
    details.namedCurve === curve &&
    details.modulusLength === options.modulusLength
  )
}

/** SP 800-56B 6.4.1.2.1: odd, and 65,537 at least. */
const smallestPublicExponent = 65_537n

/**
 * Opens PKCS#8 DER that came from outside, once it has been found to be a sound key of the spec: one DER value to the
 * end, the right kind and size, and private and public halves that belong together (for RSA: primes that are prime).
 * Throws a Problem `InvalidKeyMaterial`.
 */
export async function openForeignPair(pool: Pool, spec: PairSpec, pkcs8: Unsealed): Promise<KeyPair> {
  const opened = pkcs8.use(tryOpen)
  if (opened === undefined) throw problem('InvalidKeyMaterial', pkcs8.use(notPkcs8))
  if (!isOf(spec, opened)) {
    throw problem('InvalidKeyMaterial', {
      message: `The key material is a private key, but not one of spec ${spec}.`,
      mend: 'Import it into a key of its own spec.',
    })
  }
  const exponent = opened.asymmetricKeyDetails?.publicExponent
  if (exponent !== undefined && (exponent < smallestPublicExponent || exponent % 2n === 0n)) {
    throw problem('InvalidKeyMaterial', {
      message: 'The public exponent of the RSA key must be odd and at least 65537.',
    })
  }
  const pair = new KeyPair(spec, opened)
  if (!(await pool.run(pair.native, { call: 'check' }))) {
    throw problem('InvalidKeyMaterial', { message: 'The private key does not belong to its public key.' })
  }
  return isCurveSpec(spec) ? new KeyPair(spec, canonicalCurveKey(spec, opened)) : pair
}

/** What the bytes are instead of a PKCS#8 key, as far as their outside tells. */
function notPkcs8(bytes: Uint8Array): ProblemDetails {
  const mend = 'Convert the key with openssl pkcs8 -topk8 -nocrypt -outform DER, and wrap the bytes of that file.'
  const message = 'The key material is not a private key in PKCS#8 DER'
  const head = Buffer.from(bytes.subarray(0, 11)).toString('latin1')
  if (head.startsWith('-----BEGIN')) return { message: `${message}, but PEM text.`, mend }
  if (readSequence(bytes, [derTag.sequence, derTag.octetString])) {
    return { message: `${message}: it is encrypted with a passphrase.`, mend }
  }
  const inner = readElement(bytes)?.content
  const second = inner && readElement(inner)?.rest
  const secondTag = second && readElement(second)?.tag
  if (isSequence(bytes) && secondTag === derTag.integer) return { message: `${message}, but a PKCS#1 RSA key.`, mend }
  if (isSequence(bytes) && secondTag === derTag.octetString) return { message: `${message}, but a SEC 1 EC key.`, mend }
  return { message: `${message}.`, mend }
}

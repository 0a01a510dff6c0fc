/**
 * What a token can do is tried, never believed: each algorithm on the road that requests take (made, wrapped, unwrapped,
 * used), with Node's own cryptography as the known answer. It verifies what the token signed, encrypts what the token
 * opens, agrees with it; and where the token unwraps keys by OAEP, it gives it known keys to encrypt and MAC with.
 */
import {
  constants,
  createCipheriv,
  createHash,
  createHmac,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
  publicEncrypt,
  timingSafeEqual,
  verify,
} from 'node:crypto'
import type { WrappingAlgorithm } from '../../domain/ports.ts'
import {
  type Algorithm,
  algorithmsOf,
  type KeySpec,
  type MacAlgorithm,
  type SigningAlgorithm,
} from '../../domain/specs.ts'
import { template } from './cryptoki.ts'
import { faultOf, TokenLost } from './faults.ts'
import { confined, generateMaterial, kindOf, type OpenKey, unwrapMaterial, usesOf } from './material.ts'
import {
  CKM_RSA_PKCS_KEY_PAIR_GEN,
  gcmNonceBytes,
  gcmTagBytes,
  macMechanisms,
  oaep,
  oaepHashes,
  signings,
  type TokenKey,
  tokenKeys,
} from './mechanisms.ts'
import { gcmDecrypt, gcmEncrypt, type Hsm, type WrappedMaterial } from './sealing.ts'
import { agree, closeKey, importMaterial, mac, rsaDecrypt, sign, verifySignature } from './work.ts'

export type Capabilities = {
  readonly algorithms: Readonly<Partial<Record<KeySpec, readonly Algorithm[]>>>
  readonly imports: readonly WrappingAlgorithm[]
}

export async function probe(hsm: Hsm): Promise<Capabilities> {
  const algorithms: Partial<Record<KeySpec, readonly Algorithm[]>> = {}
  const rsa = await made(hsm, tokenKeys.RSA_2048 as TokenKey)
  const wrapping = rsa && (await opened(hsm, tokenKeys.RSA_2048 as TokenKey, rsa, 'wrappingKey'))
  const oaepHash = wrapping && (await unwrappingHash(hsm, wrapping))
  const known: KnownKeys = { wrapping, oaepHash }

  for (const [name, key] of Object.entries(tokenKeys)) {
    const spec = name as KeySpec
    if (key.kind === 'rsa' && !makesRsa(hsm, key.bits)) continue
    // Larger RSA keys take the token seconds to make: it states their sizes, and what it computes is tried on the smallest.
    if (key.kind === 'rsa' && algorithms.RSA_2048 !== undefined) algorithms[spec] = algorithms.RSA_2048
    else {
      const material = key.kind === 'rsa' ? rsa : await made(hsm, key)
      const open = material && (await opened(hsm, key, material, 'key'))
      if (open === undefined) continue
      const computed = await computes(hsm, key, spec, open, known)
      closeKey(hsm, open)
      if (computed.length > 0) algorithms[spec] = computed
    }
  }
  const imports: WrappingAlgorithm[] = []
  for (const algorithm of importable) {
    if (wrapping && algorithms.AES_256 && (await holds(() => importsWith(hsm, wrapping, algorithm))))
      imports.push(algorithm)
  }
  if (wrapping) hsm.token.destroy(wrapping.object)
  return { algorithms, imports }
}

const importable: readonly WrappingAlgorithm[] = [
  'RSAES_OAEP_SHA_256',
  'RSAES_OAEP_SHA_1',
  'RSA_AES_KEY_WRAP_SHA_256',
  'RSA_AES_KEY_WRAP_SHA_1',
]

type KnownKeys = { readonly wrapping: OpenKey | undefined; readonly oaepHash: 'sha256' | 'sha1' | undefined }

const message = Buffer.from('what a token can do is tried, never believed')

/** A token that refuses something cannot do it; one that is lost must not be taken for one that can do little. */
async function attempt<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof TokenLost || faultOf(error) === 'loss') throw error
    return undefined
  }
}

async function holds(work: () => Promise<boolean>): Promise<boolean> {
  return (await attempt(work)) === true
}

function made(hsm: Hsm, key: TokenKey): Promise<WrappedMaterial | undefined> {
  return attempt(() => generateMaterial(hsm, key, 'key'))
}

function opened(
  hsm: Hsm,
  key: TokenKey,
  material: WrappedMaterial,
  purpose: 'key' | 'wrappingKey',
): Promise<OpenKey | undefined> {
  return attempt(() => unwrapMaterial(hsm, key, purpose, material))
}

function makesRsa(hsm: Hsm, bits: number): boolean {
  const range = hsm.token.mechanismRange(CKM_RSA_PKCS_KEY_PAIR_GEN)
  return range !== undefined && range.minimum <= bits && bits <= range.maximum
}

async function computes(
  hsm: Hsm,
  key: TokenKey,
  spec: KeySpec,
  open: OpenKey,
  known: KnownKeys,
): Promise<readonly Algorithm[]> {
  if (key.kind === 'aes') {
    const works = async () => (await roundTrips(hsm, open)) && (await knownEncryption(hsm, key, known))
    return (await holds(works)) ? ['SYMMETRIC_DEFAULT'] : []
  }
  if (key.kind === 'hmac') {
    const algorithm = spec as MacAlgorithm
    const works = async () => (await macs(hsm, open, algorithm)) && (await knownMac(hsm, key, algorithm, known))
    return (await holds(works)) ? [algorithm] : []
  }
  const publicKey = open.publicKey as KeyObject
  const found: Algorithm[] = []
  for (const name of algorithmsOf(spec, 'SIGN_VERIFY') as readonly SigningAlgorithm[]) {
    if (signings[name] !== undefined && (await holds(() => signs(hsm, open, publicKey, name)))) found.push(name)
  }
  if (key.kind === 'rsa') {
    for (const [name, hash] of Object.entries(oaepHashes)) {
      const algorithm = name as 'RSAES_OAEP_SHA_1' | 'RSAES_OAEP_SHA_256'
      const decrypts = async () => {
        const ciphertext = publicEncrypt({ key: publicKey, oaepHash: hash }, message)
        return message.equals(await rsaDecrypt(hsm, open.object, algorithm, ciphertext))
      }
      if (await holds(decrypts)) found.push(algorithm)
    }
  }
  if (algorithmsOf(spec, 'KEY_AGREEMENT').length > 0 && (await holds(() => agrees(hsm, key, open, publicKey))))
    found.push('ECDH')
  return found
}

async function roundTrips({ token }: Hsm, { object }: OpenKey): Promise<boolean> {
  const body = await gcmEncrypt(token, object, token.random(gcmNonceBytes), message, message)
  if (!message.equals(await gcmDecrypt(token, object, message, body))) return false
  const forged = Buffer.from(body)
  forged[forged.length - 1] = (forged[forged.length - 1] as number) ^ 1
  return gcmDecrypt(token, object, message, forged).then(
    () => false,
    () => true,
  )
}

async function knownEncryption(hsm: Hsm, key: TokenKey, known: KnownKeys): Promise<boolean> {
  const value = hsm.token.random(32)
  return withKnownKey(hsm, key, value, known, async (object) => {
    const nonce = hsm.token.random(gcmNonceBytes)
    return gcmOfNode(value, nonce).equals(await gcmEncrypt(hsm.token, object, nonce, message, message))
  })
}

function gcmOfNode(key: Buffer, nonce: Buffer): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: gcmTagBytes }).setAAD(message)
  return Buffer.concat([nonce, cipher.update(message), cipher.final(), cipher.getAuthTag()])
}

async function macs(hsm: Hsm, { object }: OpenKey, algorithm: MacAlgorithm): Promise<boolean> {
  const first = await mac(hsm, object, algorithm, message)
  const second = await mac(hsm, object, algorithm, message)
  return first.length === macMechanisms[algorithm]?.bytes && timingSafeEqual(first, second)
}

async function knownMac(hsm: Hsm, key: TokenKey, algorithm: MacAlgorithm, known: KnownKeys): Promise<boolean> {
  if (key.kind !== 'hmac') return false
  const value = hsm.token.random(key.bytes)
  const expected = createHmac(macMechanisms[algorithm]?.hash as string, value)
    .update(message)
    .digest()
  return withKnownKey(hsm, key, value, known, async (object) =>
    expected.equals(await mac(hsm, object, algorithm, message)),
  )
}

/** True too where the token takes no known key: then the round trip must do. */
async function withKnownKey(
  hsm: Hsm,
  key: TokenKey,
  value: Buffer,
  { wrapping, oaepHash }: KnownKeys,
  check: (object: OpenKey['object']) => Promise<boolean>,
): Promise<boolean> {
  if (wrapping === undefined || oaepHash === undefined) return true
  const encrypted = publicEncrypt({ key: wrapping.publicKey as KeyObject, oaepHash }, value)
  const attributes = template({ ...confined, extractable: false, ...kindOf(key), ...usesOf(key, 'key') })
  const object = await hsm.token.unwrap(oaep(oaepHash), wrapping.object, encrypted, attributes)
  try {
    return await check(object)
  } finally {
    hsm.token.destroy(object)
  }
}

async function unwrappingHash(hsm: Hsm, wrapping: OpenKey): Promise<'sha256' | 'sha1' | undefined> {
  const key = tokenKeys.AES_256 as TokenKey
  for (const oaepHash of ['sha256', 'sha1'] as const) {
    const value = hsm.token.random(32)
    if (await holds(() => withKnownKey(hsm, key, value, { wrapping, oaepHash }, async () => true))) return oaepHash
  }
  return undefined
}

async function signs(hsm: Hsm, open: OpenKey, publicKey: KeyObject, algorithm: SigningAlgorithm): Promise<boolean> {
  const { hash, pss } = signings[algorithm] as NonNullable<(typeof signings)[SigningAlgorithm]>
  const digest = hash === undefined ? message : createHash(hash).update(message).digest()
  const signature = await sign(hsm, open, algorithm, digest)
  const forged = Buffer.from(signature)
  forged[forged.length - 1] = (forged[forged.length - 1] as number) ^ 1
  const verifies = await verifySignature(hsm, open, algorithm, digest, signature)
  if (!verifies || (await verifySignature(hsm, open, algorithm, digest, forged))) return false
  if (pss === undefined) return verify(hash, message, publicKey, signature)
  const padding = constants.RSA_PKCS1_PSS_PADDING
  return verify(hash, message, { key: publicKey, padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }, signature)
}

async function agrees(hsm: Hsm, key: TokenKey, open: OpenKey, publicKey: KeyObject): Promise<boolean> {
  if (key.kind !== 'ec') return false
  const peer = generateKeyPairSync('ec', { namedCurve: key.curve })
  const expected = diffieHellman({ privateKey: peer.privateKey, publicKey })
  return expected.equals(await agree(hsm, open, peer.publicKey))
}

async function importsWith(hsm: Hsm, wrapping: OpenKey, algorithm: WrappingAlgorithm): Promise<boolean> {
  const value = hsm.token.random(32)
  const hash = algorithm.endsWith('SHA_1') ? 'sha1' : 'sha256'
  const toWrappingKey = (bytes: Buffer) =>
    publicEncrypt({ key: wrapping.publicKey as KeyObject, oaepHash: hash }, bytes)
  const between = hsm.token.random(32)
  const encrypted = algorithm.startsWith('RSAES')
    ? toWrappingKey(value)
    : Buffer.concat([toWrappingKey(between), keyWrapOfNode(between, value)])
  const material = await importMaterial(hsm, {
    wrappingKey: wrapping.object,
    wrappingKeyBytes: 256,
    algorithm,
    encrypted,
    spec: 'AES_256',
    fingerprintOf: message,
  })
  const imported = await unwrapMaterial(hsm, tokenKeys.AES_256 as TokenKey, 'key', material)
  const nonce = hsm.token.random(gcmNonceBytes)
  const body = await gcmEncrypt(hsm.token, imported.object, nonce, message, message)
  hsm.token.destroy(imported.object)
  return gcmOfNode(value, nonce).equals(body)
}

/** RFC 5649, section 3. */
const alternativeInitialValue = Buffer.from('a65959a6', 'hex')

function keyWrapOfNode(key: Buffer, value: Buffer): Buffer {
  const cipher = createCipheriv('id-aes256-wrap-pad', key, alternativeInitialValue)
  return Buffer.concat([cipher.update(value), cipher.final()])
}

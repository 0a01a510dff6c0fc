/**
 * The HSM agent: a process of its own that alone loads the vendor's module, so that what crashes, hangs or corrupts memory
 * in there costs the requests under way and nothing else. It serves whoever holds the other end of file descriptor 3, and
 * ends with it. It is told the PIN there, after its start: never by argument, environment or file.
 */
import { Socket } from 'node:net'
import { Problem } from '../../domain/errors.ts'
import type { WrappingAlgorithm, WrappingKeySpec } from '../../domain/ports.ts'
import type { EncryptionAlgorithm, KeySpec, MacAlgorithm, SigningAlgorithm } from '../../domain/specs.ts'
import { probe } from './capabilities.ts'
import { type Cryptoki, openCryptoki } from './cryptoki.ts'
import { faultOf, KeyGone, Misconfigured, PinRefused, TokenLost } from './faults.ts'
import { encodeFrame, type Frame, frameReader, type Outcome, outcomes, type Verb, verbs } from './frames.ts'
import { hardenProcess } from './hardening.ts'
import { generateMaterial, type OpenKey, unwrapMaterial } from './material.ts'
import { gcmNonceBytes } from './mechanisms.ts'
import { createRootKey, findRootKey } from './root-key.ts'
import { type Hsm, openMaterial, requireWell, sealMaterial, withCanary } from './sealing.ts'
import type { StartRequest, UnlockKeyIndex } from './start.ts'
import { macToUnlock } from './unlock-key.ts'
import {
  agree,
  closeKey,
  decrypt,
  encrypt,
  importMaterial,
  mac,
  readPeerKey,
  rsaDecrypt,
  sign,
  tokenKeyOf,
  verifySignature,
} from './work.ts'

type Fields = readonly Buffer[]

let token: Cryptoki | undefined
/** Of a token with a root key. */
let opened: Hsm | undefined
/** Open keys by their number. The service knows them by name: number of the agent (4), number of the key (4). */
const keys = new Map<number, OpenKey>()
let generation = 0
let lastKey = 0

const handlers: Readonly<Record<Verb, (fields: Fields) => Promise<Fields>>> = {
  /** request (JSON), PIN -> name of the token */
  async start([request, pin]) {
    if (token !== undefined) throw new Error('the agent was started already')
    const start = JSON.parse(text(request)) as StartRequest
    token = openCryptoki(start, pin as Buffer)
    if (start.root === undefined) return [Buffer.from(token.tokenName)]
    if (start.create) await createRootKey(token, start.root)
    generation = start.generation
    opened = await withCanary(token, findRootKey(token, start.root), token.random(gcmNonceBytes))
    await requireWell(opened)
    return [Buffer.from(token.tokenName)]
  },
  /** -> capabilities (JSON) */
  async selfTest() {
    return [Buffer.from(JSON.stringify(await probe(hsm())))]
  },
  async check() {
    await requireWell(hsm())
    return []
  },
  /** spec, binding, nonce -> sealed, public key or nothing */
  async generate([spec, binding, nonce]) {
    const material = await generateMaterial(hsm(), tokenKeyOf(specOf(spec)), 'key')
    return [await sealMaterial(hsm(), need(binding), need(nonce), material), material.publicKey ?? nothing]
  },
  /** spec of the pair, binding, nonce -> sealed, public key */
  async generateWrappingKey([spec, binding, nonce]) {
    const material = await generateMaterial(hsm(), tokenKeyOf(specOf(spec)), 'wrappingKey')
    return [await sealMaterial(hsm(), need(binding), need(nonce), material), material.publicKey ?? nothing]
  },
  /** spec, binding, sealed -> name of the key, public key or nothing */
  async open([spec, binding, sealed]) {
    const key = tokenKeyOf(specOf(spec))
    const material = await openMaterial(hsm(), need(binding), need(sealed))
    const open = await unwrapMaterial(hsm(), key, 'key', material)
    lastKey += 1
    const name = Buffer.alloc(8)
    name.writeUInt32BE(generation, 0)
    name.writeUInt32BE(lastKey, 4)
    keys.set(lastKey, open)
    return [name, material.publicKey ?? nothing]
  },
  /** key */
  async close([field]) {
    const key = keyOf(field)
    keys.delete(need(field).readUInt32BE(4))
    closeKey(hsm(), key)
    return []
  },
  /** key, nonce, associated data, plaintext -> body */
  async encrypt([key, nonce, associatedData, plaintext]) {
    return [await encrypt(hsm(), keyOf(key).object, need(nonce), need(associatedData), need(plaintext))]
  },
  /** key, associated data, body -> plaintext */
  async decrypt([key, associatedData, body]) {
    return [await decrypt(hsm(), keyOf(key).object, need(associatedData), need(body))]
  },
  /** key, algorithm, digest or message -> signature */
  async sign([key, algorithm, message]) {
    return [await sign(hsm(), keyOf(key), text(algorithm) as SigningAlgorithm, need(message))]
  },
  /** key, algorithm, digest or message, signature -> 1 or 0 */
  async verify([key, algorithm, message, signature]) {
    const verified = verifySignature(
      hsm(),
      keyOf(key),
      text(algorithm) as SigningAlgorithm,
      need(message),
      need(signature),
    )
    return [Buffer.of((await verified) ? 1 : 0)]
  },
  /** key, algorithm, message -> MAC */
  async mac([key, algorithm, message]) {
    return [await mac(hsm(), keyOf(key).object, text(algorithm) as MacAlgorithm, need(message))]
  },
  /** key, algorithm, ciphertext -> plaintext */
  async rsaDecrypt([key, algorithm, ciphertext]) {
    return [await rsaDecrypt(hsm(), keyOf(key).object, text(algorithm) as EncryptionAlgorithm, need(ciphertext))]
  },
  /** key, public key of the peer -> shared secret */
  async agree([key, peer]) {
    return [await agree(hsm(), keyOf(key), readPeerKey(need(peer)))]
  },
  /**
   * spec of the wrapping key, its binding, sealed; algorithm, wrapped material; spec, binding, nonce, what the fingerprint is
   * tied to -> sealed, fingerprint
   */
  async importMaterial([pairSpec, pairBinding, pairSealed, algorithm, encrypted, spec, binding, nonce, fingerprintOf]) {
    const pair = await openMaterial(hsm(), need(pairBinding), need(pairSealed))
    const wrappingKey = await unwrapMaterial(hsm(), tokenKeyOf(specOf(pairSpec)), 'wrappingKey', pair)
    try {
      const { fingerprint, ...material } = await importMaterial(hsm(), {
        wrappingKey: wrappingKey.object,
        wrappingKeyBytes: modulusBytes[text(pairSpec) as Exclude<WrappingKeySpec, 'SM2'>],
        algorithm: text(algorithm) as WrappingAlgorithm,
        encrypted: need(encrypted),
        spec: specOf(spec),
        fingerprintOf: need(fingerprintOf),
      })
      return [await sealMaterial(hsm(), need(binding), need(nonce), material), Buffer.from(fingerprint)]
    } finally {
      hsm().token.destroy(wrappingKey.object)
    }
  },
  /** binding, sealed, new binding, nonce -> sealed */
  async rebind([binding, sealed, newBinding, nonce]) {
    const material = await openMaterial(hsm(), need(binding), need(sealed))
    return [await sealMaterial(hsm(), need(newBinding), need(nonce), material)]
  },
  /** index of the key (JSON), 1 to make it where it is not there, message -> MAC */
  async unlock([index, make, message]) {
    if (token === undefined) throw new Error('the agent was not started')
    return [await macToUnlock(token, JSON.parse(text(index)) as UnlockKeyIndex, make?.[0] === 1, need(message))]
  },
}

const modulusBytes = { RSA_2048: 256, RSA_3072: 384, RSA_4096: 512 } as const
const nothing = Buffer.alloc(0)

function hsm(): Hsm {
  if (opened === undefined) throw new Error('the agent was not started')
  return opened
}

function need(field: Buffer | undefined): Buffer {
  if (field === undefined) throw new Error('a call lacks a field')
  return field
}

function text(field: Buffer | undefined): string {
  return need(field).toString('utf8')
}

function specOf(field: Buffer | undefined): KeySpec {
  return text(field) as KeySpec
}

function keyOf(field: Buffer | undefined): OpenKey {
  const name = need(field)
  const key = name.readUInt32BE(0) === generation ? keys.get(name.readUInt32BE(4)) : undefined
  if (key === undefined) throw new KeyGone('the key is not open in this agent')
  return key
}

// ------------------------------------------------------------------------------------------------------- the channel

hardenProcess()
const channel = new Socket({ fd: 3 })
/** Answers that came ready in the same turn go out in one piece. */
let ready: Buffer[] = []

/** Calls that came and are not begun. */
let waiting: Frame[] = []
/** So many are begun in one turn: the service takes their answers while the next are computed. */
const callsPerTurn = 8

const read = frameReader((frame) => {
  if (waiting.length === 0) setImmediate(begin)
  waiting.push(frame)
})
channel.on('data', read)
channel.on('error', () => process.exit(1))
// The service is gone, or wants this agent gone.
channel.on('close', () => process.exit(0))

function begin(): void {
  const now = waiting.slice(0, callsPerTurn)
  waiting = waiting.slice(callsPerTurn)
  if (waiting.length > 0) setImmediate(begin)
  for (const frame of now) void serve(frame)
}

async function serve({ call, kind, fields }: Frame): Promise<void> {
  try {
    const verb = verbs[kind]
    if (verb === undefined) throw new Error(`there is no verb ${kind}`)
    answer(call, 'done', await handlers[verb](fields))
  } catch (error) {
    await fail(call, error)
  }
}

async function fail(call: number, error: unknown): Promise<void> {
  const outcome = await outcomeOf(error)
  answer(call, outcome, describe(error))
  if (outcome !== 'lost') return
  // What is left in this process is good for nothing: the service starts another.
  flush()
  channel.end(() => process.exit(1))
}

async function outcomeOf(error: unknown): Promise<Outcome> {
  if (error instanceof Problem) return 'refused'
  if (error instanceof Misconfigured) return 'misconfigured'
  if (error instanceof PinRefused) return 'pinRefused'
  if (error instanceof TokenLost) return 'lost'
  if (error instanceof KeyGone) return 'failed'
  const fault = faultOf(error)
  if (fault === 'unclear' && opened !== undefined) {
    const well = await requireWell(opened).then(
      () => true,
      () => false,
    )
    return well ? 'failed' : 'lost'
  }
  if (fault === undefined) return 'broken'
  return fault === 'loss' ? 'lost' : 'failed'
}

function describe(error: unknown): readonly Buffer[] {
  if (error instanceof Problem)
    return [Buffer.from(JSON.stringify({ code: error.code, message: error.message, mend: error.mend }))]
  const said = error instanceof Error ? error : new Error(String(error))
  const cause = said.cause instanceof Error ? ` (${said.cause.message})` : ''
  return [Buffer.from(`${said.message}${cause}`)]
}

function answer(call: number, outcome: Outcome, fields: Fields): void {
  if (ready.length === 0) setImmediate(flush)
  ready.push(encodeFrame(call, outcomes.indexOf(outcome), fields))
}

function flush(): void {
  const [first, ...more] = ready
  ready = []
  if (first !== undefined && !channel.destroyed)
    channel.write(more.length === 0 ? first : Buffer.concat([first, ...more]))
}

/** What the workbench can do: what each work needs, how it is called, and what comes out. */
import type { KeyUsage } from '../../../../src/domain/specs.ts'
import { call } from '../../api/client.ts'
import {
  asymmetricDecrypt,
  asymmetricEncrypt,
  decrypt,
  encrypt,
  generateMac,
  type KeyMetadata,
  reEncrypt,
  sign,
  verify,
  verifyMac,
} from '../../api/operations.ts'
import { asCall, quoted } from '../../parts/copy-as.tsx'

export type Work = 'encrypt' | 'decrypt' | 'reEncrypt' | 'sign' | 'verify' | 'generateMac' | 'verifyMac'
export const works: readonly Work[] = ['encrypt', 'decrypt', 'reEncrypt', 'sign', 'verify', 'generateMac', 'verifyMac']

/** What is put in: a text of one's own, what another call has answered, or both. */
type WorkFacts = {
  readonly usage: KeyUsage
  readonly right: string
  readonly takes: 'plaintext' | 'ciphertext' | 'message'
  /** What is checked against the message. */
  readonly against?: 'signature' | 'mac'
  readonly context: boolean
  /** The most bytes of what it takes. */
  readonly mostBytes: number
}

const message = { takes: 'message', context: false, mostBytes: 4096 } as const
export const factsOf: Readonly<Record<Work, WorkFacts>> = {
  encrypt: { usage: 'ENCRYPT_DECRYPT', right: 'kms:Encrypt', takes: 'plaintext', context: true, mostBytes: 6144 },
  decrypt: { usage: 'ENCRYPT_DECRYPT', right: 'kms:Decrypt', takes: 'ciphertext', context: true, mostBytes: 8192 },
  reEncrypt: {
    usage: 'ENCRYPT_DECRYPT',
    right: 'kms:ReEncryptFrom',
    takes: 'ciphertext',
    context: true,
    mostBytes: 8192,
  },
  sign: { usage: 'SIGN_VERIFY', right: 'kms:Sign', ...message },
  verify: { usage: 'SIGN_VERIFY', right: 'kms:Verify', against: 'signature', ...message },
  generateMac: { usage: 'GENERATE_VERIFY_MAC', right: 'kms:GenerateMac', ...message },
  verifyMac: { usage: 'GENERATE_VERIFY_MAC', right: 'kms:VerifyMac', against: 'mac', ...message },
}

export type Task = {
  readonly work: Work
  readonly keyId: string
  readonly key: KeyMetadata | undefined
  readonly keyVersionId: string | undefined
  readonly algorithm: string | undefined
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly against: Uint8Array | undefined
  readonly context: Readonly<Record<string, string>>
  readonly destinationKeyId: string
  readonly destinationContext: Readonly<Record<string, string>>
}

export type Result =
  | {
      readonly is: 'bytes'
      readonly bytes: Uint8Array<ArrayBuffer>
      /** Plaintext: covered until one asks to see it. */
      readonly secret: boolean
      readonly keyId: string
      readonly keyVersionId: string
    }
  | { readonly is: 'verdict'; readonly valid: boolean; readonly keyId: string; readonly keyVersionId: string }

/** A key pair: its calls name a version and an algorithm. */
export function isPair(key: KeyMetadata | undefined): boolean {
  return key !== undefined && key.primaryVersionId === undefined && key.newestVersionId !== undefined
}

export async function perform(task: Task): Promise<Result> {
  const { work, keyId, keyVersionId, against } = task
  const pair = isPair(task.key)
  const context = Object.keys(task.context).length === 0 ? {} : { encryptionContext: { ...task.context } }
  const data = task.bytes.toBase64()
  const found = (value: string, of: { readonly keyId: string; readonly keyVersionId: string }, secret = false) => ({
    is: 'bytes' as const,
    bytes: Uint8Array.fromBase64(value),
    secret,
    keyId: of.keyId,
    keyVersionId: of.keyVersionId,
  })
  const ofPair = { keyId, keyVersionId, encryptionAlgorithm: task.algorithm as never }
  switch (work) {
    case 'encrypt': {
      const answer = pair
        ? await call(asymmetricEncrypt, { ...ofPair, plaintext: data })
        : await call(encrypt, { keyId, plaintext: data, ...context })
      return found(answer.ciphertextBlob, answer)
    }
    case 'decrypt': {
      const answer = pair
        ? await call(asymmetricDecrypt, { ...ofPair, ciphertextBlob: data })
        : await call(decrypt, { ciphertextBlob: data, ...(keyId === '' ? {} : { keyId }), ...context })
      return found(answer.plaintext, answer, true)
    }
    case 'reEncrypt': {
      const answer = await call(reEncrypt, reEncryption(task, data))
      return found(answer.ciphertextBlob, answer)
    }
    case 'sign': {
      const answer = await call(sign, { ...(await signable(task)), keyId, keyVersionId })
      return found(answer.signature, answer)
    }
    case 'verify': {
      const wanted = { ...(await signable(task)), keyId, keyVersionId, signature: against?.toBase64() ?? '' }
      const answer = await call(verify, wanted)
      return { is: 'verdict', valid: answer.signatureValid, keyId: answer.keyId, keyVersionId: answer.keyVersionId }
    }
    case 'generateMac': {
      const answer = await call(generateMac, { keyId, message: data })
      return found(answer.mac, answer)
    }
    case 'verifyMac': {
      const answer = await call(verifyMac, { keyId, message: data, mac: against?.toBase64() ?? '' })
      return { is: 'verdict', valid: answer.macValid, keyId: answer.keyId, keyVersionId: answer.keyVersionId }
    }
  }
}

function reEncryption(task: Task, ciphertextBlob: string) {
  const some = (context: Readonly<Record<string, string>>) =>
    Object.keys(context).length === 0 ? undefined : { ...context }
  return {
    ciphertextBlob,
    ...(task.keyId === '' ? {} : { sourceKeyId: task.keyId }),
    ...(isPair(task.key)
      ? { sourceKeyVersionId: task.keyVersionId, sourceEncryptionAlgorithm: task.algorithm as never }
      : {}),
    sourceEncryptionContext: some(task.context),
    destinationKeyId: task.destinationKeyId,
    destinationEncryptionContext: some(task.destinationContext),
  }
}

/** The hash that this browser can compute in place of the service; of the other algorithms none. */
export function digestOf(algorithm: string | undefined): 'SHA-256' | 'SHA-384' | 'SHA-512' | undefined {
  const [, bits] = /^(?:RSASSA|ECDSA)\w*_SHA_(256|384|512)$/.exec(algorithm ?? '') ?? []
  return bits === undefined ? undefined : (`SHA-${bits}` as 'SHA-256')
}

/** A longer message goes as its digest, where the algorithm has one that is known here. */
async function signable({ bytes, algorithm }: Task) {
  const digest = digestOf(algorithm)
  const signingAlgorithm = algorithm as never
  if (bytes.length <= factsOf.sign.mostBytes || digest === undefined)
    return { signingAlgorithm, messageType: 'RAW' as const, message: bytes.toBase64() }
  const hashed = new Uint8Array(await crypto.subtle.digest(digest, bytes))
  return { signingAlgorithm, messageType: 'DIGEST' as const, message: hashed.toBase64() }
}

/** The same without the console. The data stays out of it: it is read from a file. */
export function asCalls(task: Omit<Task, 'bytes' | 'against'>) {
  const { work, keyId, keyVersionId, algorithm } = task
  const pair = isPair(task.key)
  const given = Object.entries(task.context)
  const words = given.map(([name, value]) => quoted(`${name}=${value}`)).join(' ')
  const context = given.length === 0 ? {} : { encryptionContext: { ...task.context } }
  const own = given.length === 0 ? '' : ` --context ${words}`
  const inAws =
    given.length === 0 ? '' : ` --encryption-context ${given.map(([n, v]) => quoted(`${n}=${v}`)).join(',')}`
  const id = quoted(keyId === '' ? 'alias/…' : keyId)
  const ofPair = { keyId, keyVersionId, encryptionAlgorithm: algorithm as never }
  const signingAlgorithm = algorithm as never
  switch (work) {
    case 'encrypt':
      return pair
        ? [asCall(asymmetricEncrypt, { ...ofPair, plaintext: '@plaintext.bin' })]
        : [
            asCall(
              encrypt,
              { keyId, plaintext: '@plaintext.bin', ...context },
              `encrypt --key-id ${id} --plaintext fileb://plaintext.bin${inAws}`,
              `encrypt ${id} --in plaintext.bin --out ciphertext.bin${own}`,
            ),
          ]
    case 'decrypt':
      return pair
        ? [asCall(asymmetricDecrypt, { ...ofPair, ciphertextBlob: '@ciphertext.bin' })]
        : [
            asCall(
              decrypt,
              { ciphertextBlob: '@ciphertext.bin', ...(keyId === '' ? {} : { keyId }), ...context },
              `decrypt --ciphertext-blob fileb://ciphertext.bin${inAws}`,
              `decrypt --in ciphertext.bin --out plaintext.bin${own}`,
            ),
          ]
    case 'reEncrypt':
      return [
        asCall(reEncrypt, reEncryption({ ...task, bytes: new Uint8Array(), against: undefined }, '@ciphertext.bin')),
      ]
    case 'sign':
      return [asCall(sign, { keyId, keyVersionId, signingAlgorithm, message: '@message.bin' })]
    case 'verify':
      return [
        asCall(verify, { keyId, keyVersionId, signingAlgorithm, message: '@message.bin', signature: '@signature.bin' }),
      ]
    case 'generateMac':
      return [
        asCall(
          generateMac,
          { keyId, message: '@message.bin' },
          `generate-mac --key-id ${id} --mac-algorithm ${algorithm ?? 'HMAC_SHA_256'} --message fileb://message.bin`,
        ),
      ]
    case 'verifyMac':
      return [
        asCall(
          verifyMac,
          { keyId, message: '@message.bin', mac: '@mac.bin' },
          `verify-mac --key-id ${id} --mac-algorithm ${algorithm ?? 'HMAC_SHA_256'} --message fileb://message.bin --mac fileb://mac.bin`,
        ),
      ]
  }
}

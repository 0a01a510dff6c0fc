/**
 * What every algorithm of key pairs must answer before anything is served, through the same rows that serve requests.
 * known-answers-pairs.json holds a key for each spec, which is public by that and good for nothing else, and what each
 * algorithm makes of it. SM2's are the examples of GM/T 0003.5, Ed25519's key is that of RFC 8032, section 7.3; the others
 * were made by this code, and known-answers-pairs.test.ts computes them once more with other code.
 */
import { hash } from 'node:crypto'
import type { Signable } from '../../domain/ports.ts'
import type { EncryptionAlgorithm, SigningAlgorithm } from '../../domain/specs.ts'
import type { Algorithms, OpenedKey } from './algorithms.ts'
import { type PairSpec, pairSpecs } from './key-pair.ts'
import file from './known-answers-pairs.json' with { type: 'json' }
import { Unsealed } from './material.ts'

/** Base64 throughout, but for the two texts. */
export type PairAnswers = {
  /** PKCS#8 and SubjectPublicKeyInfo, DER. */
  readonly privateKey: string
  readonly publicKey: string
  /** What is signed; `Keyward` without it. */
  readonly message?: string
  /** What is encrypted; `Keyward` without it. */
  readonly plaintext?: string
  /** SM2: e, with Z_A under the default signer id. ML-DSA: mu, with an empty context. */
  readonly digest?: string
  readonly mu?: string
  readonly signatures?: Readonly<Partial<Record<SigningAlgorithm, string>>>
  readonly ciphertexts?: Readonly<Partial<Record<EncryptionAlgorithm, string>>>
  readonly agreement?: { readonly peer: string; readonly shared: string }
  readonly encapsulation?: { readonly ciphertext: string; readonly sharedSecret: string }
}

export const pairAnswers: Readonly<Record<PairSpec, PairAnswers>> = file

const usualText = 'Keyward'

/** Rejects where an answer is not the known one, naming the spec. */
export async function checkPairAnswers(table: Readonly<Record<PairSpec, Algorithms>>): Promise<void> {
  for (const spec of pairSpecs) {
    const answers = pairAnswers[spec]
    let right = false
    let cause: unknown
    try {
      const key = open(table[spec], answers.privateKey)
      right =
        (await signsAndVerifies(key, answers)) &&
        (await decrypts(key, answers)) &&
        (await agrees(key, answers)) &&
        (await decapsulates(key, answers))
    } catch (error) {
      cause = error
    }
    if (!right)
      throw new Error(`Self-test failed: ${spec} does not compute its known answer. Nothing is served.`, { cause })
  }
}

function open(row: Algorithms, privateKey: string): OpenedKey {
  const material = new Unsealed(fromBase64(privateKey))
  try {
    return row.open(material)
  } finally {
    material.wipe()
  }
}

/** Known and new signatures are valid for their message, in each form it may come in, and for no other. */
async function signsAndVerifies(key: OpenedKey, answers: PairAnswers): Promise<boolean> {
  for (const [name, known] of Object.entries(answers.signatures ?? {})) {
    const algorithm = name as SigningAlgorithm
    if (key.sign === undefined || key.verify === undefined) return false
    for (const form of formsOf(algorithm, answers)) {
      const signature = fromBase64(known)
      if (!(await key.verify(algorithm, form, signature))) return false
      if (!(await key.verify(algorithm, form, await key.sign(algorithm, form)))) return false
      if (await key.verify(algorithm, altered(form), signature)) return false
    }
  }
  return true
}

/** Both roads of an algorithm that takes a message and what stands for it. */
function formsOf(algorithm: SigningAlgorithm, { message, digest, mu }: PairAnswers): readonly Signable[] {
  const raw = Buffer.from(message ?? usualText)
  const hashName = digests[algorithm]
  const forms: Signable[] = algorithm === 'ED25519_PH_SHA_512' ? [] : [{ type: 'RAW', message: raw }]
  if (hashName !== undefined) forms.push({ type: 'DIGEST', digest: hash(hashName, raw, 'buffer') })
  if (digest !== undefined) forms.push({ type: 'DIGEST', digest: fromBase64(digest) })
  if (mu !== undefined) forms.push({ type: 'EXTERNAL_MU', mu: fromBase64(mu) })
  return forms
}

/** Where the digest is of the message alone. */
const digests: Readonly<Partial<Record<SigningAlgorithm, string>>> = {
  RSASSA_PSS_SHA_256: 'sha256',
  RSASSA_PSS_SHA_384: 'sha384',
  RSASSA_PSS_SHA_512: 'sha512',
  RSASSA_PKCS1_V1_5_SHA_256: 'sha256',
  RSASSA_PKCS1_V1_5_SHA_384: 'sha384',
  RSASSA_PKCS1_V1_5_SHA_512: 'sha512',
  ECDSA_SHA_256: 'sha256',
  ECDSA_SHA_384: 'sha384',
  ECDSA_SHA_512: 'sha512',
  ED25519_PH_SHA_512: 'sha512',
}

function altered(form: Signable): Signable {
  const flipped = (bytes: Uint8Array) => bytes.with(0, bytes[0]! ^ 1)
  switch (form.type) {
    case 'RAW':
      return { type: 'RAW', message: flipped(form.message) }
    case 'DIGEST':
      return { type: 'DIGEST', digest: flipped(form.digest) }
    case 'EXTERNAL_MU':
      return { type: 'EXTERNAL_MU', mu: flipped(form.mu) }
  }
}

async function decrypts(key: OpenedKey, answers: PairAnswers): Promise<boolean> {
  const plaintext = Buffer.from(answers.plaintext ?? usualText)
  for (const [name, known] of Object.entries(answers.ciphertexts ?? {})) {
    const algorithm = name as EncryptionAlgorithm
    if (key.asymmetricEncrypt === undefined || key.asymmetricDecrypt === undefined) return false
    for (const ciphertext of [fromBase64(known), await key.asymmetricEncrypt(algorithm, plaintext)])
      if (!plaintext.equals(await key.asymmetricDecrypt(algorithm, ciphertext))) return false
  }
  return true
}

async function agrees(key: OpenedKey, { agreement }: PairAnswers): Promise<boolean> {
  if (agreement === undefined) return key.agree === undefined
  return key.agree !== undefined && fromBase64(agreement.shared).equals(await key.agree(fromBase64(agreement.peer)))
}

async function decapsulates({ encapsulate, decapsulate }: OpenedKey, { encapsulation }: PairAnswers): Promise<boolean> {
  if (encapsulation === undefined) return decapsulate === undefined
  if (encapsulate === undefined || decapsulate === undefined) return false
  const known = {
    ciphertext: fromBase64(encapsulation.ciphertext),
    sharedSecret: fromBase64(encapsulation.sharedSecret),
  }
  for (const { ciphertext, sharedSecret } of [known, await encapsulate()])
    if (!Buffer.from(sharedSecret).equals(await decapsulate(ciphertext))) return false
  return true
}

function fromBase64(text: string): Buffer {
  return Buffer.from(text, 'base64')
}

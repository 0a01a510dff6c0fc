/**
 * The audit log need not be believed: this browser computes for itself whether a record is in it (C2SP tlog-proof,
 * RFC 9162 section 2.1.3.2), whether the checkpoint is signed by the log's key (C2SP signed-note, Ed25519), and whether the
 * log of now begins with the log it saw last time (RFC 9162 section 2.1.4.2). WebCrypto does the hashing and the signature.
 */

export type Checkpoint = {
  /** The name of the log. */
  readonly origin: string
  /** How many records it holds. */
  readonly size: number
  readonly root: Uint8Array
}

export type VerifierKey = { readonly name: string; readonly keyId: Uint8Array; readonly publicKey: CryptoKey }

/** Ed25519, in the note format. */
const ed25519Type = 1
const keyIdBytes = 4
const hashBytes = 32
const signatureBytes = 64

/** `NAME+HASH+BASE64`. Undefined where the text is none, or where its hash is not that of its key. */
export async function openVerifierKey(text: string): Promise<VerifierKey | undefined> {
  const [, name = '', hash = '', encoded = ''] = /^([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(text.trim()) ?? []
  const typedKey = fromBase64(encoded)
  if (typedKey === undefined || typedKey.length !== 1 + hashBytes || typedKey[0] !== ed25519Type) return undefined
  const keyId = (await sha256(new TextEncoder().encode(`${name}\n`), typedKey)).subarray(0, keyIdBytes)
  if (keyId.toHex() !== hash) return undefined
  const publicKey = await crypto.subtle.importKey('raw', typedKey.slice(1), 'Ed25519', false, ['verify'])
  return { name, keyId, publicKey }
}

/** Undefined where it does not carry a valid signature of this key, or is no checkpoint of this log. */
export async function openCheckpoint(key: VerifierKey, note: string): Promise<Checkpoint | undefined> {
  const blank = note.lastIndexOf('\n\n')
  if (blank === -1 || !note.endsWith('\n')) return undefined
  const text = note.slice(0, blank + 1)
  let signed = false
  for (const line of note.slice(blank + 2, -1).split('\n')) {
    const [, signer, encoded = ''] = /^— ([^\s+]+) ([A-Za-z0-9+/=]+)$/.exec(line) ?? []
    const signature = fromBase64(encoded)
    if (signer === undefined || signature === undefined) return undefined
    // Witnesses may have signed as well: theirs are passed over.
    if (signer !== key.name || !same(signature.subarray(0, keyIdBytes), key.keyId)) continue
    if (signature.length !== keyIdBytes + signatureBytes) return undefined
    const bytes = new TextEncoder().encode(text)
    if (!(await crypto.subtle.verify('Ed25519', key.publicKey, signature.slice(keyIdBytes), bytes))) return undefined
    signed = true
  }
  const [origin, sizeText = '', rootText = ''] = text.split('\n')
  const size = countOf(sizeText)
  const root = hashOf(rootText)
  if (!signed || origin !== key.name || size === undefined || root === undefined) return undefined
  return { origin, size, root }
}

export type Step = 'format' | 'signature' | 'inclusion'
export type Verdict =
  | {
      readonly valid: true
      readonly index: number
      /** The record as it stands in the log. */
      readonly record: Readonly<Record<string, unknown>>
      readonly leaf: Uint8Array
      readonly path: readonly Uint8Array[]
      readonly checkpoint: Checkpoint
      /** The signed note. */
      readonly note: string
    }
  | { readonly valid: false; readonly failed: Step }

/** What GetAuditProof answers, against the log's key; and that it is about the record that was asked for. */
export async function verifyProof(text: string, key: VerifierKey, asked: number): Promise<Verdict> {
  const refused = (failed: Step): Verdict => ({ valid: false, failed })
  const blank = text.indexOf('\n\n')
  const [first, extra = '', indexLine = '', ...lines] = text.slice(0, Math.max(blank, 0)).split('\n')
  const entry = fromBase64(extra.replace(/^extra /, ''))
  const index = countOf(indexLine.replace(/^index /, ''))
  const path = lines.map(hashOf)
  if (first !== 'c2sp.org/tlog-proof@v1' || entry === undefined || index === undefined || path.includes(undefined))
    return refused('format')
  if (index !== asked) return refused('inclusion')
  const note = text.slice(blank + 2)
  const checkpoint = await openCheckpoint(key, note)
  if (checkpoint === undefined) return refused('signature')
  const leaf = await leafHash(entry)
  const root = await rootFromInclusion(leaf, index, checkpoint.size, path as Uint8Array[])
  if (root === undefined || !same(root, checkpoint.root)) return refused('inclusion')
  try {
    const record = JSON.parse(new TextDecoder().decode(entry)) as Readonly<Record<string, unknown>>
    return { valid: true, index, record, leaf, path: path as Uint8Array[], checkpoint, note }
  } catch {
    return refused('format')
  }
}

/** Domain separation, so that no node passes for a leaf (RFC 6962, section 2.1). */
function leafHash(entry: Uint8Array): Promise<Uint8Array> {
  return sha256(Uint8Array.of(0), entry)
}
function nodeHash(left: Uint8Array, right: Uint8Array): Promise<Uint8Array> {
  return sha256(Uint8Array.of(1), left, right)
}

async function rootFromInclusion(
  leaf: Uint8Array,
  index: number,
  size: number,
  path: readonly Uint8Array[],
): Promise<Uint8Array | undefined> {
  if (index >= size) return undefined
  let [position, last, root] = [index, size - 1, leaf]
  for (const sibling of path) {
    if (last === 0) return undefined
    if (position % 2 === 1 || position === last) {
      root = await nodeHash(sibling, root)
      while (position % 2 === 0 && position !== 0) {
        position = half(position)
        last = half(last)
      }
    } else root = await nodeHash(root, sibling)
    position = half(position)
    last = half(last)
  }
  return last === 0 ? root : undefined
}

/** Whether the newer log begins with every record of the older one, in order. */
export async function isConsistent(
  older: Pick<Checkpoint, 'size' | 'root'>,
  newer: Pick<Checkpoint, 'size' | 'root'>,
  path: readonly Uint8Array[],
): Promise<boolean> {
  if (older.size > newer.size) return false
  if (older.size === newer.size) return path.length === 0 && same(older.root, newer.root)
  if (older.size === 0) return path.length === 0
  // An older tree that is perfect is itself the first node of the proof, and is left out of it.
  const [first, ...rest] = Number.isInteger(Math.log2(older.size)) ? [older.root, ...path] : path
  if (first === undefined) return false
  let [position, last] = [older.size - 1, newer.size - 1]
  while (position % 2 === 1) {
    position = half(position)
    last = half(last)
  }
  let [olderRoot, newerRoot] = [first, first]
  for (const sibling of rest) {
    if (last === 0) return false
    if (position % 2 === 1 || position === last) {
      olderRoot = await nodeHash(sibling, olderRoot)
      newerRoot = await nodeHash(sibling, newerRoot)
      while (position % 2 === 0 && position !== 0) {
        position = half(position)
        last = half(last)
      }
    } else newerRoot = await nodeHash(newerRoot, sibling)
    position = half(position)
    last = half(last)
  }
  return last === 0 && same(olderRoot, older.root) && same(newerRoot, newer.root)
}

/** Of the hashes of a proof as the API gives them. Undefined where one is none. */
export function hashesOf(texts: readonly string[]): readonly Uint8Array[] | undefined {
  const hashes = texts.map(hashOf)
  return hashes.includes(undefined) ? undefined : (hashes as Uint8Array[])
}

function hashOf(text: string): Uint8Array | undefined {
  const bytes = fromBase64(text)
  return bytes?.length === hashBytes ? bytes : undefined
}

/** Not `>> 1`: a log may outgrow 32 bits. */
function half(count: number): number {
  return Math.floor(count / 2)
}

function countOf(text: string): number | undefined {
  const count = Number(text)
  return /^(?:0|[1-9][0-9]*)$/.test(text) && Number.isSafeInteger(count) ? count : undefined
}

/** Strict: one spelling for each value. */
function fromBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    const bytes = Uint8Array.fromBase64(text, { lastChunkHandling: 'strict' })
    return bytes.toBase64() === text ? bytes : undefined
  } catch {
    return undefined
  }
}

function same(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at])
}

async function sha256(...parts: readonly Uint8Array[]): Promise<Uint8Array> {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let offset = 0
  for (const part of parts) {
    bytes.set(part, offset)
    offset += part.length
  }
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
}

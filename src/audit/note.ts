/** Signed notes (C2SP signed-note): a text, a blank line, and lines of Ed25519 signatures over the text. */
import { createPrivateKey, createPublicKey, hash, type KeyObject, sign, verify } from 'node:crypto'

export type NoteSigner = {
  /** Also the origin of the log (C2SP tlog-checkpoint), such as `keyward.local/audit/main`. */
  readonly name: string
  /** `name+hash+base64`: all that a verifier needs (https://pkg.go.dev/golang.org/x/mod/sumdb/note). */
  readonly vkey: string
  /** The note: the text with its signature. The text ends in a newline. */
  sign(text: string): string
}

export type NoteVerifier = {
  readonly name: string
  /** The text of the note; undefined where it does not carry a valid signature of this key. */
  open(note: string): string | undefined
}

const keyIdBytes = 4
const seedBytes = 32
const publicKeyBytes = 32
const signatureBytes = 64
/** The signature type of the note format for Ed25519. */
const ed25519Type = 0x01
/** RFC 8410: what stands before the 32 bytes in the DER of a private (PKCS#8) and of a public key (SPKI). */
const privateKeyPrefix = Buffer.from('302e020100300506032b657004220420', 'hex')
const publicKeyPrefix = Buffer.from('302a300506032b6570032100', 'hex')
/** Any note that a log of ours writes is far smaller; whoever sends more is not sending a note. */
const mostNoteCharacters = 65_536

/** A key name: no spaces, no plus, nothing invisible; at most 128 letters, so that a head of the journal fits into a sector. */
const namePattern = /^[!-*,-~]{1,128}$/

const vkeyPattern = /^([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/

/** Throws a TypeError where the name or the seed (RFC 8032: 32 bytes) is not valid. The seed is copied, not kept. */
export function noteSigner(name: string, seed: Uint8Array): NoteSigner {
  if (!namePattern.test(name)) throw new TypeError(`"${name}" cannot name a log: printable ASCII, no spaces, no plus.`)
  if (seed.length !== seedBytes) throw new TypeError(`An Ed25519 seed is ${seedBytes} bytes, this one ${seed.length}.`)
  const der = Buffer.concat([privateKeyPrefix, seed])
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  der.fill(0)
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' })
  const typedKey = Buffer.concat([Buffer.of(ed25519Type), spki.subarray(publicKeyPrefix.length)])
  const keyId = keyIdOf(name, typedKey)
  return {
    name,
    vkey: `${name}+${keyId.toString('hex')}+${typedKey.toString('base64')}`,
    sign(text) {
      const signature = sign(null, Buffer.from(text), privateKey)
      return `${text}\n— ${name} ${Buffer.concat([keyId, signature]).toString('base64')}\n`
    },
  }
}

/** Throws a TypeError where the text is no verifier key for Ed25519. */
export function noteVerifier(vkey: string): NoteVerifier {
  const [, name = '', id = '', encoded = ''] = vkeyPattern.exec(vkey.trim()) ?? []
  const typedKey = Buffer.from(encoded, 'base64')
  const keyId = keyIdOf(name, typedKey)
  if (typedKey.length !== 1 + publicKeyBytes || typedKey[0] !== ed25519Type || keyId.toString('hex') !== id)
    throw new TypeError('This is no verifier key for Ed25519: NAME+HASH+BASE64 is expected.')
  const publicKey = createPublicKey({
    key: Buffer.concat([publicKeyPrefix, typedKey.subarray(1)]),
    format: 'der',
    type: 'spki',
  })
  return { name, open: (note) => openNote(note, name, keyId, publicKey) }
}

/** The same key under another name. */
export function renamedVerifier(vkey: string, name: string): string {
  const encoded = vkeyPattern.exec(vkey.trim())?.[3] ?? ''
  return `${name}+${keyIdOf(name, Buffer.from(encoded, 'base64')).toString('hex')}+${encoded}`
}

function keyIdOf(name: string, typedKey: Uint8Array): Buffer {
  const hashed = Buffer.concat([Buffer.from(`${name}\n`), typedKey])
  return hash('sha256', hashed, 'buffer').subarray(0, keyIdBytes)
}

/** Signatures of keys that nobody asked about are passed over, as the format demands: witnesses may add theirs. */
function openNote(note: string, name: string, keyId: Uint8Array, publicKey: KeyObject): string | undefined {
  if (note.length > mostNoteCharacters || !note.endsWith('\n') || !note.isWellFormed()) return undefined
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the format forbids them.
  if (/[\x00-\x09\x0b-\x1f]/.test(note)) return undefined
  const blank = note.lastIndexOf('\n\n')
  if (blank === -1) return undefined
  const text = note.slice(0, blank + 1)
  let valid = false
  for (const line of note.slice(blank + 2, -1).split('\n')) {
    const [, signer, encoded = ''] = /^— ([^\s+]+) ([A-Za-z0-9+/=]+)$/.exec(line) ?? []
    if (signer === undefined) return undefined
    const signature = Buffer.from(encoded, 'base64')
    if (signer !== name || !keyId.every((byte, position) => signature[position] === byte)) continue
    if (signature.length !== keyIdBytes + signatureBytes || signature.toString('base64') !== encoded) return undefined
    if (!verify(null, Buffer.from(text), publicKey, signature.subarray(keyIdBytes))) return undefined
    valid = true
  }
  return valid ? text : undefined
}

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { openCheckpoint, signCheckpoint } from './checkpoint.ts'
import { noteSigner, noteVerifier } from './note.ts'
import { emptyRoot } from './tree.ts'

/** The example of https://pkg.go.dev/golang.org/x/mod/sumdb/note, made by the Go implementation. */
const peter = {
  name: 'PeterNeumann',
  // PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz, without the type byte.
  seed: Buffer.from('AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz', 'base64').subarray(1),
  vkey: 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW',
  text: "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n",
  signature:
    '— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n',
}
const note = `${peter.text}\n${peter.signature}`

const signer = noteSigner('keyward.local/audit/test', Buffer.alloc(32, 1))
const verifier = noteVerifier(signer.vkey)

/** Any letter: of ASCII, control characters included, and beyond. */
const letters = fc.integer({ min: 0, max: 0x2ff }).map((code) => String.fromCharCode(code))

test('a note of the Go implementation opens', () => {
  assert.equal(noteVerifier(peter.vkey).open(note), peter.text)
})

test('the same seed signs the same note as the Go implementation, and has the same verifier key', () => {
  const own = noteSigner(peter.name, peter.seed)
  assert.equal(own.vkey, peter.vkey)
  assert.equal(own.sign(peter.text), note)
})

test('signatures of others are passed over, before and behind', () => {
  const other = noteSigner('witness.example/w1', Buffer.alloc(32, 2))
  const [, others = ''] = other.sign(peter.text).split('\n\n')
  const verifierOfPeter = noteVerifier(peter.vkey)
  assert.equal(verifierOfPeter.open(`${note}${others}`), peter.text)
  assert.equal(verifierOfPeter.open(`${peter.text}\n${others}${peter.signature}`), peter.text)
  assert.equal(verifierOfPeter.open(`${peter.text}\n${others}`), undefined)
})

test('a wrong signature under our name refuses the note, even beside a right one', () => {
  const forged = peter.signature.replace('/ZJkuBS9', '/ZJkuBS8')
  assert.equal(noteVerifier(peter.vkey).open(`${note}${forged}`), undefined)
})

test('a note with any byte changed does not open', () => {
  const signed = signer.sign('one\ntwo\n')
  fc.assert(
    fc.property(fc.nat(signed.length - 1), letters, (at, letter) => {
      const changed = signed.slice(0, at) + letter + signed.slice(at + 1)
      if (changed !== signed) assert.equal(verifier.open(changed), undefined)
    }),
    { numRuns: 150 },
  )
})

test('what is no note is refused: no blank line, no last newline, control characters, no signature', () => {
  const signed = signer.sign('text\n')
  for (const bad of ['', '\n', 'text\n', signed.slice(0, -1), signer.sign('a\tb\n'), signer.sign('a\0b\n'), 'text\n\n'])
    assert.equal(verifier.open(bad), undefined)
})

test('a verifier key with any letter changed is refused', () => {
  for (let at = 0; at < signer.vkey.length; at += 1) {
    const letter = signer.vkey[at] === 'A' ? 'B' : 'A'
    assert.throws(() => noteVerifier(signer.vkey.slice(0, at) + letter + signer.vkey.slice(at + 1)), TypeError)
  }
})

test('a name that a note cannot carry is refused, and so is a seed of another length', () => {
  for (const name of ['', 'a b', 'a+b', 'a\nb', 'ü', 'x'.repeat(129)])
    assert.throws(() => noteSigner(name, Buffer.alloc(32)), TypeError)
  assert.throws(() => noteSigner('name', Buffer.alloc(31)), TypeError)
})

test('a checkpoint tells origin, size and root, and only to the key of its log', () => {
  const checkpoint = signCheckpoint(signer, 0, emptyRoot)
  assert.deepEqual(openCheckpoint(verifier, checkpoint), { origin: signer.name, size: 0, root: emptyRoot })
  const other = noteSigner(signer.name, Buffer.alloc(32, 9))
  assert.equal(openCheckpoint(noteVerifier(other.vkey), checkpoint), undefined)
})

test('a signed note that is no checkpoint of this log is not taken for one', () => {
  const root = '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='
  assert.ok(openCheckpoint(verifier, signer.sign(`${signer.name}\n12\n${root}\nextension\n`)))
  for (const text of [
    `another.log\n12\n${root}\n`,
    `${signer.name}\n012\n${root}\n`,
    `${signer.name}\n-1\n${root}\n`,
    `${signer.name}\n9007199254740993\n${root}\n`,
    `${signer.name}\n12\n${root.slice(4)}\n`,
    `${signer.name}\n12\n${root.replace('=', '')}\n`,
    `${signer.name}\n12\n`,
  ])
    assert.equal(openCheckpoint(verifier, signer.sign(text)), undefined)
})

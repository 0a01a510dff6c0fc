import assert from 'node:assert/strict'
import { constants, createDecipheriv, createHash, generateKeyPairSync, privateDecrypt, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { type BrowserWrapping, materialFrom, sha256Hex, wrapMaterial, wrapWithPadding } from './wrap.ts'

/** RFC 5649, section 3. */
const initialValue = Buffer.from('a65959a6', 'hex')

function unwrapped(kek: Uint8Array, wrapped: Uint8Array): Buffer {
  const decipher = createDecipheriv('id-aes256-wrap-pad', kek, initialValue)
  return Buffer.concat([decipher.update(wrapped), decipher.final()])
}

test('what is wrapped with padding here, node unwraps, whatever its length', async () => {
  for (const length of [1, 7, 8, 9, 15, 16, 17, 32, 33, 64, 255, 1217]) {
    const kek = new Uint8Array(randomBytes(32))
    const material = new Uint8Array(randomBytes(length))
    const wrapped = await wrapWithPadding(kek, material)
    assert.equal(wrapped.length, Math.ceil(length / 8) * 8 + 8)
    assert.deepEqual(unwrapped(kek, wrapped), Buffer.from(material), `${length} bytes`)
  }
})

test('the examples of RFC 5649, section 6, come out', async () => {
  // They have a KEK of 192 bits, which WebCrypto takes as well where it is node's.
  const kek = Uint8Array.fromHex('5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8')
  const wrap = async (material: string) => (await wrapWithPadding(kek, Uint8Array.fromHex(material))).toHex()
  assert.equal(
    await wrap('c37b7e6492584340bed12207808941155068f738'),
    '138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a',
  )
  assert.equal(await wrap('466f7250617369'), 'afbeb0f07dfbf5419200f2ccb50bb24f')
})

test('each wrapping that the browser offers is opened by the private key', async () => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const spki = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }))
  const material = new Uint8Array(randomBytes(32))
  const opened = (bytes: Uint8Array, oaepHash: string) =>
    privateDecrypt({ key: privateKey, oaepHash, padding: constants.RSA_PKCS1_OAEP_PADDING }, bytes)
  for (const [algorithm, hash] of [
    ['RSAES_OAEP_SHA_256', 'sha256'],
    ['RSAES_OAEP_SHA_1', 'sha1'],
  ] as const satisfies readonly (readonly [BrowserWrapping, string])[])
    assert.deepEqual(opened(await wrapMaterial(material, spki, algorithm), hash), Buffer.from(material))
  for (const [algorithm, hash] of [
    ['RSA_AES_KEY_WRAP_SHA_256', 'sha256'],
    ['RSA_AES_KEY_WRAP_SHA_1', 'sha1'],
  ] as const satisfies readonly (readonly [BrowserWrapping, string])[]) {
    const wrapped = await wrapMaterial(material, spki, algorithm)
    const kek = opened(wrapped.subarray(0, 256), hash)
    assert.deepEqual(unwrapped(kek, wrapped.subarray(256)), Buffer.from(material))
  }
})

test('material is taken as bytes, as hex and as base64, and of no other length', () => {
  const bytes = new Uint8Array(randomBytes(32))
  const text = (written: string) => new TextEncoder().encode(written)
  assert.deepEqual(materialFrom(bytes, 32), { bytes, writtenAs: 'raw' })
  assert.deepEqual(materialFrom(text(`${bytes.toHex()}\n`), 32), { bytes, writtenAs: 'hex' })
  assert.deepEqual(materialFrom(text(`${bytes.toBase64()}\n`), 32), { bytes, writtenAs: 'base64' })
  for (const odd of [new Uint8Array(16), new Uint8Array(33), text('not material'), text(bytes.toHex().slice(2))])
    assert.equal(materialFrom(odd, 32), undefined)
})

test('the fingerprint for the record is the SHA-256', async () => {
  const bytes = new Uint8Array(randomBytes(40))
  assert.equal(await sha256Hex(bytes), createHash('sha256').update(bytes).digest('hex'))
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from '../../console/src/screens/workbench/ciphertext.ts'
import { base64, startTestService } from '../service.ts'

test('the workbench reads off a ciphertext which key and version it needs, and whose it is otherwise', async () => {
  const service = await startTestService()
  try {
    for (const keySpec of ['AES_256', 'SM4']) {
      const { keyId } = (await service.api('POST', '/v1/keys', { keySpec })).body.key
      const { ciphertextBlob, keyVersionId } = (
        await service.api('POST', `/v1/keys/${keyId}/encrypt`, { plaintext: base64('seven by') })
      ).body
      const bytes = Buffer.from(ciphertextBlob, 'base64')
      const found = inspect(bytes)
      assert.ok(found.is === 'own')
      assert.deepEqual([found.keyId, found.versionId, found.plaintextBytes], [keyId, keyVersionId, 8])
      assert.equal(inspect(bytes.subarray(0, 50)).is, 'unknown', 'cut short')
      assert.equal(inspect(Buffer.from(ciphertextBlob)).is, 'doubled')
    }
    const { keyId } = (await service.api('POST', '/v1/keys', { multiRegion: true })).body.key
    const { ciphertextBlob } = (await service.api('POST', `/v1/keys/${keyId}/encrypt`, { plaintext: base64('x') })).body
    const found = inspect(Buffer.from(ciphertextBlob, 'base64'))
    assert.equal(found.is === 'own' && found.keyId, keyId)
    assert.match(keyId, /^mrk-/)
  } finally {
    await service.stop()
  }
  assert.equal(
    inspect(Buffer.from('vault:v1:8SDd3WHDOjf7mq69CyCqYjBXAiQQAVZRkFM13ok481zoCmHnSeDX9vyf7w==')).is,
    'vault',
  )
  assert.equal(inspect(Buffer.from('age-encryption.org/v1\n-> X25519 ')).is, 'age')
  assert.equal(inspect(Buffer.from('AQICAHhzZW5kIG1vcmUgZGF0YQ==', 'base64')).is, 'aws')
  assert.equal(inspect(Buffer.alloc(256, 9)).is, 'raw')
  assert.equal(inspect(Buffer.from('hello')).is, 'unknown')
})

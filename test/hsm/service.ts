/** A service of its own for the secrecy test: it has the device, and none of the test's secrets. Answers messages. */
import { generateKeyPairSync } from 'node:crypto'
import { initializeHsm, openPkcs11Device } from '../../src/devices/pkcs11/open-device.ts'
import { bindingOf, random, versionOf } from './tokens.ts'

const connection = JSON.parse(process.argv[2] ?? '')
const root = await initializeHsm({ ...connection, random })
const device = await openPkcs11Device({ ...connection, ...root, random })
const binding = bindingOf('AES_256')
const [wrappingAlgorithm] = device.capabilities.imports
if (wrappingAlgorithm === undefined) throw new Error('the token imports nothing')
const pair = await device.generateWrappingKey('RSA_2048', binding)
// Pairs that are made in the token, and are used; and one of this process's own, whose private half can be found here.
const rsaPublicKeys: (string | undefined)[] = []
for (let pairs = 0; pairs < 8; pairs += 1) {
  const rsa = bindingOf('RSA_2048')
  const made = versionOf(rsa, await device.generate(rsa))
  for (let round = 0; round < 20; round += 1)
    await device.sign(made, 'RSASSA_PSS_SHA_256', { type: 'RAW', message: Buffer.from(`message ${round}`) })
  rsaPublicKeys.push(made.publicKey)
}
const own = generateKeyPairSync('rsa', { modulusLength: 2048 })
own.privateKey.export({ format: 'der', type: 'pkcs8' }).fill(0)
process.send?.({
  root,
  wrappingAlgorithm,
  publicKey: pair.publicKey,
  agent: device.agentProcessId(),
  rsaPublicKeys,
  ownPublicKey: own.publicKey.export({ format: 'der', type: 'spki' }).toString('base64'),
})

/** Kept for ever: what the test looks for must be found when it is there. */
const kept: unknown[] = [own.privateKey]

process.on(
  'message',
  async ({ encryptedKeyMaterial, keep }: { encryptedKeyMaterial: Uint8Array; keep: Uint8Array }) => {
    kept.push(Buffer.from(keep))
    const imported = await device.importMaterial({
      wrappingKeySpec: 'RSA_2048',
      wrappingAlgorithm,
      sealedWrappingKey: pair.sealed,
      wrappingKeyBinding: binding,
      encryptedKeyMaterial,
      binding,
    })
    const version = versionOf(binding, imported)
    const body = await device.encrypt(version, Buffer.from('plaintext'), Buffer.from('context'))
    for (let round = 0; round < 50; round += 1) await device.decrypt(version, body, Buffer.from('context'))
    process.send?.({ sealed: imported.sealed, body })
  },
)

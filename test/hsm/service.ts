/** A service of its own for the secrecy test: it has the device, and none of the test's secrets. Answers messages. */
import { initializeHsm, openPkcs11Device } from '../../src/devices/pkcs11/open-device.ts'
import { bindingOf, random, versionOf } from './tokens.ts'

const connection = JSON.parse(process.argv[2] ?? '')
const root = await initializeHsm({ ...connection, random })
const device = await openPkcs11Device({ ...connection, ...root, random })
const binding = bindingOf('AES_256')
const [wrappingAlgorithm] = device.capabilities.imports
if (wrappingAlgorithm === undefined) throw new Error('the token imports nothing')
const pair = await device.generateWrappingKey('RSA_2048', binding)
process.send?.({ root, wrappingAlgorithm, publicKey: pair.publicKey, agent: device.agentProcessId() })

/** Kept for ever: what the test looks for must be found when it is there. */
const kept: Buffer[] = []

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

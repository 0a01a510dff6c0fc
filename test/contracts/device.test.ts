import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { type Custody, memoryCustody } from '../../src/devices/software/custody.ts'
import { createSoftwareDevice, type SoftwareDevice } from '../../src/devices/software/device.ts'
import { createPool } from '../../src/devices/software/pool.ts'
import { Problem } from '../../src/domain/errors.ts'
import type { WrappingKey } from '../../src/domain/key.ts'
import { keySpecs, keyUsages, specs } from '../../src/domain/specs.ts'
import { seededRandom } from '../seeded-random.ts'
import { deviceContract, newBinding, versionOf } from './device.ts'

const random = seededRandom('device contract')
const devices: SoftwareDevice[] = []
after(() => Promise.all(devices.map((device) => device.close())))

function softwareDevice(rootKeys: Custody = memoryCustody(random)): SoftwareDevice {
  const device = createSoftwareDevice({ rootKeys, random, pool: createPool({ threads: 2 }) })
  devices.push(device)
  return device
}

deviceContract('software', async () => softwareDevice())

test('software: every spec is supported in every usage that it has', () => {
  const { supports } = softwareDevice()
  for (const spec of keySpecs)
    for (const usage of keyUsages) assert.equal(supports(spec, usage), specs[spec].usages[usage] !== undefined)
})

test('software: resealed material is the same material, and opens when the old root key is gone', async () => {
  const custody = memoryCustody(random)
  const device = softwareDevice(custody)
  const binding = newBinding('AES_256')
  const version = versionOf(binding, await device.generate(binding))
  const body = await device.encrypt(version, Buffer.from('data'), Buffer.alloc(0))
  assert.equal(device.reseal(version), undefined)

  const wrappingBinding = newBinding('AES_256')
  const { sealed: sealedPair } = await device.generateWrappingKey('SM2', wrappingBinding)
  const wrappingKey: WrappingKey = {
    ...wrappingBinding,
    revision: 1,
    wrappingKeyId: wrappingBinding.versionId,
    wrappingKeySpec: 'SM2',
    sealed: sealedPair,
    createdAt: 0,
    expiresAt: 1,
  }
  assert.equal(device.resealWrappingKey(wrappingKey), undefined)

  custody.addGeneration()
  const sealed = device.reseal(version)
  const pair = device.resealWrappingKey(wrappingKey)
  assert.ok(sealed !== undefined && pair !== undefined)
  assert.equal(device.reseal({ ...version, sealed }), undefined)
  assert.equal(device.resealWrappingKey({ ...wrappingKey, sealed: pair }), undefined)
  // What a hardware device sealed is not ours to open.
  const foreign = Buffer.concat([Buffer.of(1), Buffer.alloc(60, 7)]).toString('base64') as typeof sealed
  assert.equal(device.reseal({ ...version, sealed: foreign }), undefined)
  assert.equal(device.resealWrappingKey({ ...wrappingKey, sealed: foreign }), undefined)
  const { sealed: _, ...gone } = version
  assert.equal(device.reseal(gone), undefined)
  custody.retireGenerations()

  const later = softwareDevice(custody)
  const opened = await later.decrypt(versionOf(binding, { sealed }), body, Buffer.alloc(0))
  assert.equal(Buffer.from(opened).toString(), 'data')
  const old = versionOf(binding, { sealed: version.sealed! })
  await assert.rejects(
    later.decrypt(old, body, Buffer.alloc(0)),
    (error: unknown) => error instanceof Problem && error.code === 'Internal',
  )
})

test('software: a fingerprint outlives a rotation of the root key', async () => {
  const custody = memoryCustody(random)
  const device = softwareDevice(custody)
  const binding = newBinding('AES_256')
  const wrappingKeyBinding = newBinding('AES_256')
  const fingerprint = async () => {
    const { sealed, publicKey } = await device.generateWrappingKey('SM2', wrappingKeyBinding)
    const imported = await device.importMaterial({
      wrappingKeySpec: 'SM2',
      wrappingAlgorithm: 'SM2PKE',
      sealedWrappingKey: sealed,
      wrappingKeyBinding,
      encryptedKeyMaterial: await device.encryptFor!('SM2', publicKey, 'SM2PKE', Buffer.alloc(32, 7)),
      binding,
    })
    return imported.fingerprint
  }
  const before = await fingerprint()
  custody.addGeneration()
  custody.retireGenerations()
  assert.equal(await fingerprint(), before)
})

test('software: a version is opened once, and anew when it is another record', async () => {
  const device = softwareDevice()
  const binding = newBinding('HMAC_SM3')
  const { sealed } = await device.generate(binding)
  let opened = 0
  const record = () => ({
    ...versionOf(binding, { sealed }),
    get sealed() {
      opened += 1
      return sealed
    },
  })
  const version = Object.freeze(record())
  const mac = await device.mac(version, 'HMAC_SM3', Buffer.from('m'))
  const once = opened
  assert.deepEqual(await device.mac(version, 'HMAC_SM3', Buffer.from('m')), mac)
  assert.equal(opened, once)
  assert.deepEqual(await device.mac(record(), 'HMAC_SM3', Buffer.from('m')), mac)
  assert.ok(opened > once)
  // The cache goes by the record, not by its words: an altered one is not answered from it.
  await assert.rejects(device.mac({ ...version, region: 'elsewhere' }, 'HMAC_SM3', Buffer.from('m')))
})

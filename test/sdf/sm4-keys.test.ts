/** The binding of SDF devices, against a library of that interface that is compiled here; Node's SM4 is the judge. */
import assert from 'node:assert/strict'
import { createCipheriv, createDecipheriv } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { openSdfSession, type SdfSession } from '../../src/devices/sdf/sm4-keys.ts'
import { Problem, type ProblemCode } from '../../src/domain/errors.ts'
import { buildStub, compile, missing, type Stub } from './stub.ts'

const skip = missing()
const built: Stub | undefined = skip === undefined ? buildStub() : undefined
after(() => built?.remove())

function theStub(): Stub {
  if (built === undefined) throw new Error('there is no stub')
  return built
}

function openOn(context: TestContext): SdfSession {
  const session = openSdfSession(theStub())
  context.after(() => session.close())
  return session
}

const problemOf = (code: ProblemCode, message?: RegExp) => (error: unknown) => {
  assert.ok(error instanceof Problem, String(error))
  assert.equal(error.code, code)
  if (message !== undefined) assert.match(error.message, message)
  return true
}

/** The stub's key-encryption keys are known; those of a device never are. */
function unwrapOutside(index: number, wrapped: Uint8Array): Buffer {
  const opening = createDecipheriv('sm4-ecb', Buffer.alloc(16, index), null).setAutoPadding(false)
  return Buffer.concat([opening.update(wrapped), opening.final()])
}

function sm4(mode: 'ecb' | 'cbc', key: Uint8Array, iv: Uint8Array | null, plaintext: Uint8Array): Buffer {
  const cipher = createCipheriv(`sm4-${mode}`, key, iv).setAutoPadding(false)
  return Buffer.concat([cipher.update(plaintext), cipher.final()])
}

const iv = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex')
const plaintext = Buffer.from('Forty-eight bytes of plaintext make three blocks')

test('R32: an SM4 key is made inside an SDF device, and only its form under the key-encryption key comes out', {
  skip,
}, (context) => {
  const device = openOn(context)
  const { wrapped, key } = device.generateKey(1)
  assert.equal(wrapped.length, 16)
  const inside = unwrapOutside(1, wrapped)
  // What came out is not the key, and there is nothing else of it on the object that stands for it.
  assert.notDeepEqual(Buffer.from(wrapped), inside)
  assert.deepEqual(Object.entries(key), [['opened', 'SM4']])
  assert.notDeepEqual(device.generateKey(1).wrapped, wrapped)
})

test('a key of an SDF device computes SM4-ECB and SM4-CBC as GB/T 32907 has them', { skip }, (context) => {
  const device = openOn(context)
  const { wrapped, key } = device.generateKey(1)
  const inside = unwrapOutside(1, wrapped)
  const inEcb = device.encrypt(key, { mode: 'ECB' }, plaintext)
  assert.deepEqual(Buffer.from(inEcb), sm4('ecb', inside, null, plaintext))
  assert.deepEqual(Buffer.from(device.decrypt(key, { mode: 'ECB' }, inEcb)), plaintext)
  const inCbc = device.encrypt(key, { mode: 'CBC', iv }, plaintext)
  assert.deepEqual(Buffer.from(inCbc), sm4('cbc', inside, iv, plaintext))
  assert.deepEqual(Buffer.from(device.decrypt(key, { mode: 'CBC', iv }, inCbc)), plaintext)
  assert.equal(iv.toString('hex'), '000102030405060708090a0b0c0d0e0f', "the caller's IV is not written over")
})

test('a wrapped SM4 key that is imported again, in another session, decrypts what it encrypted', {
  skip,
}, (context) => {
  const first = openSdfSession(theStub())
  const { wrapped, key } = first.generateKey(2)
  const ciphertext = first.encrypt(key, { mode: 'CBC', iv }, plaintext)
  first.close()
  const second = openOn(context)
  const again = second.importKey(2, wrapped)
  assert.deepEqual(Buffer.from(second.decrypt(again, { mode: 'CBC', iv }, ciphertext)), plaintext)
  // Under another key-encryption key it is another key.
  const foreign = second.importKey(1, wrapped)
  assert.notDeepEqual(Buffer.from(second.decrypt(foreign, { mode: 'CBC', iv }, ciphertext)), plaintext)
})

test('a destroyed SM4 key, and a key of another session, never reach the SDF device', { skip }, (context) => {
  const device = openOn(context)
  const { wrapped, key } = device.generateKey(1)
  const open = theStub().open()
  device.destroyKey(key)
  assert.equal(theStub().open(), open - 1)
  assert.throws(() => device.encrypt(key, { mode: 'ECB' }, plaintext), /not open in this SDF session/)
  assert.throws(() => device.destroyKey(key), /not open in this SDF session/)
  assert.throws(
    () => openOn(context).encrypt(device.importKey(1, wrapped), { mode: 'ECB' }, plaintext),
    /not open in this SDF session/,
  )
})

test('a closed SDF session has closed its keys, itself and the device', { skip }, () => {
  assert.equal(theStub().open(), 0)
  const device = openSdfSession(theStub())
  const { key } = device.generateKey(1)
  device.generateKey(2)
  assert.equal(theStub().open(), 112)
  device.close()
  assert.equal(theStub().open(), 0)
  device.close()
  assert.equal(theStub().open(), 0)
  assert.throws(() => device.encrypt(key, { mode: 'ECB' }, plaintext), /session is closed/)
  assert.throws(() => device.random(16), /session is closed/)
})

test('an SDF device draws random bytes', { skip }, (context) => {
  const device = openOn(context)
  const drawn = device.random(32)
  assert.equal(drawn.length, 32)
  assert.notDeepEqual(drawn, device.random(32))
})

const hardFail = 0x0100_0004

test('every error of an SDF device is a Problem DeviceUnavailable that names the call and the code', {
  skip,
}, (context) => {
  const device = openOn(context)
  const stub = theStub()
  const { wrapped, key } = device.generateKey(1)
  const calls: Readonly<Record<string, () => unknown>> = {
    SDF_GenerateRandom: () => device.random(16),
    SDF_GenerateKeyWithKEK: () => device.generateKey(1),
    SDF_ImportKeyWithKEK: () => device.importKey(1, wrapped),
    SDF_Encrypt: () => device.encrypt(key, { mode: 'ECB' }, plaintext),
    SDF_Decrypt: () => device.decrypt(key, { mode: 'ECB' }, plaintext),
    SDF_DestroyKey: () => device.destroyKey(key),
    SDF_OpenDevice: () => openSdfSession(stub),
    SDF_OpenSession: () => openSdfSession(stub),
    SDF_CloseSession: () => openSdfSession(stub).close(),
    SDF_CloseDevice: () => openSdfSession(stub).close(),
  }
  for (const [name, call] of Object.entries(calls)) {
    stub.failNext(name, hardFail)
    assert.throws(call, problemOf('DeviceUnavailable', new RegExp(`${name} gave SDR_HARDFAIL \\(0x01000004\\)`)))
  }
  assert.equal(stub.open(), 110, 'nothing that failed stays open')
  // A maker's own code, the highest bit set.
  stub.failNext('SDF_GenerateRandom', 0x8000_0001 | 0)
  assert.throws(() => device.random(16), problemOf('DeviceUnavailable', /gave 0x80000001\./))
  assert.equal(device.random(16).length, 16, 'and the next call works')
})

test('a key-encryption key that the SDF device does not have is said so', { skip }, (context) => {
  const device = openOn(context)
  assert.throws(() => device.generateKey(9), problemOf('DeviceUnavailable', /SDR_KEYNOTEXIST/))
  assert.throws(() => device.importKey(9, new Uint8Array(16)), problemOf('DeviceUnavailable', /SDR_KEYNOTEXIST/))
})

test('an SDF device that says SDR_OK is not believed without a handle, nor with a wrong length', {
  skip,
}, (context) => {
  const device = openOn(context)
  const stub = theStub()
  for (const name of ['SDF_GenerateKeyWithKEK', 'SDF_ImportKeyWithKEK']) {
    stub.failNext(name, 0)
    const call = () =>
      name === 'SDF_ImportKeyWithKEK' ? device.importKey(1, new Uint8Array(16)) : device.generateKey(1)
    assert.throws(call, problemOf('DeviceUnavailable', new RegExp(`${name} gave no handle`)))
  }
  for (const name of ['SDF_OpenDevice', 'SDF_OpenSession']) {
    stub.failNext(name, 0)
    assert.throws(() => openSdfSession(stub), problemOf('DeviceUnavailable', new RegExp(`${name} gave no handle`)))
  }
  for (const length of [15, 513, 0xffff_ffff]) {
    stub.lieLength(length)
    const before = stub.open()
    assert.throws(() => device.generateKey(1), problemOf('DeviceUnavailable', /wrapped key of \d+ bytes/))
    assert.equal(stub.open(), before, 'the key that nobody can use is destroyed')
  }
  const { key } = device.generateKey(1)
  stub.lieLength(64)
  assert.throws(
    () => device.encrypt(key, { mode: 'ECB' }, plaintext),
    problemOf('DeviceUnavailable', /64 bytes for 48/),
  )
})

test('SM4 in an SDF device takes whole blocks: anything else is refused before it gets there', { skip }, (context) => {
  const device = openOn(context)
  const { key } = device.generateKey(1)
  for (const length of [0, 1, 15, 17]) {
    const bytes = new Uint8Array(length)
    assert.throws(() => device.encrypt(key, { mode: 'ECB' }, bytes), problemOf('InvalidRequest'))
    assert.throws(() => device.decrypt(key, { mode: 'ECB' }, bytes), problemOf('InvalidCiphertext'))
  }
  assert.throws(() => device.encrypt(key, { mode: 'CBC', iv: new Uint8Array(12) }, plaintext), /IV of SM4-CBC/)
})

test('what is no SDF library is DeviceUnavailable, at the start', { skip }, () => {
  const { directory } = theStub()
  const empty = join(directory, 'empty.c')
  writeFileSync(empty, 'int SDF_OpenDevice(void **device) { return 1; }\n')
  const without = join(directory, 'libempty.so')
  compile(empty, without)
  for (const libraryPath of [join(directory, 'absent.so'), empty, without])
    assert.throws(() => openSdfSession({ libraryPath }), problemOf('DeviceUnavailable', /does not load/))
})

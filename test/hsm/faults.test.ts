import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { chmod, rename, writeFile } from 'node:fs/promises'
import { type TestContext, test } from 'node:test'
import { initializeHsm, openPkcs11Device } from '../../src/devices/pkcs11/open-device.ts'
import { Problem } from '../../src/domain/errors.ts'
import { cloneOf, eventually, missing, newVersion, openOn, openToken, random, softVendors } from './tokens.ts'

const text = Buffer.from('what is computed while the token fails')
const context = Buffer.from('associated data')

const is = (code: string) => (error: unknown) => error instanceof Problem && error.code === code
const unavailable = is('DeviceUnavailable')

/** Where it is the module that decides, both are tried; what our own side does is shown on one. */
const deciding = new Set(['killed', 'wrong PIN', 'second token'])

for (const vendor of softVendors) {
  const skip = missing(vendor) ?? false
  const on = (name: string, options: object, body: (t: TestContext) => Promise<void>) => {
    if (vendor === 'softhsm2' || [...deciding].some((word) => name.includes(word)))
      test(`${vendor}: ${name}`, options, body)
  }

  on('an agent that is killed costs the requests under way, and nothing else', { skip }, async (t) => {
    const { device } = await openToken(t, vendor)
    const version = await newVersion(device, 'AES_256')
    const body = await device.encrypt(version, text, context)
    for (let round = 0; round < 3; round += 1) {
      const killed = device.agentProcessId() as number
      const underWay = Array.from({ length: 50 }, () => device.encrypt(version, text, context))
      const outcomes = Promise.allSettled(underWay)
      process.kill(killed, 'SIGKILL')
      const lost = (await outcomes).filter((outcome) => outcome.status === 'rejected')
      assert.ok(lost.length > 0)
      for (const { reason } of lost) assert.ok(unavailable(reason))
      await eventually(() => device.healthy() && device.agentProcessId() !== killed)
      assert.deepEqual(
        Buffer.from(await device.decrypt(version, body, context)),
        text,
        'the key opens in the next agent',
      )
    }
  })

  on('an agent that hangs is killed when its time is up, and another serves on', { skip }, async (t) => {
    const { device } = await openToken(t, vendor, { deadline: 1000 })
    const version = await newVersion(device, 'AES_256')
    const body = await device.encrypt(version, text, context)
    const hung = device.agentProcessId() as number
    process.kill(hung, 'SIGSTOP')
    await assert.rejects(device.decrypt(version, body, context), unavailable)
    await eventually(() => device.healthy() && device.agentProcessId() !== hung)
    assert.deepEqual(Buffer.from(await device.decrypt(version, body, context)), text)
    await eventually(() => !isRunning(hung))
  })

  on('an agent that hangs while nobody asks is noticed', { skip }, async (t) => {
    const { device } = await openToken(t, vendor, { deadline: 500, checkEvery: 100 })
    const hung = device.agentProcessId() as number
    process.kill(hung, 'SIGSTOP')
    await eventually(() => device.healthy() && device.agentProcessId() !== hung)
  })

  on('a device that is closed leaves no process, and answers nothing', { skip }, async (t) => {
    const { device } = await openToken(t, vendor)
    const version = await newVersion(device, 'AES_256')
    const agent = device.agentProcessId() as number
    await device.close()
    assert.equal(isRunning(agent), false)
    assert.equal(device.healthy(), false)
    await assert.rejects(device.encrypt(version, text, context), unavailable)
  })

  on('a wrong PIN stops the start after one try, and is in no message', { skip }, async (t) => {
    const { connection, pinFile, root } = await openToken(t, vendor)
    const wrong = 'Wrong-Battery-9'
    await writeFile(pinFile, wrong)
    const said: string[] = []
    const log = (event: string, facts: unknown) => said.push(event, JSON.stringify(facts))
    const error = await openPkcs11Device({ ...connection, ...root, random, log }).then(
      () => assert.fail('it opened'),
      (reason: Error) => reason,
    )
    assert.match(error.message, /PIN/)
    const told = [error.message, error.stack, ...said].join('\n')
    assert.equal(told.includes(wrong), false)
    assert.equal(said.filter((event) => event === 'HSM agent ended').length <= 1, true)
  })

  test(`${vendor}: a PIN that is changed behind its back is not tried twice: the token would lock itself`, {
    skip,
  }, async (t) => {
    const { pinFile, device } = await openToken(t, vendor)
    const version = await newVersion(device, 'AES_256')
    await writeFile(pinFile, 'Wrong-Battery-9')
    process.kill(device.agentProcessId() as number, 'SIGKILL')
    await eventually(() => !device.healthy())
    await assert.rejects(device.encrypt(version, text, context), unavailable)
    await new Promise((resolve) => setTimeout(resolve, 600))
    assert.equal(device.healthy(), false)
    assert.equal(device.agentProcessId(), undefined)
  })

  on('what is not as it was described stops the start', { skip }, async (t) => {
    const { connection, pinFile, root } = await openToken(t, vendor)
    const open = (change: object) => openPkcs11Device({ ...connection, ...root, random, ...change })
    await assert.rejects(open({ rootKeyId: '00'.repeat(16) }), /no root key/)
    await assert.rejects(open({ rootKeyLabel: 'another' }), /no root key/)
    await assert.rejects(open({ rootKeyId: 'short' }), /32 hex digits/)
    await assert.rejects(open({ tokenLabel: 'another' }), /no token fits/)
    await assert.rejects(open({ modulePath: '/nowhere/module.so' }), /cannot be loaded/)
    await assert.rejects(open({ pin: { file: '/nowhere/pin' } }), /PIN file/)
    await chmod(pinFile, 0o604)
    await assert.rejects(open({}), /open to everybody/)
  })

  on('a second token with the same root key serves the same key store', { skip }, async (t) => {
    const first = await openToken(t, vendor)
    const aes = await newVersion(first.device, 'AES_256')
    const ec = await newVersion(first.device, 'EC_P256')
    const body = await first.device.encrypt(aes, text, context)
    const clone = await openOn(t, await cloneOf(t, first), first.root)
    assert.deepEqual(Buffer.from(await clone.decrypt(aes, body, context)), text)
    const signature = await clone.sign(ec, 'ECDSA_SHA_256', { type: 'RAW', message: text })
    assert.equal(await first.device.verify(ec, 'ECDSA_SHA_256', { type: 'RAW', message: text }, signature), true)
    const made = await newVersion(clone, 'AES_256')
    const there = await clone.encrypt(made, text, context)
    assert.deepEqual(Buffer.from(await first.device.decrypt(made, there, context)), text)
  })

  on('a token with another root key opens nothing of the first', { skip }, async (t) => {
    const first = await openToken(t, vendor)
    const version = await newVersion(first.device, 'AES_256')
    const another = await initializeHsm({ ...first.connection, random })
    assert.notEqual(another.rootKeyId, first.root.rootKeyId)
    const stranger = await openOn(t, first, another)
    await assert.rejects(stranger.encrypt(version, text, context), is('Internal'))
  })
}

const softhsm = missing('softhsm2') ?? false

test('softhsm2: a token that is pulled is noticed, and serves again once it is back', { skip: softhsm }, async (t) => {
  const { device, objects, directory } = await openToken(t, 'softhsm2', { checkEvery: 50, deadline: 2000 })
  const version = await newVersion(device, 'AES_256')
  const body = await device.encrypt(version, text, context)
  const hidden = `${directory}/pulled`
  await rename(objects, hidden)
  await eventually(() => !device.healthy())
  await assert.rejects(device.decrypt(version, body, context), unavailable)
  await rename(hidden, objects)
  await eventually(() => device.healthy())
  assert.deepEqual(Buffer.from(await device.decrypt(version, body, context)), text)
})

test('softhsm2: a flood of forged ciphertexts does not restart the agent', { skip: softhsm }, async (t) => {
  const { device } = await openToken(t, 'softhsm2')
  const version = await newVersion(device, 'AES_256')
  const agent = device.agentProcessId()
  const forged = Array.from({ length: 300 }, () => device.decrypt(version, randomBytes(60), context))
  for (const outcome of await Promise.allSettled(forged))
    assert.ok(outcome.status === 'rejected' && is('InvalidCiphertext')(outcome.reason))
  assert.equal(device.agentProcessId(), agent)
})

function isRunning(processId: number): boolean {
  try {
    process.kill(processId, 0)
    return true
  } catch {
    return false
  }
}

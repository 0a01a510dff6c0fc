/** Auto-unseal: a key that never leaves its token opens the software level's root key at every start. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Config, type Environment, loadConfig } from '../../src/config.ts'
import { addUnlocking, initializeHsmRootKey, openWorld } from '../../src/world.ts'
import { base64, custodyIn, startTestService } from '../service.ts'
import { hsmSettings } from './served.ts'
import { missing, softToken, softVendors } from './tokens.ts'
import { missingTpm, tpmToken } from './tpm.ts'

/** An installation whose place 3 is a key of the token: how it starts, and what is in its files. */
async function unlocking(t: TestContext, hsm: Partial<Config>, environment: Environment) {
  const data = await mkdtemp(join(tmpdir(), 'keyward-unlock-'))
  t.after(() => rm(data, { recursive: true, force: true }))
  const config = { rootUnlockHsm: 'unlock', ...hsm }
  const start = (change: Partial<Config> = {}, other: Environment = environment) =>
    startTestService({ on: 'sqlite', data, environment: other, config: { ...config, ...change } })
  const refused = async (what: RegExp, change: Partial<Config> = {}, other: Environment = environment) => {
    const before = filesOf(join(data, 'custody'))
    await assert.rejects(start(change, other), (error: Error) => {
      assert.match(error.message, what)
      return true
    })
    assert.equal(filesOf(join(data, 'custody')), before, 'nothing was changed')
  }
  return { data, config: { ...loadConfig({}), data, ...custodyIn(data), ...config }, start, refused }
}

function filesOf(folder: string): string {
  const files = globSync('**/*', { cwd: folder, withFileTypes: true }).filter((entry) => entry.isFile())
  return files
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => `${path} ${createHash('sha256').update(readFileSync(path)).digest('hex')}`)
    .join('\n')
}

for (const vendor of softVendors) {
  const skip = missing(vendor) ?? false
  test(`R31: ${vendor}: the token's key opens the root key at every start, and no file of place 3 is there`, {
    skip,
  }, async (t) => {
    const token = await softToken(t, vendor)
    const environment = token.connection.environment ?? {}
    const { data, config, start, refused } = await unlocking(t, hsmSettings(token), environment)
    const first = await start()
    const { token: bearer } = first
    const { key } = (await first.api('POST', '/v1/keys', {})).body
    const sealed = await first.api('POST', `/v1/keys/${key.keyId}/encrypt`, { plaintext: base64('kept') })
    const noLevel = await first.api('POST', '/v1/keys', { protectionLevel: 'HSM' })
    assert.equal(noLevel.body.code, 'DeviceUnavailable', 'the token unlocks, and holds no root key of the HSM level')
    await first.stop()
    const places = globSync('custody/**/*', { cwd: data, withFileTypes: true })
    assert.deepEqual(
      places.filter((entry) => entry.isFile()).map(({ name }) => name),
      ['private-key', 'root-key.1'].sort(),
    )

    const decrypts = async (change: Partial<Config> = {}) => {
      const service = await start(change)
      const { ciphertextBlob } = sealed.body
      const answer = await service.as(bearer)('POST', '/v1/decrypt', { ciphertextBlob })
      assert.equal(answer.body.plaintext, base64('kept'), JSON.stringify(answer.body))
      return service
    }
    await (await decrypts()).stop()

    // Another token, another label, a file: none of them opens it, and none makes a new key.
    const another = await softToken(t, vendor)
    await refused(/place 3.*holds no secret key/i, hsmSettings(another), another.connection.environment ?? {})
    await refused(/holds no secret key with the label 'another'/, { rootUnlockHsm: 'another' })
    await refused(/holds no secret key .* and the id 0102/, { rootUnlockHsm: 'unlock/0102' })
    await refused(/Place 3/, { rootUnlockHsm: undefined })
    await refused(/one thing only/, { rootUnlockCredential: '/nowhere' })
    const wrongPin = join(data, 'wrong-pin')
    await writeFile(wrongPin, 'Wrong-Battery-9', { mode: 0o600 })
    await refused(/PIN/, { hsmPinFile: wrongPin })

    // The same token holds the hardware level too, once it is asked to.
    const world = await openWorld(config, { environment, withoutHsm: true })
    await initializeHsmRootKey(config, world, environment)
    await world.close()
    const both = await decrypts()
    assert.equal((await both.as(bearer)('POST', '/v1/keys', { protectionLevel: 'HSM' })).status, 200)
    await both.stop()
  })
}

const softhsm = missing('softhsm2') ?? false

test('an installation moves from a file to the token, keeps a way back, and what was there is never written over', {
  skip: softhsm,
}, async (t) => {
  const token = await softToken(t, 'softhsm2')
  const environment = token.connection.environment ?? {}
  const { data, config, start } = await unlocking(t, { rootUnlockHsm: undefined }, environment)
  const first = await start()
  const { key } = (await first.api('POST', '/v1/keys', {})).body
  const sealed = await first.api('POST', `/v1/keys/${key.keyId}/encrypt`, { plaintext: base64('kept') })
  await first.stop()
  const decrypts = async (change: Partial<Config>) => {
    const service = await start(change)
    const { ciphertextBlob } = sealed.body
    const answer = await service.as(first.token)('POST', '/v1/decrypt', { ciphertextBlob })
    await service.stop()
    return answer.body.plaintext === base64('kept')
  }
  const [places, here] = [join(data, 'custody'), filesOf(join(data, 'custody'))]
  const toToken = { ...hsmSettings(token), rootPrivateKey: join(data, 'elsewhere', 'two'), rootUnlockHsm: 'unlock' }
  await addUnlocking(config, toToken, environment)
  assert.equal(await decrypts(toToken), true)
  const back = { rootPrivateKey: join(data, 'safe-a', 'two'), rootUnlockKey: join(data, 'safe-b', 'unlock-key') }
  await addUnlocking({ ...config, ...toToken }, back, environment)
  assert.equal(await decrypts(back), true)
  assert.equal(filesOf(places), here, 'the first way is as it was')
  assert.equal(await decrypts({}), true)
  // Parts of two ways do not open together, nothing is written over, and no two parts may lie together.
  await assert.rejects(start({ ...back, rootPrivateKey: config.rootPrivateKey }), /does not open the private key/)
  await assert.rejects(addUnlocking(config, back, environment), /there already/)
  const together = { rootPrivateKey: join(data, 'x'), rootUnlockKey: join(data, 'x', 'unlock-key') }
  await assert.rejects(addUnlocking(config, together, environment), /who copies it has both/)
})

test('keyward root add-unlock says which settings use the new way', async (t) => {
  const data = await mkdtemp(join(tmpdir(), 'keyward-unlock-'))
  t.after(() => rm(data, { recursive: true, force: true }))
  await (await startTestService({ on: 'sqlite', data })).stop()
  const { rootCiphertext, rootPrivateKey, rootUnlockKey } = custodyIn(data)
  const env = {
    ...process.env,
    KEYWARD_DATA: data,
    KEYWARD_ROOT_CIPHERTEXT: rootCiphertext,
    KEYWARD_ROOT_PRIVATE_KEY: rootPrivateKey,
    KEYWARD_ROOT_UNLOCK_KEY: rootUnlockKey,
  }
  const run = (...more: string[]) =>
    spawnSync(process.execPath, ['src/main.ts', 'root', 'add-unlock', '--private-key', join(data, 'a'), ...more], {
      cwd: join(import.meta.dirname, '..', '..'),
      encoding: 'utf8',
      env,
    })
  const neither = run()
  assert.equal(neither.status, 2, neither.stderr)
  assert.match(neither.stderr, /one of --unlock-key, --passphrase-file and --hsm/)
  const { status, stdout, stderr } = run('--unlock-key', join(data, 'b', 'unlock-key'), '--output', 'json')
  assert.equal(status, 0, stderr)
  const named = { root_private_key: join(data, 'a'), root_unlock_key: join(data, 'b', 'unlock-key') }
  assert.deepEqual(JSON.parse(stdout).settings, named)
})

test('R31: a token with another key of the same label does not open the root key', { skip: softhsm }, async (t) => {
  const token = await softToken(t, 'softhsm2')
  const { start, refused } = await unlocking(t, hsmSettings(token), token.connection.environment ?? {})
  await (await start()).stop()
  const other = await softToken(t, 'softhsm2')
  const elsewhere = await unlocking(t, hsmSettings(other), other.connection.environment ?? {})
  await (await elsewhere.start()).stop()
  await refused(/does not open the private key/, hsmSettings(other), other.connection.environment ?? {})
})

test('a TPM unlocks the root key with a key that its own tool made', { skip: missingTpm() ?? false }, async (t) => {
  const tpm = await tpmToken(t)
  const hsm = { hsmVendor: 'tpm2', hsmPinFile: tpm.pinFile, hsmTokenLabel: 'tpm' }
  const { config, start, refused } = await unlocking(t, hsm, tpm.connection.environment ?? {})
  await refused(/makes no keys for HMAC .* make one with its own tool, with the label 'unlock'/)
  tpm.ptool('addkey', '--algorithm', 'hmac:sha256', '--key-label', 'unlock')
  const first = await start()
  const { key } = (await first.api('POST', '/v1/keys', {})).body
  const sealed = await first.api('POST', `/v1/keys/${key.keyId}/encrypt`, { plaintext: base64('kept') })
  await first.stop()
  const again = await start()
  const opened = await again.as(first.token)('POST', '/v1/decrypt', { ciphertextBlob: sealed.body.ciphertextBlob })
  assert.equal(opened.body.plaintext, base64('kept'))
  await again.stop()

  const environment = tpm.connection.environment ?? {}
  const world = await openWorld(config, { environment, withoutHsm: true })
  t.after(() => world.close())
  await assert.rejects(initializeHsmRootKey(config, world, environment), /can unlock the software level/)
})

test('the third place is one thing: settings that name two are refused before anything is made', async (t) => {
  const { refused } = await unlocking(t, { hsmVendor: 'softhsm2', hsmPinFile: '/nowhere/pin' }, {})
  await refused(/root_passphrase_file and root_unlock_hsm are set/, { rootPassphraseFile: '/nowhere/passphrase' })
  await refused(/hsm_vendor is not set/, { hsmVendor: undefined })
})

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import type { Page } from 'playwright-core'
import { type Json, startTestService, type TestService } from '../service.ts'
import { addAuthenticator, openBrowser, type TestAuthenticator, type TestBrowser, withBrowser } from './browser.ts'
import { type Visitor, visitorOf } from './visitor.ts'

const cookieName = '__Host-keyward_sid'
let service: TestService
let browser: TestBrowser
let page: Page
let authenticator: TestAuthenticator

before(async () => {
  if (withBrowser.skip !== undefined) return
  service = await startTestService({ host: 'localhost' })
  browser = await openBrowser()
  // Any page of the origin will do: here the authenticator is asked, and what it says is sent by hand.
  page = await browser.open(`http://localhost:${service.running.servers[0]?.port}/ui/assets/`)
  authenticator = await addAuthenticator(page)
})
after(async () => {
  await browser?.close()
  await service?.stop()
})

/** What the browser's authenticator answers to options of the service. */
function answer(kind: 'create' | 'get', options: Json): Promise<Json> {
  const parse = kind === 'create' ? 'parseCreationOptionsFromJSON' : 'parseRequestOptionsFromJSON'
  const publicKey = `PublicKeyCredential.${parse}(${JSON.stringify(options)})`
  return page.evaluate(`navigator.credentials.${kind}({ publicKey: ${publicKey} }).then((made) => made.toJSON())`)
}

async function setupCode(name: string): Promise<string> {
  const { body } = await service.api('POST', `/v1/principals/${name}/setup-codes`, {})
  assert.equal(body.path, `/ui/setup#${body.code}`)
  return body.code
}

/** As if another person sat down with their own. */
async function anotherAuthenticator(): Promise<void> {
  await authenticator.remove()
  authenticator = await addAuthenticator(page)
}

async function register(visitor: Visitor, label = 'laptop'): Promise<Json> {
  const options = await visitor.ask('POST', '/api/passkey/register/options', {})
  assert.equal(options.status, 200, JSON.stringify(options.body))
  const response = await answer('create', options.body)
  const made = await visitor.ask('POST', '/api/passkey/register/verify', { response, label })
  assert.equal(made.status, 200, JSON.stringify(made.body))
  return made.body
}

/** Comes with a setup code, and registers a passkey. */
async function newPerson(name: string, policies = ['KeywardAdministrator']): Promise<{ visitor: Visitor; made: Json }> {
  if (name !== 'admin') await service.api('POST', '/v1/principals', { principalName: name, policies })
  await anotherAuthenticator()
  const visitor = visitorOf(service)
  assert.equal((await visitor.ask('POST', '/api/setup', { code: await setupCode(name) })).status, 200)
  return { visitor, made: await register(visitor) }
}

async function assertion(visitor: Visitor): Promise<Json> {
  service.clock.advance(1)
  return answer('get', (await visitor.ask('POST', '/api/passkey/login/options', {})).body)
}

async function signIn(visitor: Visitor): Promise<void> {
  const done = await visitor.ask('POST', '/api/passkey/login/verify', { response: await assertion(visitor) })
  assert.equal(done.status, 200, JSON.stringify(done.body))
}

const who = async (visitor: Visitor) => (await visitor.ask('GET', '/v1/caller')).body.principalName

test('a setup code leads to a passkey, and the passkey into the console', withBrowser, async () => {
  const visitor = visitorOf(service)
  assert.equal((await visitor.ask('GET', '/api/session')).body.setupNeeded, true)
  const code = await setupCode('admin')
  await visitor.ask('POST', '/api/setup', { code })
  assert.equal((await visitor.ask('GET', '/api/session')).body.state, 'setup')
  // Until there is a passkey the session is good for nothing else.
  assert.equal((await visitor.ask('GET', '/v1/caller')).status, 401)
  const before = visitor.cookies.get(cookieName)
  const { recoveryCodes } = await register(visitor)
  assert.equal(new Set(recoveryCodes).size, 10)
  assert.notEqual(visitor.cookies.get(cookieName), before)
  assert.equal(await who(visitor), 'admin')
  const again = await visitorOf(service).ask('POST', '/api/setup', { code })
  assert.equal(again.status, 401, 'a setup code is good once')

  await visitor.ask('POST', '/api/logout')
  assert.equal((await visitor.ask('GET', '/api/session')).body.setupNeeded, false)
  await signIn(visitor)
  assert.equal(await who(visitor), 'admin')
  const listed = await visitor.ask('GET', '/v1/principals/admin/passkeys')
  assert.equal(listed.body.passkeys[0].label, 'laptop')
  assert.equal(listed.body.recoveryCodes, 10)
})

test('an answer of an authenticator is taken once, and for what it was asked for', withBrowser, async () => {
  const { visitor } = await newPerson('replayed')
  const response = await assertion(visitor)
  const other = visitorOf(service)
  assert.equal((await other.ask('POST', '/api/passkey/login/verify', { response })).status, 200)
  const replayed = await visitorOf(service).ask('POST', '/api/passkey/login/verify', { response })
  assert.equal(replayed.body.code, 'NotAuthenticated')
  // For signing in: no step-up. And the other way round.
  const digests = ['0'.repeat(64)]
  const stepUp = await visitor.ask('POST', '/api/step-up/verify', { digests, response: await assertion(visitor) })
  assert.equal(stepUp.status, 401)
  const options = await visitor.ask('POST', '/api/step-up/options', { digests })
  const forStepUp = await answer('get', options.body)
  const signIn = await visitorOf(service).ask('POST', '/api/passkey/login/verify', { response: forStepUp })
  assert.equal(signIn.status, 401)
  // A challenge is good for five minutes.
  const late = await assertion(visitor)
  service.clock.advance(5 * 60_000)
  assert.equal((await visitorOf(service).ask('POST', '/api/passkey/login/verify', { response: late })).status, 401)
  // One letter of the signature changed.
  const forged = await assertion(visitor)
  const { signature } = forged.response
  forged.response.signature = signature.slice(0, 20) + (signature[20] === 'A' ? 'B' : 'A') + signature.slice(21)
  assert.equal((await visitorOf(service).ask('POST', '/api/passkey/login/verify', { response: forged })).status, 401)
})

test('what cannot be undone takes a passkey for that very request, once', withBrowser, async () => {
  const { visitor } = await newPerson('careful')
  const { keyId } = (await visitor.ask('POST', '/v1/keys', {})).body.key
  const schedule = (days: number) =>
    visitor.ask('POST', `/v1/keys/${keyId}/schedule-deletion`, { pendingWindowInDays: days })
  const refused = await schedule(7)
  assert.equal(refused.status, 403)
  assert.equal(refused.body.code, 'StepUpRequired')
  assert.deepEqual(refused.body.facts.methods, ['passkey'])
  assert.equal((await service.api('GET', `/v1/keys/${keyId}`)).body.key.keyState, 'Enabled')

  const digests = [refused.body.facts.digest]
  service.clock.advance(1)
  const options = await visitor.ask('POST', '/api/step-up/options', { digests })
  const response = await answer('get', options.body)
  const foreign = await visitor.ask('POST', '/api/step-up/verify', { digests: ['1'.repeat(64)], response })
  assert.equal(foreign.status, 401, 'the proof is for the digests that were asked about')
  const before = visitor.cookies.get(cookieName)
  const done = await visitor.ask('POST', '/api/step-up/verify', { digests, response })
  assert.equal(done.status, 200, JSON.stringify(done.body))
  assert.notEqual(visitor.cookies.get(cookieName), before)

  assert.equal((await schedule(30)).body.code, 'StepUpRequired', 'another request is not the one that was confirmed')
  assert.equal((await schedule(7)).status, 200)
  await visitor.ask('POST', `/v1/keys/${keyId}/cancel-deletion`)
  assert.equal((await schedule(7)).body.code, 'StepUpRequired', 'a confirmed request is good once')

  // Many at once, as a screen does that deletes many.
  const keys = await Promise.all([1, 2, 3, 4].map(() => visitor.ask('POST', '/v1/keys', {})))
  const scheduleAll = () =>
    Promise.all(keys.map(({ body }) => visitor.ask('POST', `/v1/keys/${body.key.keyId}/schedule-deletion`, {})))
  const together = (await scheduleAll()).map(({ body }) => body.facts.digest)
  service.clock.advance(1)
  const forAll = await answer('get', (await visitor.ask('POST', '/api/step-up/options', { digests: together })).body)
  await visitor.ask('POST', '/api/step-up/verify', { digests: together, response: forAll })
  assert.deepEqual(
    (await scheduleAll()).map(({ status }) => status),
    [200, 200, 200, 200],
  )
})

test(
  'nobody is asked to confirm what they may not do, and the record says who confirmed what',
  withBrowser,
  async () => {
    const { visitor } = await newPerson('reader', ['Auditor'])
    const { keyId } = (await service.api('POST', '/v1/keys', {})).body.key
    const refused = await visitor.ask('POST', `/v1/keys/${keyId}/schedule-deletion`, {})
    assert.equal(refused.body.code, 'AccessDenied')
    const records = await Array.fromAsync(service.world.audit.read(0, service.world.audit.size()))
    const confirmed = records.find(({ record }) => record.operation === 'StepUp' && record.outcome === 'ok')?.record
    assert.match(String(confirmed?.principal), /user\/careful$/)
    assert.match(JSON.stringify(confirmed?.input), /"requests":\["[0-9a-f]{64}"\]/)
  },
)

test('a recovery code stands in for a lost passkey, once', withBrowser, async () => {
  const { made } = await newPerson('forgetful')
  const [code = ''] = made.recoveryCodes
  const visitor = visitorOf(service)
  const typed = code.toLowerCase().replaceAll('-', ' ')
  assert.equal((await visitor.ask('POST', '/api/recovery', { code: typed })).status, 200)
  assert.equal((await visitorOf(service).ask('POST', '/api/recovery', { code })).status, 401)
  await anotherAuthenticator()
  const second = await register(visitor, 'phone')
  assert.equal(second.recoveryCodes, undefined)
  assert.equal(await who(visitor), 'forgetful')
  assert.equal((await visitor.ask('GET', '/v1/principals/forgetful/passkeys')).body.recoveryCodes, 9)
  // More of them, and more passkeys, take a step-up.
  assert.equal((await visitor.ask('POST', '/api/recovery/codes', {})).body.code, 'StepUpRequired')
  assert.equal((await visitor.ask('POST', '/api/passkey/register/options', {})).body.code, 'StepUpRequired')
})

test('setup codes end after 15 minutes, and a new one takes the place of the old one', withBrowser, async () => {
  await service.api('POST', '/v1/principals', { principalName: 'late' })
  const first = await setupCode('late')
  const second = await setupCode('late')
  assert.equal((await visitorOf(service).ask('POST', '/api/setup', { code: first })).status, 401)
  service.clock.advance(15 * 60_000)
  assert.equal((await visitorOf(service).ask('POST', '/api/setup', { code: second })).status, 401)
})

test('on the host a link is made while the service runs; it is good once', withBrowser, async () => {
  const { stdout } = await promisify(execFile)(
    join(import.meta.dirname, '..', '..', 'bin', 'keyward'),
    ['access', 'setup-link', '--principal', 'admin', '--output', 'json'],
    { env: { PATH: process.env.PATH, KEYWARD_DATA: service.config.data } },
  )
  const { url } = JSON.parse(stdout)
  const [, code] = /^https:\/\/localhost:8443\/ui\/setup#([\w-]{22})$/.exec(url) ?? []
  const visitor = visitorOf(service)
  assert.equal((await visitor.ask('POST', '/api/setup', { code })).status, 200)
  assert.equal((await visitorOf(service).ask('POST', '/api/setup', { code })).status, 401)
  await anotherAuthenticator()
  await register(visitor, 'made on the host')
  assert.equal(await who(visitor), 'admin')
})

test('one sees and ends one’s own sessions; those of others take the right', withBrowser, async () => {
  const { visitor } = await newPerson('plain', [])
  const elsewhere = visitorOf(service)
  await signIn(elsewhere)
  const mine = await visitor.ask('GET', '/v1/principals/plain/sessions')
  assert.equal(mine.body.sessions.filter(({ current }: Json) => current).length, 1)
  assert.equal(await who(elsewhere), 'plain')
  const { sessionId } = mine.body.sessions.find(({ current }: Json) => !current)
  assert.equal((await visitor.ask('DELETE', `/v1/principals/plain/sessions/${sessionId}`)).status, 200)
  assert.equal(await who(elsewhere), undefined)
  assert.equal((await visitor.ask('GET', '/v1/principals/admin/sessions')).status, 403)
  assert.equal((await visitor.ask('DELETE', '/v1/principals/admin/sessions/ses-1')).status, 403)
  const { sessions } = (await service.api('GET', '/v1/principals/plain/sessions')).body
  assert.equal((await service.api('DELETE', `/v1/principals/plain/sessions/${sessions[0].sessionId}`)).status, 200)
  assert.equal(await who(visitor), undefined)
})

test('a deleted principal takes its passkeys along: one of the same name is somebody else', withBrowser, async () => {
  const { visitor, made } = await newPerson('gone')
  const response = await assertion(visitor)
  await service.api('DELETE', '/v1/principals/gone')
  await service.api('POST', '/v1/principals', { principalName: 'gone' })
  assert.equal((await visitorOf(service).ask('POST', '/api/passkey/login/verify', { response })).status, 401)
  assert.equal((await visitorOf(service).ask('POST', '/api/recovery', { code: made.recoveryCodes[0] })).status, 401)
})

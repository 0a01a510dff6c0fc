import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Page } from 'playwright-core'
import type { Config } from '../../src/config.ts'
import { startTestService, type TestService } from '../service.ts'
import { openBrowser, type TestBrowser, withBrowser } from './browser.ts'
import { clientId, clientSecret, startProvider, type TestProvider } from './identity-provider.ts'
import { visitorOf } from './visitor.ts'

let folder: string
let provider: TestProvider
let service: TestService
let origin: string
let browser: TestBrowser
let page: Page

const settings = (): Partial<Config> => ({
  oidcIssuer: provider.issuer,
  oidcClientId: clientId,
  oidcClientSecretFile: join(folder, 'secret'),
  oidcLabel: 'Example Ltd',
  oidcGroupPolicies: new Map([
    ['admins', ['KeywardAdministrator']],
    ['users', ['KeyUser', 'Auditor']],
  ]),
})

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'keyward-company-'))
  writeFileSync(join(folder, 'secret'), `${clientSecret}\n`)
  provider = await startProvider()
  service = await startTestService({ host: 'localhost', config: settings() })
  origin = `http://localhost:${service.running.servers[0]?.port}`
  provider.register(`${origin}/ui/api/oidc/callback`)
  if (withBrowser.skip !== undefined) return
  browser = await openBrowser()
  // The provider's pages for development want fonts from elsewhere.
  await browser.context.route(/googleapis/, (route) => route.abort())
  page = await browser.context.newPage()
})
after(async () => {
  await browser?.close()
  await service?.stop()
  await provider?.close()
  rmSync(folder, { recursive: true, force: true })
})

const button = (name: string | RegExp) => page.getByRole('button', { name }).first()

/** As a person does it: name, password, and the first time consent. */
async function atProvider(name: string, { consents = true } = {}): Promise<void> {
  await page.locator('input[name=login]').fill(name)
  await page.locator('input[name=password]').fill('any')
  await page.locator('button[type=submit]').click()
  if (consents) await page.getByRole('button', { name: 'Continue' }).click()
}

/** To the provider, in a browser that knows nobody. */
async function leave(): Promise<void> {
  await browser.context.clearCookies()
  await page.goto(`${origin}/ui/`)
  await button('Sign in with Example Ltd').click()
}

const principal = async (name: string) =>
  (await service.api('GET', '/v1/principals?limit=1000')).body.principals.find(
    (one: { name: string }) => one.name === name,
  )

test('a person of the company comes in with the rights of their groups', withBrowser, async () => {
  provider.people.set('alice', ['admins', 'canteen'])
  await leave()
  await atProvider('alice')
  await button(/Account: alice/).waitFor()
  assert.deepEqual((await principal('alice')).policies, ['KeywardAdministrator'])
  const { sessions } = (await service.api('GET', '/v1/principals/alice/sessions')).body
  assert.deepEqual(
    sessions.map(({ method }: { method: string }) => method),
    ['oidc'],
  )
  const cookies = await browser.context.cookies()
  assert.ok(!cookies.some(({ name }) => name === '__Host-keyward_tx'), 'what was needed on the way is gone')
})

test('to confirm something one signs in again; then it is good for a few minutes', withBrowser, async () => {
  await page.goto(`${origin}/ui/account`)
  const ask = async () => {
    await button('New recovery codes').click()
    await page.getByRole('dialog').getByRole('button', { name: 'New recovery codes' }).click()
  }
  await ask()
  await button('Sign in again').click()
  await atProvider('alice', { consents: false })
  await page.waitForURL(`${origin}/ui/account`)
  await ask()
  await page.getByRole('list', { name: 'Recovery codes' }).waitFor()
  await button('I have kept them').click()
  service.clock.advance(5 * 60_000)
  await ask()
  await button('Sign in again').click()
  // Somebody else of the company sits down.
  await atProvider('bob')
  await page.getByText('This was somebody else’s sign-in.').waitFor()
  await page.goto(`${origin}/ui/account`)
  await ask()
  await button('Sign in again').waitFor()
})

test('rights follow the groups at the next sign-in, and what was given by hand stays', withBrowser, async () => {
  provider.people.set('alice', ['users'])
  await service.api('PATCH', '/v1/principals/alice', { attachPolicies: ['KeyAdministrator'] })
  await leave()
  await atProvider('alice')
  await button(/Account: alice/).waitFor()
  assert.deepEqual((await principal('alice')).policies.sort(), ['Auditor', 'KeyAdministrator', 'KeyUser'])
})

test('nobody comes in without a group, or under the name of somebody who is there', withBrowser, async () => {
  await leave()
  await atProvider('bob')
  await page.getByText('None of your groups has a right here.').waitFor()
  assert.ok(!page.url().includes('refused'))
  assert.equal(await principal('bob'), undefined)
  provider.people.set('admin', ['admins'])
  await leave()
  await atProvider('admin')
  await page.getByText('Your name belongs to somebody else here.').waitFor()
  await service.api('PATCH', '/v1/principals/alice', { disabled: true })
  await leave()
  await atProvider('alice')
  await page.getByText('You are locked out here.').waitFor()
})

test('an answer that this browser did not ask for lets nobody in', async () => {
  const visitor = visitorOf(service)
  const crossSite = { 'sec-fetch-site': 'cross-site', 'x-keyward-csrf': undefined }
  const back = (query: string) => visitor.ask('GET', `/api/oidc/callback?${query}`, undefined, crossSite)
  assert.match((await back('code=x&state=y')).body.text, /url=\/ui\/\?refused=expired/)
  const { body } = await visitor.ask('POST', '/api/oidc/start', { purpose: 'sign-in', returnTo: '//evil.example/' })
  const url = new URL(body.url)
  assert.equal(url.origin, provider.issuer)
  assert.equal(url.searchParams.get('code_challenge_method'), 'S256')
  assert.match((await back('code=x&state=another')).body.text, /refused=notVouched/)
  assert.equal(visitor.cookies.size, 0)
  // The way there is sealed: nobody writes another one, and it ends.
  await visitor.ask('POST', '/api/oidc/start', { purpose: 'sign-in' })
  const [name = '', sealed = ''] = [...visitor.cookies][0] ?? []
  visitor.cookies.set(name, sealed.slice(0, 40) + (sealed[40] === 'A' ? 'B' : 'A') + sealed.slice(41))
  assert.match((await back(`code=x&state=${url.searchParams.get('state')}`)).body.text, /refused=expired/)
  await visitor.ask('POST', '/api/oidc/start', { purpose: 'sign-in' })
  service.clock.advance(10 * 60_000)
  assert.match((await back('code=x')).body.text, /refused=expired/)
  assert.equal((await visitor.ask('POST', '/api/oidc/start', { purpose: 'step-up' })).status, 401)
})

test('where the settings of the provider are wrong, nothing starts', async () => {
  const wrong: readonly (readonly [Partial<Config>, RegExp])[] = [
    [{ oidcIssuer: 'http://localhost:1' }, /cannot be used/],
    [{ oidcIssuer: `${provider.issuer}/elsewhere` }, /cannot be used/],
    [{ oidcIssuer: undefined }, /no KEYWARD_OIDC_ISSUER/],
    [{ oidcClientId: undefined }, /KEYWARD_OIDC_CLIENT_ID is not set/],
    [{ oidcGroupPolicies: undefined }, /KEYWARD_OIDC_GROUP_POLICIES is not set/],
    [{ oidcGroupPolicies: new Map([['admins', ['Administrator']]]) }, /names the policy Administrator/],
    [{ oidcClientSecretFile: join(folder, 'nothing') }, /cannot be read/],
    [{ oidcScopes: 'profile' }, /does not contain openid/],
    [{ console: false }, /console is off/],
  ]
  for (const [change, words] of wrong)
    await assert.rejects(startTestService({ config: { ...settings(), ...change } }), words)
})

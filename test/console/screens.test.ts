import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import axe from 'axe-core'
import type { Page } from 'playwright-core'
import { loadConfig, shownSettings } from '../../src/config.ts'
import { startTestService, type TestService } from '../service.ts'
import { addAuthenticator, openBrowser, type TestBrowser, withBrowser } from './browser.ts'

let service: TestService
let browser: TestBrowser
let page: Page
let origin: string

before(async () => {
  if (withBrowser.skip !== undefined) return
  service = await startTestService({ host: 'localhost' })
  origin = `http://localhost:${service.running.servers[0]?.port}`
  browser = await openBrowser()
  await browser.context.addInitScript({ content: axe.source })
})
after(async () => {
  await browser?.close()
  await service?.stop()
})

const button = (name: string | RegExp) => page.getByRole('button', { name }).first()

/** WCAG 2.2, levels A and AA, of what is on the screen now. */
async function isAccessible(): Promise<void> {
  const runOnly = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22a', 'wcag22aa']
  const { violations } = (await page.evaluate(`axe.run(document, ${JSON.stringify({ runOnly })})`)) as axe.AxeResults
  assert.deepEqual(
    violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`),
    [],
  )
}

test('a person comes with a setup link, makes a passkey, keeps the codes, and is in', withBrowser, async () => {
  const { path } = (await service.api('POST', '/v1/principals/admin/setup-codes', {})).body
  page = await browser.open(`${origin}${path}`)
  await addAuthenticator(page)
  await button('Begin').waitFor()
  assert.ok(!page.url().includes('#'), 'the code is gone from the address')
  await isAccessible()
  await button('Begin').click()
  await button('Create a passkey').waitFor()
  await isAccessible()
  await button('Create a passkey').click()
  const codes = page.getByRole('list', { name: 'Recovery codes' }).getByRole('listitem')
  await codes.first().waitFor()
  assert.equal(await codes.count(), 10)
  await isAccessible()
  assert.match(await codes.first().innerText(), /^(?:[A-Z2-7]{4}-){3}[A-Z2-7]{4}$/)
  await button('I have kept them').click()
  await button(/Account: admin/).waitFor()
  await page.goto(`${origin}/ui/account`)
  await page.getByText('My passkey').waitFor()
  await page.getByText('Recovery codes left: 10').waitFor()
})

test('one signs out, and in again with the passkey', withBrowser, async () => {
  await button(/Account: admin/).click()
  await page.getByRole('menuitem', { name: 'Sign out' }).click()
  service.clock.advance(1)
  await button('Sign in with a passkey').waitFor()
  await button('Lost your passkey?').click()
  await isAccessible()
  await button('Sign in with a passkey').click()
  await button(/Account: admin/).waitFor()
  await page.goto(`${origin}/ui/account`)
  await page.getByRole('row', { name: /Chrome, Linux this one/ }).waitFor()
})

test('another passkey, new codes and the end of a session are asked for and confirmed', withBrowser, async () => {
  await button('New recovery codes').click()
  await page.getByRole('dialog').getByRole('button', { name: 'New recovery codes' }).click()
  service.clock.advance(1)
  await button('Confirm with your passkey').waitFor()
  await isAccessible()
  await button('Confirm with your passkey').click()
  await page.getByRole('list', { name: 'Recovery codes' }).waitFor()
  await button('I have kept them').click()
  await button('Add a passkey').click()
  await page.getByLabel('Name of the passkey').fill('security key')
  await page.getByRole('dialog').getByRole('button', { name: 'Create a passkey' }).click()
  service.clock.advance(1)
  await button('Confirm with your passkey').click()
  await page.getByText('This authenticator holds a passkey of yours already.').waitFor()
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click()
  await page
    .getByRole('row', { name: /this one/ })
    .getByRole('button')
    .click()
  await button('Sign in with a passkey').waitFor()
})

test('a recovery code leads to a new passkey, in Chinese too', withBrowser, async () => {
  const { body } = await service.api('POST', '/v1/principals', { principalName: 'mei', policies: ['KeyUser'] })
  assert.equal(body.principal.name, 'mei')
  const { path } = (await service.api('POST', '/v1/principals/mei/setup-codes', {})).body
  const chinese = await openBrowser({ locale: 'zh-CN' })
  try {
    page = await chinese.open(`${origin}${path}`)
    await addAuthenticator(page)
    await button('开始').click()
    await button('创建通行密钥').click()
    const code = await page.getByRole('list', { name: '恢复码' }).getByRole('listitem').first().innerText()
    await button('我已妥善保管').click()
    await button(/账号: mei/).click()
    await page.getByRole('menuitem', { name: '退出登录' }).click()
    await button('通行密钥丢失了？').click()
    await page.getByLabel('恢复码').fill(code)
    await button('使用恢复码').click()
    await page.getByLabel('通行密钥名称').waitFor()
    assert.deepEqual(chinese.complaints, [])
  } finally {
    await chinese.close()
  }
})

test('the browser had nothing to complain of', withBrowser, () => {
  assert.deepEqual(browser.complaints, [])
})

test('the operator sees the settings, but no password; nobody else sees them', withBrowser, async () => {
  const { settings } = (await service.api('GET', '/v1/settings')).body
  assert.ok(settings.some(({ name }: { name: string }) => name === 'console_url'))
  const store = 'postgres://keyward:hunter2@db.example/keys?password=hunter2&sslmode=require'
  const shown = shownSettings(loadConfig({ KEYWARD_STORE: store }))
  assert.ok(!JSON.stringify(shown).includes('hunter2'))
  assert.match(JSON.stringify(shown), /postgres:\/\/keyward:\*\*\*@db\.example\/keys/)
  const tenant = (await service.api('POST', '/v1/accounts', { account: '444455556666', name: 'tenant' })).body
  assert.equal((await service.as(tenant.token)('GET', '/v1/settings')).status, 403)
})

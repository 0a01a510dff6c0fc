/** What one does in the console beside looking after keys, in Chromium, against a real service with three weeks behind it. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import type { Page } from 'playwright-core'
import { verifyProof } from '../../src/audit/proof-text.ts'
import type { Json } from '../service.ts'
import { openBrowser, type TestBrowser, withBrowser } from './browser.ts'
import { type Inhabited, inhabitedService } from './inhabited.ts'
import { signIn } from './signed-in.ts'

let lived: Inhabited
let browser: TestBrowser
let page: Page

before(async () => {
  if ('skip' in withBrowser) return
  lived = await inhabitedService()
  browser = await openBrowser()
  page = await browser.open(`${lived.origin}/ui/`)
  page.setDefaultTimeout(20_000)
  await signIn(page, lived.service.token)
})
after(async () => {
  await browser?.close()
  await lived?.service.stop()
})

/** A fact of the console; whatever the browser complains of meanwhile breaks it. */
function fact(name: string, prove: () => Promise<void>): void {
  test(name, withBrowser, async () => {
    const before = browser.complaints.length
    await prove()
    assert.deepEqual(browser.complaints.slice(before), [])
  })
}

const go = (path: string) => page.goto(`${lived.origin}/ui${path}`)
const button = (name: string | RegExp) => page.getByRole('button', { name, exact: typeof name === 'string' })
const api = async (method: string, path: string, body?: unknown): Promise<Json> =>
  (await lived.service.api(method, path, body)).body
const dialog = () => page.getByRole('dialog')
const seen = (words: string | RegExp) => page.getByText(words).filter({ visible: true }).first().waitFor()
/** Everything that a browser would still know after the tab is closed, and what stands in the address. */
const keptText = (): Promise<string> =>
  page.evaluate('JSON.stringify([{ ...localStorage }, { ...sessionStorage }, location.href, history.state])')

/** Types a key into a field that offers keys, and leaves it. */
async function nameKey(label: string | RegExp, reference: string): Promise<void> {
  const field = page.getByRole('combobox', { name: label }).first()
  await field.fill(reference)
  await field.press('Escape')
}

async function saved(press: () => Promise<void>): Promise<readonly string[]> {
  const [download] = await Promise.all([page.waitForEvent('download'), press()])
  return [download.suggestedFilename(), readFileSync(await download.path(), 'utf8')]
}

fact(
  'a text is encrypted and decrypted on the workbench; what comes out is covered, kept nowhere, and gone after a minute',
  async () => {
    await page.clock.install()
    await go('/workbench')
    await nameKey('Key', 'alias/shop/orders')
    await page.getByRole('textbox', { name: 'Plaintext' }).fill('a very secret order')
    await button('Add a pair').click()
    await page.getByRole('textbox', { name: /Name$/ }).fill('tenant')
    await page.getByRole('textbox', { name: /Value$/ }).fill('shop')
    await button('Encrypt').click()
    await seen(/Gone in \d+ seconds/)
    await button('Decrypt this').click()
    await button('Decrypt').click()
    await seen('••••••••')
    assert.equal(await page.getByText('a very secret order').count(), 0, 'covered')
    await button('Show').click()
    await seen('a very secret order')
    const kept = await keptText()
    assert.doesNotMatch(kept, /secret order/)
    assert.doesNotMatch(kept, new RegExp(Buffer.from('a very secret order').toString('base64')))
    await page.clock.fastForward(61_000)
    await page.getByText('a very secret order').waitFor({ state: 'detached' })
    await page.clock.resume()
  },
)

fact('a message is signed, its signature verified, and that over another message is not valid', async () => {
  await go(`/workbench?work=sign&keyId=${lived.keys.signing}`)
  await page.getByRole('textbox', { name: 'Message' }).fill('release 2.0')
  await button('Sign').click()
  await button('Verify this').click()
  await button('Verify').click()
  await seen(/^Valid:/)
  await page.getByRole('textbox', { name: 'Message' }).fill('release 2.1')
  await button('Verify').click()
  await seen(/^Not valid:/)
  await button('The same by command line or API').click()
  await seen(/keyward verify .*--message @message\.bin --signature @signature\.bin/)
})

fact('an alias is made, pointed at another key with the effect in sight, and deleted: by keyboard alone', async () => {
  await go('/aliases')
  await page.getByRole('table').waitFor()
  await tabTo(/^Create alias$/)
  await page.keyboard.press('Enter')
  await dialog().waitFor()
  await tabTo(/^Alias$/)
  await page.keyboard.type('by-keyboard')
  await tabTo(/^Key/)
  await page.keyboard.type(lived.keys.orders)
  await page.keyboard.press('Escape')
  await tabTo(/^Create alias$/)
  await page.keyboard.press('Enter')
  await seen('alias/by-keyboard was created')
  assert.equal((await api('GET', `/v1/keys/alias%2Fby-keyboard`)).key.keyId, lived.keys.orders)

  await tabTo(/^Actions for alias\/by-keyboard$/)
  await page.keyboard.press('Enter')
  await page.keyboard.press('Enter')
  await dialog().waitFor()
  await tabTo(/^The key it is to stand for/)
  await page.keyboard.type('alias/bank/root')
  await page.keyboard.press('Escape')
  await seen('Brought along from the old HSM')
  await seen(/What the old key encrypted still decrypts/)
  await tabTo(/^Point at another key$/)
  await page.keyboard.press('Enter')
  await seen('alias/by-keyboard now points at another key')
  assert.equal((await api('GET', `/v1/keys/alias%2Fby-keyboard`)).key.keyId, lived.keys.external)

  await tabTo(/^Actions for alias\/by-keyboard$/)
  await page.keyboard.press('Enter')
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  await seen('Nobody called by this alias in the last 90 days.')
  await page.keyboard.press('Escape')
  await dialog().waitFor({ state: 'detached' })
  assert.match(await focused(), /alias\/by-keyboard/, 'focus is back where it was')
  await page.keyboard.press('Enter')
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  await dialog().waitFor()
  await tabTo(/seen who calls/)
  await page.keyboard.press('Space')
  await tabTo(/^Delete alias$/)
  await page.keyboard.press('Enter')
  await seen('alias/by-keyboard was deleted')
})

fact('the alias of a default key is locked, and says why', async () => {
  await api('POST', '/v1/keys/alias%2Faws%2Fs3/encrypt', { plaintext: 'eA==' })
  await go('/aliases')
  await button('Actions for alias/aws/s3').click()
  await page.getByRole('menuitem', { name: 'Delete alias' }).hover()
  await seen(/The alias of a default key belongs to the service/)
  await page.keyboard.press('Escape')
})

fact('a token is shown once, works, and is on no screen afterwards', async () => {
  await go('/principals/release-robot')
  await button('Create token').click()
  await dialog().getByLabel('What it is for').fill('for the walk')
  await dialog().getByRole('button', { name: 'Create token' }).click()
  await seen('Save it now: it is shown only this once')
  await button('Show').click()
  const token = (await dialog().locator('code, [class*=code]').filter({ hasText: 'kwt_' }).first().textContent()) ?? ''
  assert.equal((await lived.service.as(token)('GET', '/v1/caller')).status, 200)
  await button('I have saved it').click()
  await dialog().waitFor({ state: 'detached' })
  await seen('for the walk')
  assert.equal((await page.content()).includes(token), false)
  assert.equal((await keptText()).includes(token), false)
})

fact(
  'a policy is written from a template, held back while it is wrong, shown in its changes, saved, and attached',
  async () => {
    await go('/policies')
    await button('Create policy').click()
    await dialog().getByLabel('Policy name').fill('night-shift')
    await button('Edit').click()
    const editor = page.getByRole('textbox', { name: 'Policy document' })
    await editor.click()
    await page.keyboard.press('ControlOrMeta+a')
    await page.keyboard.insertText(
      '{ "Version": "2012-10-17", "Statement": [{ "Effect": "Perhaps", "Action": "kms:Sign", "Resource": "*" }] }',
    )
    await seen('The policy would not be taken')
    assert.ok(await button(/Review and save/).isDisabled())
    await editor.click()
    await page.keyboard.press('ControlOrMeta+a')
    await page.keyboard.insertText(
      '{ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "kms:Sign", "Resource": "*" }] }',
    )
    await seen('The policy is valid')
    await button('Review and save').click()
    await dialog().locator('ins').first().waitFor()
    await button('Save policy').click()
    await seen('night-shift holds from now on')
    assert.match((await api('GET', '/v1/policies/night-shift')).policy.document, /"kms:Sign"/)
    await go('/principals/shop')
    await button('Attach policies').click()
    await button(/Choose policies/).click()
    await page.getByRole('option', { name: /night-shift/ }).click()
    await page.keyboard.press('Escape')
    await dialog().getByRole('button', { name: 'Attach policies' }).click()
    await seen('The policies hold from the next request on')
    const { principals } = await api('GET', '/v1/principals')
    assert.ok(principals.find((one: Json) => one.name === 'shop').policies.includes('night-shift'))
  },
)

fact(
  'a denied call is found in the audit log, proven in this browser, and explained by the statement that decides',
  async () => {
    await api('PUT', '/v1/policies/no-signing', {
      document: JSON.stringify({
        Version: '2012-10-17',
        Statement: [{ Sid: 'NeverSign', Effect: 'Deny', Action: 'kms:Sign', Resource: '*' }],
      }),
    })
    await api('PATCH', '/v1/principals/release-robot', { attachPolicies: ['no-signing'] })
    const { token } = await api('POST', '/v1/principals/release-robot/tokens', {})
    const refused = await lived.service.as(token)('POST', `/v1/keys/${lived.keys.signing}/sign`, { message: 'eA==' })
    assert.equal(refused.body.code, 'AccessDenied')
    await go('/audit/records?operation=Sign&outcome=AccessDenied')
    await page.getByRole('row').filter({ hasText: 'AccessDenied' }).getByRole('link').first().click()
    await seen('This record is in the log')
    const [name, proof] = await saved(() => button('Download the proof').click())
    const { verifierKey } = await api('GET', '/v1/audit/checkpoint')
    const verdict = verifyProof(proof ?? '', verifierKey)
    assert.equal(name, 'keyward-proof.txt')
    assert.ok(verdict.valid && verdict.record.outcome === 'AccessDenied')
    await page.getByRole('link', { name: 'Why was this denied?' }).click()
    await seen('release-robot may not do Sign')
    await seen('A statement denies it. A denial beats every allowance.')
    await page.getByLabel('The deciding statement').getByText('NeverSign').waitFor()
  },
)

fact('a log that is put back to what it was is noticed, and what is accepted is remembered', async () => {
  await go('/audit/records')
  await seen(/Unchanged: the log of now|for the first time/)
  // A genuine older checkpoint: what a server with an older copy of the log would show.
  const older = await page.evaluate("fetch('/ui/v1/audit/checkpoint').then((answer) => answer.text())")
  for (let count = 0; count < 3; count++) await api('GET', '/v1/aliases')
  await page.reload()
  await seen(/Unchanged: the log of now/)
  await page.route('**/ui/v1/audit/checkpoint', (route) =>
    route.fulfill({ body: String(older), contentType: 'application/json' }),
  )
  await page.reload()
  await seen('The audit log is not the one this browser saw before')
  await seen(/The log was cut: it had \d+ records, and has \d+\./)
  const [, evidence] = await saved(() => button('Save the evidence').click())
  assert.equal(JSON.parse(evidence ?? '').finding, 'rolled-back')
  await button('Remember the log of now instead').click()
  await seen(/for the first time/)
  await page.unroute('**/ui/v1/audit/checkpoint')
})

fact('what the filter shows is saved as NDJSON', async () => {
  await go('/audit/records?operation=DisableKey')
  const [name, lines] = await saved(() => button('Export as NDJSON').click())
  assert.match(name ?? '', /^keyward-audit-.*\.ndjson$/)
  const records: Json[] = (lines ?? '')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.equal(records.length, 4)
  assert.ok(records.every(({ operation }) => operation === 'DisableKey'))
})

fact('the usage report is saved as CSV, and is what the API says', async () => {
  await go('/usage-report')
  const month = new Date().toISOString().slice(0, 7)
  const [name, csv] = await saved(() => button('Download CSV').click())
  assert.equal(name, `keyward-usage-${month}.csv`)
  assert.match(csv ?? '', /^account,region,keyId,kind,from,to,day,operation,ok,failed\r\n/)
  assert.match(csv ?? '', new RegExp(`${lived.keys.orders},requests,,,${month}-\\d\\d,Encrypt,\\d+,0`))
})

fact('whoever asked for an import cannot approve it; a second person can', async () => {
  await go('/import-requests')
  const row = page.getByRole('row').filter({ hasText: lived.keys.waiting })
  await row.getByRole('button', { name: /^Approve/ }).hover()
  await seen('You asked for this import: a second person must approve it.')
  const { token } = await api('POST', '/v1/principals/mei/tokens', {})
  const second = await openBrowser()
  try {
    const screen = await second.open(`${lived.origin}/ui/`)
    await signIn(screen, token)
    await screen.goto(`${lived.origin}/ui/import-requests`)
    await screen.getByRole('button', { name: /^Approve/ }).click()
    await screen.getByRole('dialog').getByRole('button', { name: 'Approve' }).click()
    await screen
      .getByText(`The material was imported into ${lived.keys.waiting}`)
      .filter({ visible: true })
      .first()
      .waitFor()
    assert.deepEqual(second.complaints, [])
  } finally {
    await second.close()
  }
  assert.equal((await api('GET', `/v1/keys/${lived.keys.waiting}`)).key.keyState, 'Enabled')
})

test('who may use keys and no more is told which right each screen takes', withBrowser, async () => {
  const { token } = await api('POST', '/v1/principals/release-robot/tokens', {})
  const own = await openBrowser()
  try {
    const screen = await own.open(`${lived.origin}/ui/`)
    await signIn(screen, token)
    await screen.goto(`${lived.origin}/ui/overview`)
    await screen.getByText('The overview needs the right kms:GetOverview.').filter({ visible: true }).first().waitFor()
    await screen.goto(`${lived.origin}/ui/aliases`)
    await screen.getByRole('button', { name: 'Create alias' }).hover()
    await screen.getByText('kms:CreateAlias').filter({ visible: true }).first().waitFor()
    await screen.goto(`${lived.origin}/ui/audit/records`)
    await screen
      .getByText(/kms:ListAuditRecords/)
      .first()
      .waitFor()
    assert.deepEqual(own.complaints, [])
  } finally {
    await own.close()
  }
})

test('the first view comes over the wire in at most 550 KB', withBrowser, async () => {
  const fresh = await openBrowser()
  try {
    const view = await fresh.open(`${lived.origin}/ui/`)
    await signIn(view, lived.service.token)
    const network = await view.context().newCDPSession(view)
    await network.send('Network.enable')
    await network.send('Network.setCacheDisabled', { cacheDisabled: true })
    let bytes = 0
    network.on('Network.loadingFinished', ({ encodedDataLength }) => {
      bytes += encodedDataLength
    })
    await view.goto(`${lived.origin}/ui/overview`)
    await view.getByRole('heading', { name: 'The next 30 days' }).waitFor()
    await view.waitForLoadState('networkidle')
    assert.ok(bytes > 100_000, `${bytes} bytes: nothing was measured`)
    assert.ok(bytes <= 550_000, `${bytes} bytes`)
  } finally {
    await fresh.close()
  }
})

/** Presses Tab until what is focused is called so. */
async function tabTo(name: RegExp): Promise<void> {
  const passed: string[] = []
  for (let presses = 0; presses < 80; presses++) {
    const here = await focused()
    if (name.test(here)) return
    passed.push(here)
    await page.keyboard.press('Tab')
  }
  assert.fail(`${name} is not reached by Tab: ${passed.join(' | ')}`)
}

/** What a screen reader would call it, near enough. */
async function focused(): Promise<string> {
  return page.evaluate(`
    (() => {
      const element = document.activeElement
      const labelled = (element.getAttribute('aria-labelledby') ?? '').split(' ').map((id) => document.getElementById(id)?.textContent ?? '')
      const labels = [...(element.labels ?? [])].map((label) => label.textContent)
      return (element.getAttribute('aria-label') ?? [...labelled, ...labels, element.textContent].join(' ')).trim()
    })()`)
}

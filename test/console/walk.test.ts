/**
 * Every screen of the console, in both languages, light and dark, on a desk and on a phone: nothing that a browser, a
 * screen reader or a reader of Chinese would complain of.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import axe from 'axe-core'
import type { Page } from 'playwright-core'
import { openBrowser, type TestBrowser, withBrowser } from './browser.ts'
import { addressesOf, type Inhabited, inhabitedService } from './inhabited.ts'
import { signIn } from './signed-in.ts'

let lived: Inhabited
before(async () => {
  if (!('skip' in withBrowser)) lived = await inhabitedService()
})
after(() => lived?.service.stop())

/** WCAG 2.2, levels A and AA. */
const standard = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22a', 'wcag22aa']
const desk = { width: 1280, height: 900 }
const phone = { width: 390, height: 844 }

/** At the door: nobody has signed in yet. */
async function arrive(browser: TestBrowser): Promise<Page> {
  await browser.context.addInitScript({ content: axe.source })
  asking = 0
  browser.context.on('request', () => asking++)
  browser.context.on('requestfinished', () => asking--)
  browser.context.on('requestfailed', () => asking--)
  const page = await browser.open(`${lived.origin}/ui/`)
  await settled(page)
  return page
}

/** As a link in the console goes there, without loading the page again. */
async function go(page: Page, address: string): Promise<void> {
  await page.evaluate(
    `history.pushState({}, '', ${JSON.stringify(`/ui${address}`)}); dispatchEvent(new PopStateEvent('popstate'))`,
  )
  await settled(page)
}

/** Until nothing was asked of the server for a moment, and nothing turns. */
async function settled(page: Page): Promise<void> {
  await page.locator('main h1').first().waitFor()
  for (let quiet = 0; quiet < 3; ) {
    await page.waitForTimeout(40)
    const busy =
      asking > 0 || (await page.evaluate("document.querySelector('[class*=awsui_spinner-rotator]') !== null"))
    quiet = busy ? 0 : quiet + 1
  }
}

/** Requests that are not answered yet. */
let asking = 0

/** Each finding with where it is, so that whoever reads it can go there. */
async function complaintsOfAxe(page: Page, rules?: readonly string[]): Promise<readonly string[]> {
  const options = rules === undefined ? { runOnly: standard } : { runOnly: { type: 'rule', values: rules } }
  const { violations } = (await page.evaluate(`axe.run(document, ${JSON.stringify(options)})`)) as axe.AxeResults
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(
      ({ target, failureSummary }) => `${id} at ${target.join(' ')}: ${failureSummary?.split('\n')[1]?.trim()}`,
    ),
  )
}

/**
 * What a reader of Chinese would find in English: three words or more, outside of what is marked as English or as code, and
 * of what people have typed.
 */
const untranslated = `
  (() => {
    const found = []
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
      const parent = node.parentElement
      const words = node.textContent.trim()
      if (parent.closest('[lang=en], pre, code, script, style, noscript') !== null) continue
      if (parent.checkVisibility() && /[A-Za-z]{2,} [a-z]{2,} [A-Za-z]{2,}/.test(words)) found.push(words)
    }
    return found
  })()`

/** Once the layout has come to rest: it answers to a new size by and by. */
async function widerThanScreen(page: Page): Promise<number> {
  let wider = 0
  for (let tries = 0; tries < 30; tries++) {
    wider = Number(await page.evaluate('document.documentElement.scrollWidth - innerWidth'))
    if (wider <= 0) break
    await page.waitForTimeout(50)
  }
  return wider
}

test('the walk knows an address for every screen', withBrowser, () => {
  const table = readFileSync(join(import.meta.dirname, '../../console/src/app/screens.ts'), 'utf8')
  const paths = [...table.matchAll(/path: '([^']+)'/g)].map(([, path]) => path)
  assert.ok(paths.length > 15)
  assert.deepEqual(Object.keys(addressesOf(lived)).sort(), paths.sort())
})

/** What somebody would complain of, of the screen as it stands. */
async function complaintsOf(page: Page, locale: Locale): Promise<readonly string[]> {
  const complaints = [...(await complaintsOfAxe(page))]
  if (locale === 'zh-CN') {
    const found: readonly string[] = await page.evaluate(untranslated)
    // What people have typed is in their language; a command is a command.
    const ours = found.filter((words) => !lived.words.has(words) && !/keyward [a-z ]+/.test(words))
    complaints.push(...ours.map((words) => `in English: ${words}`))
  } else {
    await page.emulateMedia({ colorScheme: 'dark' })
    const dark = await complaintsOfAxe(page, ['color-contrast'])
    complaints.push(...dark.map((words) => `dark: ${words}`))
    await page.emulateMedia({ colorScheme: 'light' })
  }
  await page.setViewportSize(phone)
  const wider = await widerThanScreen(page)
  if (wider > 0) complaints.push(`${wider} pixels wider than a phone`)
  await page.setViewportSize(desk)
  return complaints
}

type Locale = 'en-US' | 'zh-CN'

async function walk(locale: Locale): Promise<void> {
  const browser = await openBrowser({ locale, viewport: desk })
  try {
    const page = await arrive(browser)
    const complaints = (await complaintsOf(page, locale)).map((words) => `at the door: ${words}`)
    await signIn(page, lived.service.token)
    await page.reload()
    for (const address of Object.values(addressesOf(lived)).flat()) {
      await go(page, address)
      complaints.push(...(await complaintsOf(page, locale)).map((words) => `${address}: ${words}`))
    }
    assert.deepEqual(complaints, [])
    assert.deepEqual(browser.complaints, [])
  } finally {
    await browser.close()
  }
}

test(
  'every screen in English: no refusal by the browser, nothing for axe, light or dark, desk or phone',
  withBrowser,
  () => walk('en-US'),
)
test('every screen in Chinese: the same, and not a sentence is left in English', withBrowser, () => walk('zh-CN'))

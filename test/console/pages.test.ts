import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startTestService } from '../service.ts'
import { openBrowser, withBrowser } from './browser.ts'

test('who comes with a token sees the console, and the browser has nothing to complain of', withBrowser, async () => {
  const service = await startTestService({ devMode: true, host: 'localhost' })
  const browser = await openBrowser()
  try {
    const page = await browser.open(`http://localhost:${service.running.servers[0]?.port}/ui/`)
    await page.getByLabel('Token', { exact: true }).fill(service.token)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Overview' }).waitFor()
    await page.reload()
    await page.getByRole('heading', { name: 'Overview' }).waitFor()
    assert.deepEqual(browser.complaints, [])
    await page.evaluate("document.body.insertAdjacentHTML('beforeend', '<b>evil</b>')").catch(() => {})
    await page.waitForTimeout(200)
    assert.match(browser.complaints.join(), /TrustedHTML/, 'text is never made into a page')
  } finally {
    await browser.close()
    await service.stop()
  }
})

// Pictures of every screen of the console, in both languages, into docs/console/: from a service that has been lived in.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import type { Page } from 'playwright-core'
import { openBrowser } from '../test/console/browser.ts'
import { addressesOf, type Inhabited, inhabitedService } from '../test/console/inhabited.ts'
import { signIn } from '../test/console/signed-in.ts'

/** WebP at this quality shows text without a blur at a third of a PNG. */
const quality = 72
const folder = process.argv[2] ?? join(import.meta.dirname, '..', 'docs', 'console')
const desk = { width: 1280, height: 900 }
const phone = { width: 390, height: 844 }

for (const [language, locale] of [
  ['en', 'en-US'],
  ['zh', 'zh-CN'],
] as const) {
  const target = join(folder, language)
  rmSync(target, { recursive: true, force: true })
  mkdirSync(target, { recursive: true })
  const lived = await inhabitedService(language)
  const browser = await openBrowser({ locale, viewport: desk })
  try {
    const page = await browser.open(`${lived.origin}/ui/`)
    await page.emulateMedia({ reducedMotion: 'reduce' })
    await picture(page, join(target, 'sign-in'))
    await signIn(page, lived.service.token)
    for (const [name, address] of named(lived)) {
      await page.goto(`${lived.origin}/ui${address}`)
      await picture(page, join(target, name))
    }
    await page.goto(`${lived.origin}/ui/overview`)
    await page.emulateMedia({ colorScheme: 'dark' })
    await picture(page, join(target, 'overview-dark'))
    await page.emulateMedia({ colorScheme: 'light' })
    await page.setViewportSize(phone)
    await page.reload()
    await picture(page, join(target, 'overview-phone'))
  } finally {
    await browser.close()
    await lived.service.stop()
  }
}

/** `/keys/$keyId` is `keys-key-id`, and the second picture of it `keys-key-id-2`. */
function named(lived: Inhabited): readonly (readonly [name: string, address: string])[] {
  return Object.entries(addressesOf(lived)).flatMap(([path, addresses]) => {
    const name = path
      .slice(1)
      .replaceAll('/', '-')
      .replaceAll(/\$|[A-Z]/g, (letter) => (letter === '$' ? '' : `-${letter.toLowerCase()}`))
    return addresses.map((address, at) => [at === 0 ? name : `${name}-${at + 1}`, address] as const)
  })
}

async function picture(page: Page, path: string): Promise<void> {
  await page.locator('h1').first().waitFor()
  await page.waitForLoadState('networkidle')
  await page.waitForTimeout(600)
  const network = await page.context().newCDPSession(page)
  const height = Number(await page.evaluate('document.documentElement.scrollHeight'))
  const { width } = page.viewportSize() ?? desk
  await page.setViewportSize({ width, height: Math.max(height, page.viewportSize()?.height ?? 0) })
  await page.waitForTimeout(200)
  const { data } = await network.send('Page.captureScreenshot', { format: 'webp', quality })
  writeFileSync(`${path}.webp`, Buffer.from(data, 'base64'))
  await network.detach()
  await page.setViewportSize(width === phone.width ? phone : desk)
}

/** A browser in which somebody has signed in to a service, and has just shown that it is them. */
import type { Page } from 'playwright-core'
import { startTestService, type TestService, type TestServiceOptions, testClock } from '../service.ts'
import { openBrowser, type TestBrowser, type TestBrowserOptions } from './browser.ts'

export type SignedIn = {
  readonly service: TestService
  readonly browser: TestBrowser
  readonly page: Page
  /** Opens a screen, `/keys`. */
  go(path: string): Promise<void>
  /** The notice with these words has come. */
  told(words: string | RegExp): Promise<void>
  close(): Promise<void>
}

/** The time is that of the machine, as in the browser, unless the test moves the clock. */
export async function signedIn(
  options: TestBrowserOptions & { readonly token?: string; readonly service?: TestServiceOptions } = {},
): Promise<SignedIn> {
  const service = await startTestService({
    clock: testClock(Date.now()),
    ...options.service,
    devMode: true,
    host: 'localhost',
  })
  const browser = await openBrowser(options)
  const console = `http://localhost:${service.running.servers[0]?.port}/ui`
  const page = await browser.open(`${console}/`)
  await signIn(page, options.token ?? service.token)
  return {
    service,
    browser,
    page,
    go: async (path) => {
      await page.goto(console + path)
    },
    told: async (words) => {
      await page.getByRole('status').or(page.getByRole('alert')).filter({ hasText: words }).first().waitFor()
    },
    async close() {
      await browser.close()
      await service.stop()
    },
  }
}

/** By the token, without the screens for it: those have tests of their own. */
export async function signIn(page: Page, token: string): Promise<void> {
  await page.evaluate(
    async ([given]) => {
      for (const path of ['/ui/api/token', '/ui/api/step-up/verify']) {
        const { status } = await fetch(path, {
          method: 'POST',
          headers: { 'Content-Type': 'application/json', 'x-keyward-csrf': '1' },
          body: JSON.stringify({ token: given }),
        })
        if (status !== 200) throw new Error(`${path}: ${status}`)
      }
    },
    [token],
  )
}

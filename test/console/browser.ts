/** Debian's Chromium, as tests drive it: without a screen, with a profile of its own, and without a word to anybody else. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, chromium, type Page } from 'playwright-core'

const program = '/usr/bin/chromium'
const reason = existsSync(program) ? undefined : `${program} is missing; Debian's package is chromium`
if (reason !== undefined && process.env.KEYWARD_TEST_STRICT === '1') throw new Error(reason)

/** For `test(name, withBrowser, ...)`: skipped aloud where there is no browser. */
export const withBrowser = reason === undefined ? {} : { skip: reason }

export type TestBrowser = {
  readonly context: BrowserContext
  /** A new page. What it complains of, or what the content security policy refuses it, is among the complaints. */
  open(url: string): Promise<Page>
  /** Errors of scripts, refusals by the content security policy and Trusted Types, requests to other hosts; of all pages. */
  readonly complaints: readonly string[]
  close(): Promise<void>
}

export type TestBrowserOptions = {
  /** `zh-CN`: what the browser asks for, before anybody has chosen a language. */
  readonly locale?: string
  readonly viewport?: { readonly width: number; readonly height: number }
  readonly colorScheme?: 'light' | 'dark'
}

export async function openBrowser(options: TestBrowserOptions = {}): Promise<TestBrowser> {
  const profile = mkdtempSync(join(tmpdir(), 'keyward-chromium-'))
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: program,
    headless: true,
    locale: options.locale ?? 'en-US',
    viewport: options.viewport ?? { width: 1280, height: 900 },
    colorScheme: options.colorScheme ?? 'light',
    // A test sees what a page comes to, not how it fades in.
    reducedMotion: 'reduce',
    ignoreHTTPSErrors: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
  const complaints: string[] = []
  context.on('weberror', (error) => complaints.push(`error: ${error.error().message}`))
  context.on('console', (message) => {
    if (message.type() !== 'error' && message.type() !== 'warning') return
    // An answer that is no success is no complaint of the page: what it makes of it is what tests look at.
    if (/^Failed to load resource: the server responded with a status of/.test(message.text())) return
    complaints.push(`${message.type()}: ${message.text()}`)
  })
  context.on('request', (request) => {
    const { protocol, hostname } = new URL(request.url())
    if (/^https?:$/.test(protocol) && hostname !== 'localhost') complaints.push(`request to ${request.url()}`)
  })
  return {
    context,
    complaints,
    async open(url) {
      const page = await context.newPage()
      await page.goto(url)
      return page
    },
    async close() {
      await context.close()
      rmSync(profile, { recursive: true, force: true })
    },
  }
}

export type TestAuthenticator = {
  /** Without it the person is not verified: nothing is signed. */
  setConsent(consents: boolean): Promise<void>
  remove(): Promise<void>
}

/** An authenticator with resident keys and a person who consents at once; CDP domain WebAuthn. */
export async function addAuthenticator(page: Page): Promise<TestAuthenticator> {
  const session = await page.context().newCDPSession(page)
  await session.send('WebAuthn.enable')
  const { authenticatorId } = await session.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  })
  return {
    setConsent: async (isUserVerified) => {
      await session.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified })
    },
    remove: async () => {
      await session.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId })
      await session.detach()
    },
  }
}

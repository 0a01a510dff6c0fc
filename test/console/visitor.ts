/** A browser without a screen: keeps cookies, and sends what the pages of the console send. */
import type { Json, TestService } from '../service.ts'

export type VisitorAnswer = { readonly status: number; readonly body: Json; readonly headers: Headers }

export type Visitor = {
  readonly cookies: Map<string, string>
  /** The path under /ui. Headers given as undefined are left out. */
  ask(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string | undefined>,
  ): Promise<VisitorAnswer>
}

export function visitorOf(service: Pick<TestService, 'running'>): Visitor {
  const origin = `http://localhost:${service.running.servers[0]?.port}`
  const cookies = new Map<string, string>()
  return {
    cookies,
    async ask(method, path, body, headers = {}) {
      const wanted: Record<string, string | undefined> = {
        'sec-fetch-site': 'same-origin',
        'content-type': 'application/json',
        'x-keyward-csrf': '1',
        cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; '),
        ...headers,
      }
      const response = await fetch(`${origin}/ui${path}`, {
        method,
        redirect: 'manual',
        headers: Object.fromEntries(
          Object.entries(wanted).filter((entry): entry is [string, string] => entry[1] !== undefined),
        ),
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      })
      for (const line of response.headers.getSetCookie()) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
        if (/max-age=0/i.test(line)) cookies.delete(name)
        else cookies.set(name, value)
      }
      const text = await response.text()
      const isJson = /json/.test(response.headers.get('content-type') ?? '')
      return { status: response.status, body: isJson ? JSON.parse(text) : { text }, headers: response.headers }
    },
  }
}

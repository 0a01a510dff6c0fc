/** What those who run the service ask: is it alive, is it ready, how is it doing; and the documentation of the API. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { Face, HttpAnswer, HttpRequest } from './http.ts'

export type Check = {
  readonly name: string
  /** A sentence where it fails; undefined where all is well. */
  readonly failing: () => Promise<string | undefined> | string | undefined
}

export type OperationsFaceOptions = {
  readonly checks: readonly Check[]
  readonly metrics: () => Promise<string>
  /** Others than this machine may read the metrics too. */
  readonly metricsForAll: boolean
  readonly openApi: () => object
  /** What people see who come without a path. */
  readonly home: '/ui/' | '/docs/'
  /** Facts for the body of /readyz. */
  readonly facts: () => Readonly<Record<string, unknown>>
}

const json = { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' }

/** No script but ours, no frame, no other host. Swagger UI writes styles by itself. */
const documentationPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

export function operationsFace(options: OperationsFaceOptions): Face {
  const documentation = documentationFiles()
  let openApi: string | undefined

  async function answer(request: HttpRequest): Promise<HttpAnswer> {
    if (request.method !== 'GET' && request.method !== 'HEAD') return plain(405, 'Use GET.')
    switch (request.path) {
      case '/':
        return { status: 302, headers: { Location: options.home }, body: '' }
      case '/livez':
      case '/startupz':
        return { status: 200, headers: json, body: '{"status":"ok"}' }
      case '/readyz':
        return ready()
      case '/metrics':
        if (!options.metricsForAll && !isLoopback(request.sourceAddress))
          return plain(403, 'Metrics are for this machine only.')
        return { status: 200, headers: { 'Content-Type': 'text/plain; version=0.0.4' }, body: await options.metrics() }
      case '/v1/openapi.json':
        openApi ??= JSON.stringify(options.openApi())
        return { status: 200, headers: { 'Content-Type': 'application/json' }, body: openApi }
      case '/docs':
        return { status: 301, headers: { Location: '/docs/' }, body: '' }
    }
    const file = documentation.get(request.path)
    if (file === undefined) return plain(404, 'Nothing here. The API is under /v1/, its documentation under /docs/.')
    return {
      status: 200,
      headers: {
        'Content-Type': file.type,
        'Content-Security-Policy': documentationPolicy,
        'X-Content-Type-Options': 'nosniff',
        'Referrer-Policy': 'no-referrer',
      },
      body: file.read(),
    }
  }

  async function ready(): Promise<HttpAnswer> {
    const failing: Record<string, string> = {}
    for (const check of options.checks) {
      const reason = await check.failing()
      if (reason !== undefined) failing[check.name] = reason
    }
    const healthy = Object.keys(failing).length === 0
    return {
      status: healthy ? 200 : 503,
      headers: json,
      body: JSON.stringify({ status: healthy ? 'ready' : 'not ready', failing, ...options.facts() }),
    }
  }

  return {
    name: 'operations',
    takes: ({ path }) => path === '/v1/openapi.json' || !path.startsWith('/v1/'),
    answer,
    refuse: () => plain(400, 'Bad request.'),
  }
}

function plain(status: number, text: string): HttpAnswer {
  return { status, headers: { 'Content-Type': 'text/plain; charset=utf-8' }, body: `${text}\n` }
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.')
}

type File = { readonly type: string; readonly read: () => string | Uint8Array }

/** Swagger UI, from its package; nothing is fetched from elsewhere. */
function documentationFiles(): ReadonlyMap<string, File> {
  const folder = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'))
  const packaged = (name: string, type: string): [string, File] => {
    let content: Uint8Array | undefined
    const read = () => {
      content ??= readFileSync(join(folder, name))
      return content
    }
    return [`/docs/${name}`, { type, read }]
  }
  const own = (path: string, type: string, text: string): [string, File] => [path, { type, read: () => text }]
  return new Map([
    packaged('swagger-ui.css', 'text/css'),
    packaged('swagger-ui-bundle.js', 'text/javascript'),
    packaged('favicon-32x32.png', 'image/png'),
    own(
      '/docs/start.js',
      'text/javascript',
      "SwaggerUIBundle({ url: '/v1/openapi.json', dom_id: '#api', deepLinking: true, validatorUrl: null })\n",
    ),
    own(
      '/docs/',
      'text/html; charset=utf-8',
      '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Keyward API</title><link rel="icon" href="favicon-32x32.png"><link rel="stylesheet" href="swagger-ui.css"></head><body><div id="api"></div><script src="swagger-ui-bundle.js"></script><script src="start.js"></script></body></html>',
    ),
  ])
}

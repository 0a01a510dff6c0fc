import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { HttpRequest } from '../http.ts'
import { consolePages } from './pages.ts'

const folder = mkdtempSync(join(tmpdir(), 'keyward-pages-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const request = (path: string, encodings?: string, method = 'GET'): HttpRequest => ({
  method,
  path,
  query: '',
  headers: encodings === undefined ? {} : { 'accept-encoding': encodings },
  body: new Uint8Array(),
  sourceAddress: '127.0.0.1',
  secure: false,
  requestId: 'r',
})

test('files are served as they were built; every other path is the one page there is', () => {
  const pages = consolePages(folder)
  const missing = pages(request('/ui/'))
  assert.equal(missing.status, 503)
  assert.match(String(missing.body), /npm run console:build/)

  mkdirSync(join(folder, 'assets'))
  writeFileSync(join(folder, 'index.html'), 'the page')
  writeFileSync(join(folder, 'assets', 'app-1a2b.js'), 'script')
  writeFileSync(join(folder, 'assets', 'app-1a2b.js.br'), 'script in brotli')
  writeFileSync(join(folder, 'assets', 'app-1a2b.js.gz'), 'script in gzip')

  const text = (path: string, encodings?: string) => {
    const { status, headers, body } = pages(request(path, encodings))
    return [status, Buffer.from(body).toString(), headers['Content-Encoding'], headers['Cache-Control']]
  }
  const immutable = 'public, max-age=31536000, immutable'
  assert.deepEqual(text('/ui/assets/app-1a2b.js'), [200, 'script', undefined, immutable])
  assert.deepEqual(text('/ui/assets/app-1a2b.js', 'gzip, br'), [200, 'script in brotli', 'br', immutable])
  assert.deepEqual(text('/ui/assets/app-1a2b.js', 'br;q=0, gzip'), [200, 'script in gzip', 'gzip', immutable])
  for (const path of ['/ui', '/ui/', '/ui/keys/alias%2Fx', '/ui/index.html', '/ui/../package.json'])
    assert.deepEqual(text(path), [200, 'the page', undefined, 'no-store'], path)
  for (const path of ['/ui/assets/none.js', '/ui/assets/../../secret', '/ui/assets/app-1a2b.js.br'])
    assert.equal(pages(request(path)).status, 404, path)
  assert.equal(pages(request('/ui/', undefined, 'POST')).status, 405)

  // A new build is served without a new start.
  writeFileSync(join(folder, 'index.html'), 'the new page')
  utimesSync(join(folder, 'index.html'), 2_000_000_000, 2_000_000_000)
  assert.equal(text('/ui/')[1], 'the new page')
})

test('what lies outside of the folder is not served, even where a link leads to it', () => {
  const outside = mkdtempSync(join(tmpdir(), 'keyward-outside-'))
  try {
    writeFileSync(join(outside, 'secret'), 'secret')
    symlinkSync(join(outside, 'secret'), join(folder, 'assets', 'link'))
    assert.equal(consolePages(folder)(request('/ui/assets/link')).status, 404)
  } finally {
    rmSync(outside, { recursive: true, force: true })
  }
})

/** The files of the console, as `npm run console:build` made them. What is not among them is not read. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { extname, join } from 'node:path'
import { type HttpAnswer, type HttpRequest, header } from '../http.ts'

const types: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.woff2': 'font/woff2',
}

/** The best first. */
const encodings = [
  ['br', '.br'],
  ['gzip', '.gz'],
] as const

type Files = ReadonlyMap<string, Uint8Array>

/** `/ui/assets/...` and what else lies in the folder; for every other path the one page that there is. */
export function consolePages(folder: string): (request: HttpRequest) => HttpAnswer {
  let files: Files = new Map()
  let builtAt = 0

  /** A new build is served without a new start. */
  function current(): Files {
    const changedAt = statSync(join(folder, 'index.html'), { throwIfNoEntry: false })?.mtimeMs ?? 0
    if (changedAt !== builtAt) files = changedAt === 0 ? new Map() : read(folder)
    builtAt = changedAt
    return files
  }

  return (request) => {
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return { status: 405, headers: { Allow: 'GET, HEAD', 'Content-Type': 'text/plain' }, body: 'Use GET.\n' }
    const path = request.path.slice('/ui/'.length)
    const known = files.has(path) && path !== 'index.html' ? files : current()
    if (known.has(path) && path !== 'index.html' && !/\.(?:br|gz)$/.test(path)) return fileAnswer(known, path, request)
    if (path.startsWith('assets/'))
      return { status: 404, headers: { 'Content-Type': 'text/plain' }, body: 'There is no such file.\n' }
    return known.has('index.html') ? fileAnswer(known, 'index.html', request) : notBuilt
  }
}

/** All there is, a few megabytes, kept in memory. */
function read(folder: string): Files {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return new Map(
    entries.map((entry) => {
      const path = join(entry.parentPath, entry.name)
      return [path.slice(folder.length + 1).replaceAll('\\', '/'), readFileSync(path)]
    }),
  )
}

function fileAnswer(files: Files, path: string, request: HttpRequest): HttpAnswer {
  const accepted = acceptedEncodings(header(request, 'accept-encoding') ?? '')
  const [encoding, suffix] = encodings.find(([name, end]) => accepted.has(name) && files.has(path + end)) ?? []
  return {
    status: 200,
    headers: {
      'Content-Type': types[extname(path)] ?? 'application/octet-stream',
      // Files in assets/ have the hash of their content in their names.
      'Cache-Control': path.startsWith('assets/') ? 'public, max-age=31536000, immutable' : 'no-store',
      Vary: 'Accept-Encoding',
      ...(encoding === undefined ? {} : { 'Content-Encoding': encoding }),
    },
    body: files.get(path + (suffix ?? '')) ?? '',
  }
}

function acceptedEncodings(text: string): ReadonlySet<string> {
  return new Set(
    text
      .toLowerCase()
      .split(',')
      .map((part) => part.trim().split(/\s*;\s*/))
      .filter(([, quality]) => !/^q=0(?:\.0*)?$/.test(quality ?? ''))
      .map(([name]) => name ?? ''),
  )
}

const notBuilt: HttpAnswer = {
  status: 503,
  headers: { 'Content-Type': 'text/html; charset=utf-8' },
  body: '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Keyward</title></head><body><h1>The console is not built</h1><p>Run <code>npm run console:build</code> where Keyward lies, then load this page again. The API is served all the same.</p></body></html>',
}

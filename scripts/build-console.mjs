// Builds the console into console/dist, where its sources, the operations or the lockfile are newer than what is there.
import { createHash } from 'node:crypto'
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'

const root = join(import.meta.dirname, '..')
const dist = join(root, 'console', 'dist')
const stamp = join(dist, '.built-from')

const wanted = hashOfSources()
if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted) {
  process.stderr.write('Building the console ...\n')
  await build()
  writeFileSync(stamp, wanted)
}

function hashOfSources() {
  const hash = createHash('sha256')
  // The tables of facts that the console shares with the server are part of its bundle (test/architecture.test.ts).
  const sources = [
    'console/index.html',
    'console/src/**/*',
    'src/domain/specs.ts',
    'src/protocols/aws/words.ts',
    'scripts/build-console.mjs',
  ]
  for (const file of [...globSync(sources, { cwd: root }).sort(), 'package-lock.json'])
    if (/\.\w+$/.test(file))
      hash
        .update(`${file}\0`)
        .update(readFileSync(join(root, file)))
        .update('\0')
  return hash.digest('hex')
}

async function build() {
  const [{ build: bundle }, { default: react }] = await Promise.all([import('vite'), import('@vitejs/plugin-react')])
  await bundle({
    configFile: false,
    root: join(root, 'console'),
    base: '/ui/',
    logLevel: 'warn',
    plugins: [react(), fontsAsFiles()],
    build: {
      target: 'es2023',
      outDir: dist,
      emptyOutDir: true,
      // The content security policy takes no data: address.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      chunkSizeWarningLimit: 2048,
      reportCompressedSize: false,
    },
  })
  const texts = globSync('**/*.{js,css,html,svg}', { cwd: dist })
  await Promise.all(texts.map((file) => compress(join(dist, file))))
}

/** Cloudscape's styles carry Open Sans as data: addresses: each becomes a file of its own, loaded only where it is used. */
function fontsAsFiles() {
  return {
    name: 'fonts-as-files',
    enforce: 'pre',
    transform(code, id) {
      if (!id.endsWith('.css') || !code.includes('data:')) return undefined
      return code.replaceAll(
        /url\(["']?data:[\w/+-]*font[\w/+-]*;(?:[\w=-]+;)*base64,([^)"']+)["']?\)/g,
        (_, base64) => {
          const file = this.emitFile({ type: 'asset', name: 'open-sans.woff2', source: Buffer.from(base64, 'base64') })
          return `url(__VITE_ASSET__${file}__)`
        },
      )
    },
  }
}

async function compress(file) {
  const bytes = await readFile(file)
  const [small, smaller] = await Promise.all([
    promisify(gzip)(bytes, { level: 9 }),
    promisify(brotliCompress)(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }),
  ])
  await Promise.all([writeFile(`${file}.gz`, small), writeFile(`${file}.br`, smaller)])
}

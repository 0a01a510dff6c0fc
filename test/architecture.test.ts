import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '..')

/** Which folders and files a part may import, besides itself. Longest prefix first. `node:*` means any of Node's own. */
const walls: readonly {
  readonly part: string
  readonly may: readonly string[]
  /** Of these only types. */
  readonly typesOf?: readonly string[]
}[] = [
  { part: 'src/domain/', may: [] },
  { part: 'src/operations/', may: ['src/domain/', 'zod', 'node:crypto'] },
  { part: 'src/invoke.ts', may: ['src/operations/', 'src/domain/', 'src/permissions.ts', 'zod'] },
  { part: 'src/permissions.ts', may: ['src/domain/'] },
  { part: 'src/chores.ts', may: ['src/operations/', 'src/domain/', 'zod'] },
  {
    part: 'src/protocols/console/',
    may: [
      'src/protocols/',
      'src/invoke.ts',
      'src/operations/',
      'src/domain/',
      'zod',
      'node:crypto',
      'node:fs',
      'node:path',
      '@simplewebauthn/server',
      'openid-client',
    ],
  },
  {
    part: 'src/protocols/',
    may: [
      'src/invoke.ts',
      'src/operations/',
      'src/domain/',
      'zod',
      'node:http',
      'node:https',
      'node:net',
      'node:crypto',
      'node:fs',
      'node:module',
      'node:path',
      'node:buffer',
    ],
  },
  { part: 'src/devices/', may: ['src/domain/', 'node:*', 'pkcs11js', '@noble/curves'] },
  { part: 'src/stores/', may: ['src/domain/', 'node:*', 'lru-cache', 'postgres'] },
  { part: 'src/usage/', may: ['src/domain/', 'node:sqlite', 'node:fs'] },
  {
    part: 'src/processes/',
    may: [
      'src/domain/',
      'src/operations/',
      'src/protocols/alibaba/nonces.ts',
      'node:child_process',
      'node:cluster',
      'node:process',
    ],
    typesOf: ['src/stores/', 'src/telemetry/'],
  },
  { part: 'src/webhooks/', may: ['src/domain/', 'node:*'] },
  {
    part: 'src/audit/',
    may: [
      'src/domain/',
      'node:crypto',
      'node:fs',
      'node:path',
      'node:fs/promises',
      'node:buffer',
      'node:os',
      'node:sqlite',
      'aws4fetch',
    ],
  },
  { part: 'src/telemetry/', may: ['pino'] },
  // Types of operations, and of what they speak of, go with `import type`, which the build leaves no trace of. The domain is pure, and its facts are values,
  // as are what AWS calls the key specs.
  {
    part: 'console/',
    may: [
      'src/domain/',
      'src/protocols/aws/words.ts',
      '@cloudscape-design/components',
      '@cloudscape-design/global-styles',
      '@tanstack/react-query',
      '@tanstack/react-router',
      'react',
      'react-dom',
      '@codemirror/autocomplete',
      '@codemirror/commands',
      '@codemirror/lang-json',
      '@codemirror/language',
      '@codemirror/lint',
      '@codemirror/state',
      '@codemirror/view',
      '@lezer/common',
      '@lezer/highlight',
      'diff',
    ],
    typesOf: ['src/operations/', 'src/domain/'],
  },
  { part: 'src/cli/', may: ['src/operations/', 'src/domain/', 'src/audit/', 'zod', 'commander', 'yaml', 'node:*'] },
]

type Import = { readonly from: string; readonly to: string; readonly typeOnly: boolean }

function importsOf(file: string): readonly Import[] {
  const text = readFileSync(join(root, file), 'utf8')
  const found: Import[] = []
  for (const [, keyword, specifier = ''] of text.matchAll(
    /^(?:import|export)\s+(type\s)?[^'"]*?from\s+'([^']+)'|^import\s+'([^']+)'/gm,
  )) {
    if (specifier === '') continue
    const to = specifier.startsWith('.') ? normalize(join(dirname(file), specifier)) : specifier
    found.push({ from: file, to, typeOnly: keyword !== undefined })
  }
  return found
}

const consoleSources = globSync('console/src/**/*.{ts,tsx}', { cwd: root }).filter((file) => !file.includes('.test.'))
const sources = globSync('src/**/*.ts', { cwd: root })
  .filter((file) => !file.endsWith('.test.ts'))
  .sort()

test('every part imports only what the walls let it', () => {
  const broken: string[] = []
  for (const file of [...sources, ...consoleSources]) {
    const wall = walls.find(({ part }) => file.startsWith(part))
    if (wall === undefined) continue
    for (const { to, typeOnly } of importsOf(file)) {
      const inside = wall.part.endsWith('/') && to.startsWith(wall.part)
      const allowed = wall.may.some(
        (may) =>
          to === may ||
          (may.endsWith('/') && to.startsWith(may)) ||
          (may === 'node:*' && to.startsWith('node:')) ||
          (!may.includes(':') && !may.endsWith('/') && to.startsWith(`${may}/`)),
      )
      const typed = typeOnly && (wall.typesOf?.some((folder) => to.startsWith(folder)) ?? false)
      if (!inside && !allowed && !typed) broken.push(`${file} imports ${to}`)
    }
  }
  assert.deepEqual(broken, [])
})

test('only main.ts and serve.ts know the world', () => {
  const knowing = sources.filter((file) => importsOf(file).some(({ to }) => to === 'src/world.ts'))
  assert.deepEqual(
    knowing.filter(
      (file) =>
        ![
          'src/main.ts',
          'src/serve.ts',
          'src/server-runs.ts',
          'src/serve-process.ts',
          'src/audit-commands.ts',
          'src/root-rotation.ts',
          'src/dev-clock.ts',
        ].includes(file),
    ),
    [],
  )
})

test('only machine.ts asks for the time or for chance, and only config.ts reads the environment', () => {
  const asking =
    /\bDate\.now\(|\bnew Date\(\)|\bTemporal\.Now\b|\bMath\.random\(|\brandomBytes\(|\brandomFillSync\(|\brandomUUID\(|\bperformance\.now\(/
  const broken = sources.flatMap((file) => {
    const text = readFileSync(join(root, file), 'utf8')
      .replace(/^import .*$/gm, '')
      .replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
    const offences: string[] = []
    const drawn = text.replace(/\b(?:world|random|options|needs)\.?\w*\.randomBytes\(/g, '')
    if (file !== 'src/machine.ts' && asking.test(drawn) && !/randomBytes: \(count: number\)/.test(text))
      offences.push(`${file} asks the machine`)
    if (file !== 'src/config.ts' && /\bprocess\.env\b/.test(text)) offences.push(`${file} reads the environment`)
    return offences
  })
  assert.deepEqual(broken, [])
})

test('no file exports by default, and none has an enum', () => {
  const broken = sources.filter((file) =>
    /^export default\b|^(?:export )?(?:const )?enum\b/m.test(readFileSync(join(root, file), 'utf8')),
  )
  assert.deepEqual(broken, [])
})

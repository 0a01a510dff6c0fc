import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { loadConfig, settings } from '../src/config.ts'
import { startTestService, type TestService } from './service.ts'

const root = join(import.meta.dirname, '..')
const run = promisify(execFile)
let service: TestService
let folder: string
before(async () => {
  service = await startTestService()
  folder = mkdtempSync(join(tmpdir(), 'keyward-examples-'))
})
after(async () => {
  await service.stop()
  rmSync(folder, { recursive: true })
})

test('the import with plain openssl and curl runs as docs/import.md has it', async () => {
  const script = /```sh\n([\s\S]*?)```/.exec(readFileSync(join(root, 'docs', 'import.md'), 'utf8'))?.[1]
  assert.ok(script)
  const { stdout } = await run('sh', ['-eu', '-c', script], {
    cwd: folder,
    env: { ...process.env, KEYWARD_ADDR: service.url, KEYWARD_TOKEN: service.token },
  })
  assert.match(stdout, /"status":"Imported"/)
  assert.match(stdout, /"ciphertextBlob":"S00B/)
})

const cli = (args: readonly string[], env: Record<string, string> = {}) =>
  run(join(root, 'bin', 'keyward'), args as string[], {
    cwd: folder,
    env: {
      PATH: process.env.PATH ?? '',
      HOME: folder,
      KEYWARD_ADDR: service.url,
      KEYWARD_TOKEN: service.token,
      ...env,
    },
  }).then(
    ({ stdout, stderr }) => ({ stdout, stderr, code: 0 }),
    (error: { stdout: string; stderr: string; code: number }) => error,
  )

test('the CLI takes a certificate and its key through encrypt, decrypt, and the envelope for larger files', async () => {
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'rsa:4096',
      '-nodes',
      '-days',
      '1',
      '-subj',
      '/CN=keyward.test',
      '-keyout',
      'key.pem',
      '-out',
      'cert.pem',
    ],
    { cwd: folder, stdio: 'ignore' },
  )
  const created = await cli(['key', 'create', '--description', 'from the CLI', '--tags', 'team=x', '-o', 'json'])
  const keyId = JSON.parse(created.stdout).key.keyId
  assert.deepEqual(JSON.parse(created.stdout).key.tags, { team: 'x' })
  assert.equal((await cli(['alias', 'create', '--alias-name', 'alias/cli', '--key-id', keyId])).code, 0)
  const certificate = readFileSync(join(folder, 'cert.pem'))
  assert.equal(
    (await cli(['encrypt', 'alias/cli', '--in', 'cert.pem', '--out', 'cert.kw', '--context', 'host=a'])).code,
    0,
  )
  const opened = await cli(['decrypt', '--in', 'cert.kw', '--context', 'host=a'])
  assert.equal(opened.stdout, certificate.toString())
  const wrong = await cli(['decrypt', '--in', 'cert.kw'])
  assert.equal(wrong.code, 7)
  assert.match(wrong.stderr, /InvalidCiphertext/)

  const whole = Buffer.concat([certificate, readFileSync(join(folder, 'key.pem')), Buffer.alloc(2_500_000, 7)])
  writeFileSync(join(folder, 'whole.pem'), whole)
  const tooLarge = await cli(['encrypt', 'alias/cli', '--in', 'whole.pem'])
  assert.equal(tooLarge.code, 2)
  assert.match(tooLarge.stderr, /keyward file encrypt/)
  assert.equal((await cli(['file', 'encrypt', 'whole.pem', '--key', 'alias/cli', '--context', 'host=a'])).code, 0)
  assert.equal((await cli(['file', 'decrypt', 'whole.pem.kw', '--out', 'back.pem'])).code, 0)
  assert.deepEqual(readFileSync(join(folder, 'back.pem')), whole)
  assert.match(
    (await cli(['file', 'inspect', 'whole.pem.kw'], { KEYWARD_ADDR: 'http://127.0.0.1:1' })).stdout,
    new RegExp(keyId),
  )

  const sealed = readFileSync(join(folder, 'whole.pem.kw'))
  for (const [what, bytes] of [
    ['a cut file', sealed.subarray(0, sealed.length - 1_000_000)],
    ['a file cut between two chunks', sealed.subarray(0, sealed.readUInt32BE(4) + 8 + 1_048_592)],
    [
      'a changed byte',
      Buffer.concat([
        sealed.subarray(0, 1_500_000),
        Buffer.from([(sealed[1_500_000] as number) ^ 1]),
        sealed.subarray(1_500_001),
      ]),
    ],
    [
      'a changed header',
      Buffer.concat([sealed.subarray(0, 20), Buffer.from([(sealed[20] as number) ^ 1]), sealed.subarray(21)]),
    ],
  ] as const) {
    writeFileSync(join(folder, 'bad.kw'), bytes)
    const { code } = await cli(['file', 'decrypt', 'bad.kw', '--out', 'bad.out'])
    assert.notEqual(code, 0, what)
    assert.throws(() => readFileSync(join(folder, 'bad.out')), what)
  }
})

test('the CLI ends with the codes that scripts rely on, and says the mend', async () => {
  const created = await cli(['key', 'create', '--field', 'key.keyId'])
  const keyId = created.stdout.trim()
  const cases: [string[], number, RegExp, Record<string, string>?][] = [
    [['key', 'describe', '00000000-0000-4000-8000-000000000000'], 3, /KeyNotFound/],
    [['key', 'list'], 4, /NotAuthenticated/, { KEYWARD_TOKEN: 'kwt_wrong-token' }],
    [['encrypt', keyId], 2, /--text or --in/],
    [['key', 'create', '--key-spec', 'ROT13'], 2, /ROT13/],
    [['nonsense'], 2, /unknown command|help/],
    [['key', 'list'], 8, /cannot be reached/, { KEYWARD_ADDR: 'http://127.0.0.1:1' }],
    [['decrypt', Buffer.alloc(100, 1).toString('base64')], 7, /InvalidCiphertext/],
  ]
  for (const [args, code, words, env] of cases) {
    const answer = await cli(args, env)
    assert.equal(answer.code, code, `${args.join(' ')}: ${answer.stderr}`)
    assert.match(answer.stderr, words)
    assert.equal(answer.stdout, '')
  }
  await cli(['key', 'disable', keyId])
  assert.equal((await cli(['encrypt', keyId, '--text', 'x'])).code, 6)
  const asJson = await cli(['-o', 'json', 'encrypt', keyId, '--text', 'x'])
  assert.equal(JSON.parse(asJson.stderr).error.code, 'KeyDisabled')
  await cli(['access', 'principal', 'create', '--principal-name', 'nobody'])
  const token = (await cli(['access', 'token', 'create', 'nobody', '--field', 'token'])).stdout.trim()
  assert.equal((await cli(['key', 'list'], { KEYWARD_TOKEN: token })).code, 5)
})

test('keyward import does all three steps, and one by one; the wrap needs no server', async () => {
  execFileSync('openssl', ['rand', '-out', 'material.bin', '32'], { cwd: folder })
  const keyId = (await cli(['key', 'create', '--origin', 'EXTERNAL', '--field', 'key.keyId'])).stdout.trim()
  const all = await cli(['import', keyId, '--file', 'material.bin'])
  assert.equal(all.code, 0, all.stderr)
  writeFileSync(join(folder, 'params.json'), (await cli(['-o', 'json', 'import', 'params', keyId])).stdout)
  const wrapped = await cli(
    ['import', 'wrap', '--params', 'params.json', '--material', 'material.bin', '--out', 'wrapped.bin'],
    { KEYWARD_ADDR: 'http://127.0.0.1:1' },
  )
  assert.equal(wrapped.code, 0, wrapped.stderr)
  const token = JSON.parse(readFileSync(join(folder, 'params.json'), 'utf8')).importToken
  const uploaded = await cli([
    'import',
    'upload',
    keyId,
    '--import-token',
    `base64:${token}`,
    '--encrypted-key-material',
    '@wrapped.bin',
  ])
  assert.equal(uploaded.code, 0, uploaded.stderr)
  writeFileSync(join(folder, 'hex.txt'), `${readFileSync(join(folder, 'material.bin')).toString('hex')}\n`)
  const hex = await cli(['import', keyId, '--file', 'hex.txt'])
  assert.equal(hex.code, 2)
  assert.match(hex.stderr, /xxd -r -p/)
})

test('docs/operating/settings.md lists the settings as they are', () => {
  const rows = Object.values(settings).map(({ name, summary, fallback }) => {
    const byDefault = typeof fallback === 'function' ? (fallback as (data: string) => unknown)('DATA') : fallback
    return `| \`${name}\` | \`KEYWARD_${name.toUpperCase()}\` | ${name === 'data' ? '`./data`' : `${byDefault ?? ''}` === '' ? '' : `\`${byDefault}\``} | ${summary} |`
  })
  const page = [
    '# Settings',
    '',
    'From the environment, else from `keyward.yaml` in the working folder (or the file that `KEYWARD_CONFIG` names), else the',
    'default. A setting that does not exist, or cannot be read, refuses the start. `keyward settings` shows what holds.',
    '',
    '| in the file | in the environment | default | |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n')
  const path = join(root, 'docs', 'operating', 'settings.md')
  if (process.argv.includes('--write')) writeFileSync(path, page)
  assert.equal(readFileSync(path, 'utf8'), page, 'run: node test/examples.test.ts --write')
})

test('an unknown or unreadable setting refuses the start, with the nearest name', () => {
  assert.throws(() => loadConfig({ KEYWARD_HTPS_PORT: '1' }), /KEYWARD_HTPS_PORT/)
  assert.throws(() => loadConfig({ KEYWARD_HTTPS_PORT: 'abc' }), /port number/)
  assert.throws(() => loadConfig({ KEYWARD_ACCOUNT: '12' }), /digits/)
  assert.equal(loadConfig({ KEYWARD_HTTPS_PORT: '1234' }).httpsPort, 1234)
})

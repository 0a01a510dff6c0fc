/** Tools written in Go, unchanged: SOPS (AWS SDK for Go 2), and the seal of Vault and OpenBao (AWS SDK for Go 1). */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { type GoProgram, goProgram } from '../go-programs.ts'
import { startTestService, type TestService, testAccount } from '../service.ts'
import { region } from './clients.ts'

const run = promisify(execFile)

const sops: GoProgram = { name: 'sops', published: 'github.com/getsops/sops/v3/cmd/sops', version: 'v3.13.3' }
const seal: GoProgram = { name: 'awskms-seal', folder: join(import.meta.dirname, 'awskms-seal') }

let service: TestService
let folder: string
let environment: NodeJS.ProcessEnv

before(async () => {
  service = await startTestService()
  folder = mkdtempSync(join(tmpdir(), 'keyward-go-clients-'))
  environment = {
    PATH: process.env.PATH,
    HOME: folder,
    AWS_ACCESS_KEY_ID: service.accessKeyId,
    AWS_SECRET_ACCESS_KEY: service.secretAccessKey,
    AWS_REGION: region,
    AWS_ENDPOINT_URL: service.url,
    AWS_EC2_METADATA_DISABLED: 'true',
  }
})
after(async () => {
  rmSync(folder, { recursive: true, force: true })
  await service.stop()
})

async function newKey(): Promise<{ readonly keyId: string; readonly arn: string }> {
  const here = { 'x-keyward-region': region }
  const { keyId } = (await service.api('POST', '/v1/keys', {}, here)).body.key
  return { keyId, arn: `arn:aws:kms:${region}:${testAccount}:key/${keyId}` }
}

test('SOPS encrypts a file under two keys, with a context, and opens it with either', async (context) => {
  const program = await goProgram(sops)
  if ('missing' in program) {
    context.skip(program.missing)
    return
  }
  const call = async (...words: readonly string[]) =>
    (await run(program.path, words, { cwd: folder, env: environment })).stdout
  const [one, other] = [await newKey(), await newKey()]
  const plain = join(folder, 'secrets.yaml')
  writeFileSync(plain, 'database:\n    password: correct horse\n    port: 5432\n')
  const sealed = await call(
    'encrypt',
    '--kms',
    `${one.arn},${other.arn}`,
    '--encryption-context',
    'team:red,stage:test',
    plain,
  )
  assert.equal(sealed.includes('correct horse'), false)
  assert.ok(sealed.includes(one.arn) && sealed.includes(other.arn))
  const file = join(folder, 'sealed.yaml')
  writeFileSync(file, sealed)
  assert.equal(await call('decrypt', file), readFileSync(plain, 'utf8'))
  assert.equal((await call('decrypt', '--extract', '["database"]["password"]', file)).trim(), 'correct horse')

  // One key is enough; without both there is nothing to be had.
  const here = { 'x-keyward-region': region }
  const disable = (keyId: string) => service.api('POST', `/v1/keys/${keyId}/disable`, {}, here)
  await disable(one.keyId)
  assert.equal(await call('decrypt', file), readFileSync(plain, 'utf8'))
  await disable(other.keyId)
  await assert.rejects(call('decrypt', file), /disabled/)
  for (const { keyId } of [one, other]) await service.api('POST', `/v1/keys/${keyId}/enable`, {}, here)

  // A new data key, and another context that was put into the file afterwards.
  await call('rotate', '--in-place', file)
  assert.equal(await call('decrypt', file), readFileSync(plain, 'utf8'))
  writeFileSync(file, readFileSync(file, 'utf8').replaceAll('team: red', 'team: blue'))
  await assert.rejects(call('decrypt', file), /InvalidCiphertext/)
})

test('the awskms seal of Vault, which that of OpenBao was made from, seals and unseals', async (context) => {
  const program = await goProgram(seal)
  if ('missing' in program) {
    context.skip(program.missing)
    return
  }
  const { keyId } = await newKey()
  const { stdout } = await run(program.path, [keyId, service.url, region], { cwd: folder, env: environment })
  assert.equal(stdout.trim(), keyId)
  await service.api('POST', `/v1/keys/${keyId}/disable`, {}, { 'x-keyward-region': region })
  await assert.rejects(
    run(program.path, [keyId, service.url, region], { cwd: folder, env: environment }),
    /is disabled/,
  )
})

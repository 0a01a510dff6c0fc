/** AWS CLI and boto3, as people have them; skipped aloud where they are not, unless nothing may be skipped. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { startTestService, type TestService } from '../service.ts'
import { region } from './clients.ts'

const run = promisify(execFile)
const strict = process.env.KEYWARD_TEST_STRICT === '1'

let service: TestService
let folder: string
let environment: NodeJS.ProcessEnv
/** A Python that has boto3 and the AWS CLI; undefined where there is none. */
let python: string | undefined

before(
  async () => {
    service = await startTestService()
    folder = mkdtempSync(join(tmpdir(), 'keyward-aws-cli-'))
    environment = {
      PATH: process.env.PATH,
      HOME: folder,
      AWS_ACCESS_KEY_ID: service.accessKeyId,
      AWS_SECRET_ACCESS_KEY: service.secretAccessKey,
      AWS_DEFAULT_REGION: region,
      AWS_ENDPOINT_URL: service.url,
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_PAGER: '',
    }
    python = await findPython()
  },
  { timeout: 120_000 },
)
after(async () => {
  rmSync(folder, { recursive: true, force: true })
  await service.stop()
})

/** The machine's own, else one that the registry gives. */
async function findPython(): Promise<string | undefined> {
  try {
    const { stdout } = await run('python3', ['-c', 'import sys, boto3, awscli; print(sys.executable)'])
    return stdout.trim()
  } catch {
    if (!strict) return undefined
  }
  await run('python3', ['-m', 'venv', join(folder, 'venv')])
  const own = join(folder, 'venv', 'bin', 'python')
  await run(own, ['-m', 'pip', 'install', '--quiet', 'boto3==1.43.11', 'awscli==1.45.11'])
  return own
}

function needed(skip: (reason: string) => void): string | undefined {
  if (python === undefined) skip('neither the AWS CLI nor boto3 is installed for python3')
  return python
}

test('AWS CLI: the life of a key, with files and base64 as its users pass them', async (context) => {
  const interpreter = needed((reason) => context.skip(reason))
  if (interpreter === undefined) return
  const aws = async (...words: readonly string[]) => {
    const { stdout } = await run(interpreter, ['-m', 'awscli', ...words, '--output', 'json'], { env: environment })
    return stdout === '' ? {} : JSON.parse(stdout)
  }
  const { KeyMetadata: key } = await aws(
    'kms',
    'create-key',
    '--description',
    'by the CLI',
    '--tags',
    'TagKey=a,TagValue=b',
  )
  await aws('kms', 'create-alias', '--alias-name', 'alias/cli', '--target-key-id', key.KeyId)
  const plain = join(folder, 'plain')
  writeFileSync(plain, 'hello from a file')
  const sealed = await aws(
    'kms',
    'encrypt',
    '--key-id',
    'alias/cli',
    '--plaintext',
    `fileb://${plain}`,
    '--encryption-context',
    'app=x',
  )
  assert.equal(sealed.KeyId, key.Arn)
  const binary = join(folder, 'sealed')
  writeFileSync(binary, Buffer.from(sealed.CiphertextBlob, 'base64'))
  const opened = await aws('kms', 'decrypt', '--ciphertext-blob', `fileb://${binary}`, '--encryption-context', 'app=x')
  assert.equal(Buffer.from(opened.Plaintext, 'base64').toString(), 'hello from a file')
  await assert.rejects(
    aws('kms', 'decrypt', '--ciphertext-blob', sealed.CiphertextBlob, '--encryption-context', 'app=x'),
    /InvalidCiphertextException.*fileb:\/\//s,
    'version 1 encodes a text once more; the error says what to do',
  )
})

test('AWS CLI: wherever base64 arrives twice, the error names the option and fileb://', async (context) => {
  const interpreter = needed((reason) => context.skip(reason))
  if (interpreter === undefined) return
  const aws = async (...words: readonly string[]) => {
    const { stdout } = await run(interpreter, ['-m', 'awscli', 'kms', ...words, '--output', 'json'], {
      env: environment,
    })
    return stdout === '' ? {} : JSON.parse(stdout)
  }
  const { stdout: version } = await run(interpreter, ['-m', 'awscli', '--version'], { env: environment })
  if (!version.startsWith('aws-cli/1.')) {
    context.skip('only version 1 takes blobs for text')
    return
  }
  const make = async (...words: readonly string[]) => (await aws('create-key', ...words)).KeyMetadata.KeyId as string
  const key = await make('--key-spec', 'HMAC_256', '--key-usage', 'GENERATE_VERIFY_MAC')
  const mac = ['--mac-algorithm', 'HMAC_SHA_256', '--key-id', key, '--message', 'hello']
  const { Mac } = await aws('generate-mac', ...mac)
  await assert.rejects(aws('verify-mac', ...mac, '--mac', Mac), /KMSInvalidMacException.*--mac fileb:\/\/FILE/s)
  const pair = await make('--key-spec', 'ECC_NIST_P256', '--key-usage', 'SIGN_VERIFY')
  const signed = ['--signing-algorithm', 'ECDSA_SHA_256', '--key-id', pair, '--message', 'hello']
  const { Signature } = await aws('sign', ...signed)
  await assert.rejects(aws('verify', ...signed, '--signature', Signature), /--signature fileb:\/\/FILE/)
  const external = await make('--origin', 'EXTERNAL')
  const { ImportToken } = await aws(
    'get-parameters-for-import',
    '--key-id',
    external,
    '--wrapping-algorithm',
    'RSAES_OAEP_SHA_256',
    '--wrapping-key-spec',
    'RSA_2048',
  )
  const bytes = join(folder, 'bytes')
  writeFileSync(bytes, Buffer.alloc(256, 7))
  const imported = ['--key-id', external, '--expiration-model', 'KEY_MATERIAL_DOES_NOT_EXPIRE']
  await assert.rejects(
    aws(
      'import-key-material',
      ...imported,
      '--import-token',
      ImportToken,
      '--encrypted-key-material',
      `fileb://${bytes}`,
    ),
    /InvalidImportTokenException.*--import-token fileb:\/\/FILE/s,
  )
  await assert.rejects(aws('verify-mac', ...mac, '--mac', 'short'), (error: Error) => !error.message.includes('fileb'))
})

test('boto3: signing, paging, and errors as its own exceptions', async (context) => {
  const interpreter = needed((reason) => context.skip(reason))
  if (interpreter === undefined) return
  const script = join(folder, 'life.py')
  writeFileSync(
    script,
    `
import boto3, botocore, hashlib
kms = boto3.client('kms')
assert boto3.client('sts').get_caller_identity()['Account'] == '111122223333'
keys = [kms.create_key()['KeyMetadata'] for _ in range(3)]
key = keys[0]
assert key['CreationDate'].tzinfo is not None
listed = [k['KeyId'] for page in kms.get_paginator('list_keys').paginate(PaginationConfig={'PageSize': 2}) for k in page['Keys']]
assert set(k['KeyId'] for k in keys) <= set(listed)
sealed = kms.encrypt(KeyId=key['KeyId'], Plaintext=b'\\x00\\xff', EncryptionContext={'a': '\\u00e9'})
assert kms.decrypt(CiphertextBlob=sealed['CiphertextBlob'], EncryptionContext={'a': '\\u00e9'})['Plaintext'] == b'\\x00\\xff'
data = kms.generate_data_key(KeyId=key['Arn'], KeySpec='AES_256')
assert kms.decrypt(CiphertextBlob=data['CiphertextBlob'])['Plaintext'] == data['Plaintext']
pair = kms.create_key(KeySpec='ECC_NIST_P256', KeyUsage='SIGN_VERIFY')['KeyMetadata']
digest = hashlib.sha256(b'm').digest()
signed = kms.sign(KeyId=pair['KeyId'], Message=digest, MessageType='DIGEST', SigningAlgorithm='ECDSA_SHA_256')
assert kms.verify(KeyId=pair['KeyId'], Message=b'm', Signature=signed['Signature'], SigningAlgorithm='ECDSA_SHA_256')['SignatureValid']
try:
    kms.verify(KeyId=pair['KeyId'], Message=b'n', Signature=signed['Signature'], SigningAlgorithm='ECDSA_SHA_256')
    raise SystemExit('a wrong signature was taken')
except kms.exceptions.KMSInvalidSignatureException as error:
    assert error.response['ResponseMetadata']['HTTPStatusCode'] == 400
    assert len(error.response['ResponseMetadata']['RequestId']) == 36
try:
    kms.describe_key(KeyId='00000000-0000-4000-8000-000000000000')
    raise SystemExit('an unknown key was found')
except kms.exceptions.NotFoundException as error:
    assert "does not exist" in str(error), error
kms.schedule_key_deletion(KeyId=key['KeyId'], PendingWindowInDays=7)
try:
    kms.encrypt(KeyId=key['KeyId'], Plaintext=b'x')
    raise SystemExit('a key pending deletion encrypts')
except kms.exceptions.KMSInvalidStateException:
    pass
try:
    boto3.client('kms', aws_access_key_id='${service.accessKeyId}', aws_secret_access_key='wrong').list_keys()
    raise SystemExit('a wrong secret was taken')
except botocore.exceptions.ClientError as error:
    assert error.response['Error']['Code'] == 'InvalidSignatureException', error
print('well')
`,
  )
  const { stdout } = await run(interpreter, [script], { env: environment })
  assert.equal(stdout.trim(), 'well')
})

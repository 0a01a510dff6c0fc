/** The wire of AWS KMS: what its clients rely on beyond the answers themselves. */
import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { actionNames } from '../../src/protocols/aws/model.ts'
import { startTestService, type TestService, testAccount } from '../service.ts'
import { region } from './clients.ts'

let service: TestService
before(async () => {
  service = await startTestService()
})
after(async () => {
  await service.stop()
})

type Answer = { readonly status: number; readonly text: string; readonly headers: Headers }
type Wish = {
  readonly target?: string
  readonly body?: string | Uint8Array
  readonly headers?: Readonly<Record<string, string>>
  readonly serviceName?: string
  readonly region?: string
  readonly at?: number
  readonly secret?: string
}

/** Signed by hand, so that any bytes can be sent. */
async function send(wish: Wish): Promise<Answer> {
  const host = new URL(service.url).host
  const body = Buffer.from(wish.body ?? '{}')
  const date = new Date(wish.at ?? Date.now()).toISOString().replace(/[-:]|\.\d{3}/g, '')
  const headers: Record<string, string> = {
    'content-type': 'application/x-amz-json-1.1',
    host,
    'x-amz-date': date,
    ...(wish.target === undefined ? {} : { 'x-amz-target': wish.target }),
    ...wish.headers,
  }
  const names = Object.keys(headers).sort()
  const sha256 = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex')
  const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest()
  const canonical = `POST\n/\n\n${names.map((name) => `${name}:${headers[name]}\n`).join('')}\n${names.join(';')}\n${sha256(body)}`
  const scope = [date.slice(0, 8), wish.region ?? region, wish.serviceName ?? 'kms', 'aws4_request']
  const key = scope.slice(1).reduce(hmac, hmac(`AWS4${wish.secret ?? service.secretAccessKey}`, scope[0] as string))
  const signature = hmac(key, `AWS4-HMAC-SHA256\n${date}\n${scope.join('/')}\n${sha256(canonical)}`).toString('hex')
  const response = await fetch(service.url, {
    method: 'POST',
    body,
    headers: {
      ...headers,
      authorization: `AWS4-HMAC-SHA256 Credential=${service.accessKeyId}/${scope.join('/')}, SignedHeaders=${names.join(';')}, Signature=${signature}`,
    },
  })
  return { status: response.status, text: await response.text(), headers: response.headers }
}

const ask = (action: string, input: unknown, more: Wish = {}) =>
  send({ target: `TrentService.${action}`, body: typeof input === 'string' ? input : JSON.stringify(input), ...more })

async function refused(answer: Promise<Answer>): Promise<{ readonly code: string; readonly message: string }> {
  const { status, text, headers } = await answer
  const body = JSON.parse(text)
  assert.equal(status, 400, text)
  assert.equal(headers.get('content-type'), 'application/x-amz-json-1.1')
  assert.equal(headers.get('x-amzn-errortype'), body.__type)
  assert.match(headers.get('x-amzn-requestid') ?? '', /^[0-9a-f-]{36}$/)
  return { code: body.__type, message: body.message }
}

async function newKey(input: unknown = {}): Promise<string> {
  const { text } = await ask('CreateKey', input)
  return JSON.parse(text).KeyMetadata.KeyId
}

test('an answer has the content type, a request id, and the date that clients set their clocks by', async () => {
  const { status, text, headers } = await ask('GenerateRandom', { NumberOfBytes: 3 })
  assert.equal(status, 200)
  assert.equal(headers.get('content-type'), 'application/x-amz-json-1.1')
  assert.match(headers.get('x-amzn-requestid') ?? '', /^[0-9a-f-]{36}$/)
  assert.ok(Math.abs(Date.parse(headers.get('date') ?? '') - Date.now()) < 60_000)
  assert.equal(Buffer.from(JSON.parse(text).Plaintext, 'base64').length, 3)
})

test('dates are epoch seconds, absent members are absent, and some answers are empty', async () => {
  const KeyId = await newKey()
  const { text } = await ask('DescribeKey', { KeyId })
  const { KeyMetadata } = JSON.parse(text)
  assert.equal(KeyMetadata.CreationDate, service.clock.now() / 1000)
  assert.ok(!text.includes('null'))
  const { status, text: empty, headers } = await ask('DisableKey', { KeyId })
  assert.equal(status, 200)
  assert.equal(empty, '')
  assert.equal(headers.get('content-length'), '0')
})

test('validation speaks as AWS does, and of everything that is wrong at once', async () => {
  const KeyId = await newKey()
  const said = async (action: string, input: unknown) => {
    const { code, message } = await refused(ask(action, input))
    assert.equal(code, 'ValidationException', message)
    return message
  }
  assert.equal(
    await said('GenerateRandom', { NumberOfBytes: 0 }),
    "1 validation error detected: Value '0' at 'numberOfBytes' failed to satisfy constraint: Member must have value greater than or equal to 1",
  )
  assert.equal(await said('GenerateRandom', {}), 'NumberOfBytes is required.')
  assert.equal(
    await said('Encrypt', { KeyId, Plaintext: Buffer.alloc(4097).toString('base64') }),
    "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must have length less than or equal to 4096",
  )
  assert.equal(
    await said('Encrypt', { Plaintext: '' }),
    "2 validation errors detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null; Value at 'plaintext' failed to satisfy constraint: Member must have length greater than or equal to 1",
  )
  assert.match(
    await said('GenerateMac', { KeyId, Message: 'YQ==', MacAlgorithm: 'INVALID' }),
    /^1 validation error detected: Value 'INVALID' at 'macAlgorithm' failed to satisfy constraint: Member must satisfy enum value set: \[HMAC_SHA_224, /,
  )
  assert.equal(
    await said('TagResource', { KeyId, Tags: [{ TagKey: 'x'.repeat(129), TagValue: '' }] }),
    `1 validation error detected: Value '${'x'.repeat(129)}' at 'tags.1.member.tagKey' failed to satisfy constraint: Member must have length less than or equal to 128`,
  )
  assert.equal(
    await said('CreateKey', { KeySpec: 'RSA_2048' }),
    'You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.',
  )
  assert.equal(
    await said('CreateKey', { KeySpec: 'RSA_2048', KeyUsage: 'KEY_AGREEMENT' }),
    'KeyUsage KEY_AGREEMENT is not compatible with KeySpec RSA_2048',
  )
  assert.equal(await said('GenerateDataKey', { KeyId }), 'Please specify either number of bytes or key spec.')
})

test('what cannot be read is a SerializationException', async () => {
  for (const body of [
    '{',
    '[]',
    '"x"',
    '{"KeyId":1}',
    '{"KeyId":"a","KeyId":"b"}',
    '{"KeyId":"a","Nonsense":1}',
    `{"KeyId":${'['.repeat(100)}${']'.repeat(100)}}`,
    Buffer.from([0x7b, 0xff, 0x7d]),
  ]) {
    const { code } = await refused(ask('DescribeKey', '', { body }))
    assert.ok(code === 'SerializationException' || code === 'ValidationException', `${body} ${code}`)
  }
  const KeyId = await newKey()
  const { code, message } = await refused(ask('Encrypt', { KeyId, Plaintext: 'a_-=' }))
  assert.equal(code, 'ValidationException')
  assert.match(message, /base64/)
})

test('keys that are not there are told of in three ways, as on AWS', async () => {
  const said = async (KeyId: string) => {
    const { code, message } = await refused(ask('DescribeKey', { KeyId }))
    assert.equal(code, 'NotFoundException')
    return message
  }
  const unknown = '00000000-0000-4000-8000-000000000000'
  assert.equal(await said('fake-key-id'), "Invalid keyId 'fake-key-id'")
  assert.equal(await said(unknown), `Key 'arn:aws:kms:${region}:${testAccount}:key/${unknown}' does not exist`)
  assert.equal(await said(`arn:aws:kms:us-west-2:${testAccount}:key/${unknown}`), 'Invalid arn us-west-2')
})

test('operations on the key itself take no alias, as on AWS', async () => {
  const TargetKeyId = await newKey()
  await ask('CreateAlias', { AliasName: 'alias/wire', TargetKeyId })
  const { code, message } = await refused(ask('DisableKey', { KeyId: 'alias/wire' }))
  assert.equal(code, 'NotFoundException')
  assert.equal(message, "Invalid keyId 'alias/wire'")
})

test('a wrong usage, a wrong algorithm and a wrong origin have the sentences of AWS', async () => {
  const KeyId = await newKey()
  const arn = `arn:aws:kms:${region}:${testAccount}:key/${KeyId}`
  const Message = 'YQ=='
  assert.deepEqual(await refused(ask('Sign', { KeyId, Message, SigningAlgorithm: 'ECDSA_SHA_256' })), {
    code: 'InvalidKeyUsageException',
    message: `${arn} key usage is ENCRYPT_DECRYPT which is not valid for Sign.`,
  })
  const pair = await newKey({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' })
  assert.deepEqual(await refused(ask('Sign', { KeyId: pair, Message, SigningAlgorithm: 'ECDSA_SHA_512' })), {
    code: 'InvalidKeyUsageException',
    message: 'Algorithm ECDSA_SHA_512 is incompatible with key spec ECC_NIST_P256.',
  })
  const { code } = await refused(ask('GetPublicKey', { KeyId }))
  assert.equal(code, 'UnsupportedOperationException')
})

test('a ciphertext that was touched is refused without a word', async () => {
  const KeyId = await newKey()
  const { text } = await ask('Encrypt', { KeyId, Plaintext: 'YWJj' })
  const sealed = Buffer.from(JSON.parse(text).CiphertextBlob, 'base64')
  sealed[sealed.length - 1] = (sealed[sealed.length - 1] as number) ^ 1
  assert.deepEqual(await refused(ask('Decrypt', { CiphertextBlob: sealed.toString('base64') })), {
    code: 'InvalidCiphertextException',
    message: '',
  })
})

test('who asks is settled first: nothing is told to an unknown signer', async () => {
  const bad = await refused(ask('DescribeKey', { KeyId: await newKey() }, { secret: 'wrong' }))
  assert.equal(bad.code, 'InvalidSignatureException')
  assert.equal((await refused(ask('Encrypt', {}, { secret: 'wrong' }))).code, 'InvalidSignatureException')
  const late = await refused(ask('ListKeys', {}, { at: Date.now() - 301_000 }))
  assert.equal(late.code, 'InvalidSignatureException')
  assert.match(late.message, /^Signature expired: \d{8}T\d{6}Z is now earlier than /)
  assert.equal((await refused(ask('ListKeys', {}, { serviceName: 's3' }))).code, 'InvalidSignatureException')
  assert.equal(
    (await refused(ask('ListKeys', {}, { headers: { 'x-amz-security-token': 'x' } }))).code,
    'UnrecognizedClientException',
  )
  const response = await fetch(service.url, { method: 'POST', headers: { 'x-amz-target': 'TrentService.ListKeys' } })
  assert.equal(response.status, 400)
  assert.equal(JSON.parse(await response.text()).__type, 'MissingAuthenticationTokenException')
})

test('the region of the signature is the region of the request', async () => {
  const { text } = await ask('CreateKey', {}, { region: 'local' })
  const { Arn, KeyId } = JSON.parse(text).KeyMetadata
  assert.equal(Arn, `arn:aws:kms:local:${testAccount}:key/${KeyId}`)
  assert.equal((await refused(ask('DescribeKey', { KeyId }))).code, 'NotFoundException')
})

test('an action that does not exist is an UnknownOperationException', async () => {
  assert.equal((await refused(ask('Explode', {}))).code, 'UnknownOperationException')
  assert.equal((await refused(send({ target: 'DynamoDB.ListTables' }))).code, 'UnknownOperationException')
  assert.equal((await refused(send({ target: 'TrentService.__proto__' }))).code, 'UnknownOperationException')
})

test('Nitro recipients are refused with the reason', async () => {
  const { code, message } = await refused(
    ask('GenerateRandom', { NumberOfBytes: 1, Recipient: { AttestationDocument: 'YQ==' } }),
  )
  assert.equal(code, 'UnsupportedOperationException')
  assert.match(message, /Nitro/)
})

test('STS tells who the caller is, and nothing else', async () => {
  const form = (body: string) =>
    send({ body, serviceName: 'sts', headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' } })
  const { status, text, headers } = await form('Action=GetCallerIdentity&Version=2011-06-15')
  assert.equal(status, 200, text)
  assert.equal(headers.get('content-type'), 'text/xml')
  assert.match(text, new RegExp(`<Arn>arn:aws:iam::${testAccount}:user/admin</Arn>`))
  const other = await form('Action=AssumeRole&Version=2011-06-15')
  assert.equal(other.status, 400)
  assert.match(other.text, /<Code>InvalidAction<\/Code>/)
})

test('what was refused is on record too, with who asked', async () => {
  const from = service.world.audit.size()
  await ask('DescribeKey', { KeyId: 'fake-key-id' })
  await ask('Encrypt', {}, {})
  await ask('Encrypt', {}, { secret: 'wrong' })
  const records = []
  for await (const { record } of service.world.audit.read(from, service.world.audit.size())) records.push(record)
  assert.deepEqual(
    records.map(({ protocol, operation, outcome, account }) => ({ protocol, operation, outcome, account })),
    [
      { protocol: 'aws', operation: 'DescribeKey', outcome: 'KeyNotFound', account: testAccount },
      { protocol: 'aws', operation: 'Encrypt', outcome: 'InvalidRequest', account: testAccount },
      { protocol: 'aws', operation: 'Encrypt', outcome: 'SignatureMismatch', account: undefined },
    ],
  )
})

test('no input of any shape is a fault of the service', async () => {
  const members = fc.constantFrom(
    'KeyId',
    'Plaintext',
    'CiphertextBlob',
    'Limit',
    'Marker',
    'Tags',
    'Policy',
    'GrantId',
  )
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...actionNames),
      fc.dictionary(members, fc.jsonValue({ maxDepth: 2 }), { noNullPrototype: true }),
      async (action, input) => {
        const { status, text } = await ask(action, input)
        assert.ok(status === 200 || status === 400, `${action} ${JSON.stringify(input)}: ${status} ${text}`)
      },
    ),
    { numRuns: 400 },
  )
})

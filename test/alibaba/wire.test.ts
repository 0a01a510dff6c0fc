import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createKey, describe } from './keys.ts'
import { ask, asked, refused, seconds, send, startService, type TestService } from './service.ts'

let service: TestService
before(async () => {
  service = await startService()
})
after(() => service.close())

for (const style of ['v1', 'acs3'] as const)
  for (const method of ['GET', 'POST'] as const)
    for (const form of method === 'GET' ? [false] : [false, true])
      for (const chunked of form ? [false, true] : [false])
        test(`${style} by ${method}, parameters in the ${form ? `form${chunked ? ', chunked' : ''}` : 'query'}`, async () => {
          const how = { style, method, form, chunked }
          const keyId = await createKey(service, { Description: "d 中文 *~()!'+&=" }, how)
          assert.equal((await describe(service, keyId, how)).Description, "d 中文 *~()!'+&=")
          const context = JSON.stringify({ app: 'x y', 'n+': "*~()!'" })
          const { CiphertextBlob } = await asked(
            service,
            'Encrypt',
            { KeyId: keyId, Plaintext: 'cGxhaW4=', EncryptionContext: context },
            how,
          )
          const opened = await asked(
            service,
            'Decrypt',
            {
              CiphertextBlob: CiphertextBlob as string,
              'EncryptionContext.n+': "*~()!'",
              'EncryptionContext.app': 'x y',
            },
            how,
          )
          assert.deepEqual([opened.Plaintext, opened.KeyId], ['cGxhaW4=', keyId])
          await refused(400, 'InvalidParameter', service, 'Decrypt', { CiphertextBlob: CiphertextBlob as string }, how)
        })

test('an answer has an upper-case request id, the same in body, header and audit log', async () => {
  const { body, headers } = await ask(service, 'ListKeys')
  assert.match(body.RequestId as string, /^[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}$/)
  assert.equal(headers['x-acs-request-id'], body.RequestId)
  assert.equal(headers['content-type'], 'application/json;charset=utf-8')
  const size = service.world.audit.size()
  for await (const { record } of service.world.audit.read(size - 1, size)) {
    assert.equal(record.requestId.toUpperCase(), body.RequestId)
    assert.deepEqual([record.protocol, record.operation, record.outcome], ['alibaba', 'ListKeys', 'ok'])
  }
})

test('a request is taken once: its nonce is refused the second time, and no nonce at all is what the oldest SDK sends', async () => {
  for (const style of ['v1', 'acs3'] as const) {
    const how = { style, nonce: `once-${style}` }
    await asked(service, 'ListKeys', {}, how)
    await refused(400, 'SignatureNonceUsed', service, 'ListKeys', {}, how)
    // Not for the other account, whose nonces are its own.
    await asked(service, 'ListKeys', {}, { ...how, as: service.second })
  }
  const timestamp = new Date(service.world.clock.wall()).toISOString()
  await asked(service, 'ListKeys', {}, { nonce: undefined, timestamp })
})

test('a nonce is used up only by a request whose signature is right', async () => {
  const how = { nonce: 'not-used-up' }
  await refused(
    400,
    'SignatureDoesNotMatch',
    service,
    'ListKeys',
    {},
    { ...how, as: { ...service.first, secret: 'wrong' } },
  )
  await asked(service, 'ListKeys', {}, how)
})

test('a request signed more than 15 minutes ago or ahead is refused, and one without a timestamp', async () => {
  const wall = service.world.clock.wall()
  for (const style of ['v1', 'acs3'] as const) {
    for (const minutes of [-14, 14])
      await asked(service, 'ListKeys', {}, { style, timestamp: seconds(wall + minutes * 60_000) })
    for (const minutes of [-16, 16])
      await refused(
        400,
        'InvalidTimeStamp.Expired',
        service,
        'ListKeys',
        {},
        { style, timestamp: seconds(wall + minutes * 60_000) },
      )
    await refused(400, 'IllegalTimestamp', service, 'ListKeys', {}, { style, timestamp: 'today' })
  }
  await refused(400, 'IllegalTimestamp', service, 'ListKeys', {}, { timestamp: '' })
})

test('who is not known, or signs with another secret, learns nothing and is on record', async () => {
  const unknown = { ...service.first, accessKeyId: 'AKIAUNKNOWN' }
  const wrong = { ...service.first, secret: 'wrong' }
  for (const style of ['v1', 'acs3'] as const) {
    await refused(404, 'InvalidAccessKeyId.NotFound', service, 'ListKeys', {}, { as: unknown, style })
    await refused(400, 'SignatureDoesNotMatch', service, 'ListKeys', {}, { as: wrong, style })
    // Neither does a malformed request tell them that it is.
    await refused(400, 'SignatureDoesNotMatch', service, 'Encrypt', { Nothing: 'x' }, { as: wrong, style })
  }
  await refused(404, 'InvalidAccessKeyId.NotFound', service, 'ListKeys', { SecurityToken: 'sts' })
  const size = service.world.audit.size()
  const outcomes: string[] = []
  for await (const { record } of service.world.audit.read(size - 7, size)) {
    outcomes.push(record.outcome)
    assert.equal(record.principal, undefined)
  }
  assert.deepEqual(outcomes, [
    'NotAuthenticated',
    'SignatureMismatch',
    'SignatureMismatch',
    'NotAuthenticated',
    'SignatureMismatch',
    'SignatureMismatch',
    'NotAuthenticated',
  ])
})

test('a malformed request of a known caller is on record with the caller', async () => {
  await refused(400, 'InvalidParameter', service, 'Encrypt', { KeyId: 'x', Plaintext: 'cGxhaW4=', Nothing: 'x' })
  const size = service.world.audit.size()
  for await (const { record } of service.world.audit.read(size - 1, size))
    assert.deepEqual([record.outcome, record.account], ['InvalidRequest', service.first.account])
})

test('a parameter that is missing, unknown or wrong is named in the words of the request', async () => {
  const keyId = await createKey(service)
  const named = async (code: string, parameter: string, action: string, parameters: Record<string, string>) => {
    const message = await refused(400, code, service, action, parameters)
    const documented =
      code === 'MissingParameter'
        ? `The parameter "${parameter}" is needed but not provided.`
        : `The specified parameter "${parameter}" is not valid.`
    assert.ok(message.startsWith(documented), message)
  }
  await named('MissingParameter', 'KeyId', 'Encrypt', { Plaintext: 'cGxhaW4=' })
  await named('MissingParameter', 'KeyId', 'Encrypt', { KeyId: '', Plaintext: 'cGxhaW4=' })
  await named('MissingParameter', 'Plaintext', 'Encrypt', { KeyId: keyId })
  await named('MissingParameter', 'KeyVersionId', 'AsymmetricSign', {
    KeyId: keyId,
    Algorithm: 'SM2DSA',
    Digest: 'AAAA',
  })
  await named('MissingParameter', 'RotationInterval', 'CreateKey', { EnableAutomaticRotation: 'true' })
  await named('InvalidParameter', 'Plaintext', 'Encrypt', { KeyId: keyId, Plaintext: 'no base64!' })
  await named('InvalidParameter', 'Plaintext', 'Encrypt', {
    KeyId: keyId,
    Plaintext: Buffer.alloc(6145).toString('base64'),
  })
  await named('InvalidParameter', 'EncryptionContext', 'Encrypt', {
    KeyId: keyId,
    Plaintext: 'cGxhaW4=',
    EncryptionContext: '{"a":1}',
  })
  await named('InvalidParameter', 'EncryptionContext', 'Encrypt', {
    KeyId: keyId,
    Plaintext: 'cGxhaW4=',
    EncryptionContext: JSON.stringify({ a: 'x'.repeat(8192) }),
  })
  await named('InvalidParameter', 'CiphertextBlob', 'Decrypt', { CiphertextBlob: 'AAAA' })
  await named('InvalidParameter', 'KeySpec', 'CreateKey', { KeySpec: 'AES_256' })
  await named('InvalidParameter', 'KeyUsage', 'CreateKey', { KeyUsage: 'SIGN/VERIFY' })
  await named('InvalidParameter', 'Origin', 'CreateKey', { Origin: 'aliyun_kms' })
  await named('InvalidParameter', 'RotationInterval', 'CreateKey', {
    EnableAutomaticRotation: 'true',
    RotationInterval: '6d',
  })
  await named('InvalidParameter', 'RotationInterval', 'CreateKey', {
    EnableAutomaticRotation: 'true',
    RotationInterval: '731d',
  })
  await named('InvalidParameter', 'Tags', 'CreateKey', { Tags: '[]' })
  await named('InvalidParameter', 'Description', 'CreateKey', { Description: 'd'.repeat(8193) })
  await named('InvalidParameter', 'NumberOfBytes', 'GenerateDataKey', { KeyId: keyId, NumberOfBytes: '1025' })
  await named('InvalidParameter', 'NumberOfBytes', 'GenerateDataKey', { KeyId: keyId, NumberOfBytes: '0' })
  await named('InvalidParameter', 'PendingWindowInDays', 'ScheduleKeyDeletion', {
    KeyId: keyId,
    PendingWindowInDays: '6',
  })
  await named('InvalidParameter', 'PendingWindowInDays', 'ScheduleKeyDeletion', {
    KeyId: keyId,
    PendingWindowInDays: '31',
  })
  await named('InvalidParameter', 'AliasName', 'CreateAlias', { KeyId: keyId, AliasName: 'noprefix' })
  await named('InvalidParameter', 'AliasName', 'CreateAlias', { KeyId: keyId, AliasName: 'alias/acs/ecs' })
  await named('InvalidParameter', 'PageSize', 'ListKeys', { PageSize: '0' })
  await named('InvalidParameter', 'PageSize', 'ListKeys', { PageSize: '101' })
  await named('InvalidParameter', 'PageNumber', 'ListKeys', { PageNumber: '0' })
  await named('InvalidParameter', 'PageNumber', 'ListKeys', { PageNumber: '10001', PageSize: '10' })
  await named('InvalidParameter', 'Unheard', 'ListKeys', { Unheard: 'x' })
  await named('InvalidParameter', 'Format', 'ListKeys', { Format: 'YAML' })
  await named('InvalidParameter', 'RegionId', 'ListKeys', { RegionId: 'Cn Hangzhou' })
  await named('InvalidParameter', 'DryRun', 'ListKeys', { DryRun: 'maybe' })
})

test('what cannot be read as a request is told so in the same form', async () => {
  const head = { host: service.host }
  const form = { ...head, 'content-type': 'application/x-www-form-urlencoded' }
  const given = async (method: string, query: string, body = '', headers: Record<string, string> = head) => {
    const answer = await send(service, { method, query, body, headers })
    assert.equal(answer.body.HttpStatus, answer.status)
    return [answer.status, answer.code]
  }
  assert.deepEqual(await given('POST', 'Action=%'), [400, 'ParseRequestParameterException'])
  assert.deepEqual(await given('POST', '', 'Action=%', form), [400, 'ParseRequestParameterException'])
  assert.deepEqual(await given('POST', 'Action=ListKeys&Action=ListKeys'), [400, 'InvalidParameter'])
  assert.deepEqual(await given('POST', 'Action=ListKeys', '{}', { ...head, 'content-type': 'application/json' }), [
    400,
    'ParseRequestParameterException',
  ])
  assert.deepEqual(await given('PUT', 'Action=ListKeys'), [403, 'UnsupportedHTTPMethod'])
  assert.deepEqual(await given('POST', 'SignatureVersion=1.0'), [400, 'MissingParameter'])
  assert.deepEqual(await given('POST', 'Action=ListKeys'), [400, 'InvalidParameter'])
  assert.deepEqual(await given('POST', 'Action=ListKeys&Version=2014-01-01'), [400, 'InvalidParameter'])
  assert.deepEqual(await given('POST', 'Action=Nothing&Version=2016-01-20'), [404, 'InvalidAction.NotFound'])
  assert.deepEqual(await given('POST', 'Action=constructor&Version=2016-01-20'), [404, 'InvalidAction.NotFound'])
  assert.deepEqual(await given('POST', 'Action=ListKeys&Version=2016-01-20'), [400, 'IncompleteSignature'])
  assert.deepEqual(
    await given('POST', 'Action=ListKeys&Version=2016-01-20&SignatureVersion=1.0&SignatureMethod=HMAC-SHA1'),
    [400, 'MissingParameter'],
  )
  const large = `Action=ListKeys&Padding=${'x'.repeat(2_200_000)}`
  assert.deepEqual(await given('POST', '', large, form), [413, 'ParseRequestParameterException'])
})

test('what is changed under way is refused: a parameter, the body, a header, the method', async () => {
  const tampered = (style: 'v1' | 'acs3', tamper: NonNullable<Parameters<typeof ask>[3]>['tamper'], form = false) =>
    refused(
      400,
      'SignatureDoesNotMatch',
      service,
      'ListKeys',
      { PageSize: 5 },
      { style, form, ...(tamper === undefined ? {} : { tamper }) },
    )
  for (const style of ['v1', 'acs3'] as const) {
    await tampered(style, (wire) => {
      wire.query = wire.query.replace('PageSize=5', 'PageSize=6')
    })
    await tampered(style, (wire) => {
      wire.query += '&PageNumber=1'
    })
    await tampered(
      style,
      (wire) => {
        wire.body = wire.body.replace('PageSize=5', 'PageSize=6')
      },
      true,
    )
  }
  await tampered('acs3', (wire) => {
    wire.headers['x-acs-action'] = 'ListAliases'
  })
})

test('Format=XML is answered in XML, successes and errors', async () => {
  const success = await ask(service, 'CreateKey', { Format: 'XML', Description: `<a href="x">&'\u0001` })
  assert.equal(success.headers['content-type'], 'text/xml;charset=utf-8')
  assert.match(
    success.text,
    /^<\?xml version="1\.0" encoding="UTF-8"\?>\n<KMS><KeyMetadata><KeyId>[0-9a-f-]{36}<\/KeyId>/,
  )
  assert.ok(success.text.includes('<Description>&lt;a href=&quot;x&quot;&gt;&amp;&apos;\ufffd</Description>'))
  const list = await ask(service, 'ListKeys', { Format: 'xml', PageSize: 2 })
  assert.equal(list.text.match(/<Key><KeyId>/g)?.length, 2)
  const failure = await ask(service, 'DescribeKey', { Format: 'XML', KeyId: 'alias/not-there' })
  assert.equal(failure.status, 404)
  assert.match(failure.text, /<KMS><HttpStatus>404<\/HttpStatus><Code>Forbidden\.AliasNotFound<\/Code><Message>/)
})

test('the region is that of RegionId, else of the host, else the one of the service', async () => {
  const inRegion = async (parameters: Record<string, string>, host?: string) => {
    const { KeyMetadata } = await asked(service, 'CreateKey', parameters, host === undefined ? {} : { host })
    return ((KeyMetadata as Record<string, unknown>).Arn as string).split(':')[2]
  }
  assert.equal(await inRegion({}), 'local')
  assert.equal(await inRegion({}, 'kms.cn-hangzhou.aliyuncs.com'), 'cn-hangzhou')
  assert.equal(await inRegion({}, 'kms-vpc.cn-north-2-gov-1.example.org:8443'), 'cn-north-2-gov-1')
  assert.equal(await inRegion({}, 'kms.example.com'), 'local')
  assert.equal(await inRegion({ RegionId: 'eu-central-1' }, 'kms.cn-hangzhou.aliyuncs.com'), 'eu-central-1')
  const { Regions } = await asked(service, 'DescribeRegions', { RegionId: 'eu-central-1' })
  assert.deepEqual(Regions, { Region: [{ RegionId: 'local' }, { RegionId: 'eu-central-1' }] })
})

test('DryRun checks everything and does nothing', async () => {
  const keyId = await createKey(service)
  await refused(400, 'DryRunOperationError', service, 'DisableKey', { KeyId: keyId, DryRun: 'true' })
  assert.equal((await describe(service, keyId)).KeyState, 'Enabled')
  await refused(404, 'Forbidden.KeyNotFound', service, 'DisableKey', {
    KeyId: '00000000-0000-4000-8000-000000000000',
    DryRun: 'true',
  })
})

test('secrets, certificates and what else is another product are refused with the reason', async () => {
  const message = await refused(400, 'UnsupportedOperation', service, 'CreateSecret', { SecretName: 'x' })
  assert.equal(message, 'This action is not supported. Secrets are another product: this service keeps keys only.')
  await refused(400, 'UnsupportedOperation', service, 'CreateCertificate')
  await refused(400, 'UnsupportedOperation', service, 'CreateKey', { DKMSInstanceId: 'x' })
  await refused(400, 'UnsupportedOperation', service, 'TagResource', { SecretName: 'x', Tags: '[{"TagKey":"a"}]' })
  await refused(400, 'Unsupported.ProtectionLevel', service, 'CreateKey', { ProtectionLevel: 'HSM' })
})

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { base64, type Json, startTestService, type TestService } from './service.ts'

let service: TestService
before(async () => {
  service = await startTestService()
})
after(() => service.stop())

const api: TestService['api'] = (...call) => service.api(...call)

test('what was called through an alias is found by it', async () => {
  const keyId = (await api('POST', '/v1/keys', {})).body.key.keyId
  await api('POST', '/v1/aliases', { aliasName: 'alias/found', keyId })
  await api('POST', '/v1/keys/alias%2Ffound/encrypt', { plaintext: base64('x') })
  await api('POST', `/v1/keys/${keyId}/encrypt`, { plaintext: base64('x') })
  const found = async (query: string) =>
    (await api('GET', `/v1/audit/records?${query}`)).body.records.map(({ operation }: Json) => operation)
  assert.deepEqual(await found('alias=alias%2Ffound'), ['Encrypt'])
  assert.deepEqual(await found('alias=alias%2Fother'), [])
  assert.deepEqual(await found(`keyId=${keyId}&operation=Encrypt`), ['Encrypt', 'Encrypt'])
})

test('a policy is explained before it is put: whether it would be taken, where it is wrong, and the mend', async () => {
  const explained = async (document: string, kind = 'identity') =>
    (await api('POST', '/v1/access/explain-policy', { document, kind })).body
  const policy = (statement: object) => JSON.stringify({ Version: '2012-10-17', Statement: [statement] })
  const allow = { Effect: 'Allow', Action: 'kms:Encrypt', Resource: '*' }
  assert.deepEqual(await explained(policy(allow)), { valid: true, conditionKeys: [] })
  const conditional = { ...allow, Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } } }
  assert.deepEqual((await explained(policy(conditional))).conditionKeys, ['aws:sourceip'])
  const wrong = await explained(policy({ ...allow, Effect: 'Maybe' }))
  assert.equal(wrong.valid, false)
  assert.equal(wrong.member, 'Statement.0.Effect')
  assert.match(wrong.mend, /Allow/)
  assert.equal((await explained('{')).valid, false)
  assert.equal((await explained(policy(allow), 'key')).valid, false, 'a key policy names principals')
  // What it says is what happens.
  assert.equal((await api('PUT', '/v1/policies/fine', { document: policy(conditional) })).status, 200)
  const put = await api('PUT', '/v1/policies/bad', { document: policy({ ...allow, Effect: 'Maybe' }) })
  assert.equal(put.body.code, 'MalformedPolicy')
})

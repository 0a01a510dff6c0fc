import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startTestService, testAccount } from './service.ts'

const policyFor = (...statements: object[]) =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Principal: { AWS: testAccount }, Action: 'kms:*', Resource: '*' },
      ...statements.map((one) => ({ Resource: '*', ...one })),
    ],
  })

test('a right that an operation asks for on a second key is decided by that key, too', async (t) => {
  const service = await startTestService()
  t.after(() => service.stop())
  const { api } = service
  const made = async () => (await api('POST', '/v1/keys', {})).body.key.keyId as string
  const [before, after] = [await made(), await made()]
  assert.equal((await api('POST', '/v1/aliases', { aliasName: 'alias/app', keyId: before })).status, 200)
  const deny = { Effect: 'Deny', Principal: '*', Action: ['kms:UpdateAlias', 'kms:DeleteAlias'] }
  assert.equal((await api('PUT', `/v1/keys/${before}/policy`, { policy: policyFor(deny) })).status, 200)

  const moved = await api('PUT', '/v1/aliases/alias%2Fapp', { keyId: after })
  assert.deepEqual([moved.status, moved.body.error?.code ?? moved.body.code], [403, 'AccessDenied'])
  const deleted = await api('DELETE', '/v1/aliases/alias%2Fapp')
  assert.deepEqual([deleted.status, deleted.body.error?.code ?? deleted.body.code], [403, 'AccessDenied'])

  assert.equal((await api('PUT', `/v1/keys/${before}/policy`, { policy: policyFor() })).status, 200)
  assert.equal((await api('PUT', '/v1/aliases/alias%2Fapp', { keyId: after })).status, 200)
})

test("another account's key that is not there is refused like one that is forbidden", async (t) => {
  const service = await startTestService()
  t.after(() => service.stop())
  const arn = 'arn:aws:kms:local:444455556666:key/11111111-2222-4333-8444-555555555555'
  const answer = await service.api('GET', `/v1/keys/${encodeURIComponent(arn)}`)
  assert.deepEqual([answer.status, answer.body.error?.code ?? answer.body.code], [403, 'AccessDenied'])
})

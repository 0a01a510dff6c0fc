import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { request } from 'node:http'
import { after, before, test } from 'node:test'
import type { AuditRecord } from '../../src/domain/ports.ts'
import { type Json, startTestService, type TestService } from '../service.ts'
import { type Visitor, visitorOf } from './visitor.ts'

const cookieName = '__Host-keyward_sid'
let service: TestService

before(async () => {
  service = await startTestService({ devMode: true, config: { consoleRegions: ['east', 'local'] } })
})
after(() => service.stop())

async function signedIn(token = service.token): Promise<Visitor> {
  const visitor = visitorOf(service)
  const answer = await visitor.ask('POST', '/api/token', { token })
  assert.equal(answer.status, 200, JSON.stringify(answer.body))
  return visitor
}

async function newPrincipal(name: string, policies: string[] = []): Promise<{ token: string; credentialId: string }> {
  await service.api('POST', '/v1/principals', { principalName: name, policies })
  const { body } = await service.api('POST', `/v1/principals/${name}/tokens`, {})
  return { token: body.token, credentialId: body.credentialId }
}

const isSignedIn = async (visitor: Visitor) => (await visitor.ask('GET', '/v1/caller')).status === 200
async function onRecord(): Promise<readonly AuditRecord[]> {
  const { audit } = service.world
  return (await Array.fromAsync(audit.read(0, audit.size()))).map(({ record }) => record)
}

test('who signs in gets a cookie that no script reads, no other site sends, and that the store cannot give back', async () => {
  const visitor = visitorOf(service)
  assert.equal((await visitor.ask('GET', '/api/session')).body.state, 'login')
  const answer = await visitor.ask('POST', '/api/token', { token: service.token })
  const [cookie = ''] = answer.headers.getSetCookie()
  assert.match(cookie, /^__Host-keyward_sid=[\w-]{43}; Path=\/; Secure; HttpOnly; SameSite=Strict$/)
  const id = visitor.cookies.get(cookieName) ?? ''
  const { records } = await service.world.store.list('session', { partition: '*', limit: 100 })
  assert.ok(records.some(({ idHash }) => idHash === hash('sha256', id)))
  assert.ok(!JSON.stringify(records).includes(id))

  const { body } = await visitor.ask('GET', '/api/session')
  assert.equal(body.state, 'signed-in')
  assert.equal(body.principal.name, 'admin')
  assert.deepEqual(body.regions, ['local', 'east'])
  const caller = await visitor.ask('GET', '/v1/caller')
  assert.equal(caller.body.principalName, 'admin')
  assert.equal(caller.body.credentialId, body.sessionId)
})

test('what is done at the console is on record as that, under the session; so are signing in and failing to', async () => {
  const visitor = await signedIn()
  await visitorOf(service).ask('POST', '/api/token', { token: 'kwt_wrong' })
  const { sessionId } = (await visitor.ask('GET', '/api/session')).body
  const made = await visitor.ask('POST', '/v1/keys', { description: 'by hand' })
  assert.equal(made.body.key.region, 'local')
  const elsewhere = await visitor.ask('POST', '/v1/keys', {}, { 'x-keyward-region': 'other' })
  assert.equal(elsewhere.body.key.region, 'other')
  await visitor.ask('POST', '/api/logout')
  const records = await onRecord()
  const mine = records.filter(({ credentialId }) => credentialId === sessionId)
  assert.deepEqual(mine.map(({ operation }) => operation).sort(), ['CreateKey', 'CreateKey', 'SignIn', 'SignOut'])
  for (const record of mine) assert.equal(record.protocol, 'console')
  const failed = records.find(({ operation, outcome }) => operation === 'SignIn' && outcome !== 'ok')
  assert.equal(failed?.outcome, 'NotAuthenticated')
  assert.equal(failed?.principal, undefined)
})

test('a request that no page of the console makes is refused, and changes nothing', async () => {
  const visitor = await signedIn()
  const refused: Record<string, string | undefined>[] = [
    { 'x-keyward-csrf': undefined },
    { 'x-keyward-csrf': '0' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'none' },
    { 'sec-fetch-site': undefined },
    { 'sec-fetch-site': undefined, origin: 'https://evil.example' },
    { 'sec-fetch-site': undefined, origin: 'null' },
  ]
  for (const headers of refused) {
    const answer = await visitor.ask('POST', '/v1/keys', { description: 'forged' }, headers)
    assert.equal(answer.status, 403, JSON.stringify(headers))
    assert.equal(answer.body.code, 'AccessDenied')
  }
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', 'application/jsonp'])
    assert.equal((await visitor.ask('POST', '/v1/keys', '{}', { 'content-type': type })).status, 415, type)
  assert.equal((await visitor.ask('GET', '/v1/caller', undefined, { 'sec-fetch-site': 'cross-site' })).status, 403)
  assert.equal((await visitor.ask('POST', '/api/logout', {}, { 'sec-fetch-site': 'cross-site' })).status, 403)
  assert.ok(await isSignedIn(visitor))
  const { keys } = (await service.api('GET', '/v1/keys?limit=1000')).body
  assert.ok(!keys.some(({ description }: Json) => description === 'forged'))
  // A browser that does not say where a request comes from says the origin.
  const origin = `http://localhost:${service.running.servers[0]?.port}`
  const old = { 'sec-fetch-site': undefined, origin }
  assert.equal((await visitor.ask('POST', '/v1/keys', {}, old)).status, 200)
})

test('a token opens nothing at the console, and a session nothing at the API', async () => {
  const visitor = visitorOf(service)
  const withToken = await visitor.ask('GET', '/v1/caller', undefined, { authorization: `Bearer ${service.token}` })
  assert.equal(withToken.status, 401)
  assert.equal(withToken.headers.get('www-authenticate'), null)
  const { cookies } = await signedIn()
  const withCookie = await fetch(`${service.url}/v1/caller`, {
    headers: { cookie: `${cookieName}=${cookies.get(cookieName)}` },
  })
  assert.equal(withCookie.status, 401)
})

test('an id that somebody else put into the browser is never taken up, and the id changes at every sign-in', async () => {
  const visitor = visitorOf(service)
  const planted = 'A'.repeat(43)
  visitor.cookies.set(cookieName, planted)
  await visitor.ask('POST', '/api/token', { token: service.token })
  const first = visitor.cookies.get(cookieName) ?? ''
  assert.notEqual(first, planted)
  await visitor.ask('POST', '/api/token', { token: service.token })
  assert.notEqual(visitor.cookies.get(cookieName), first)
  const old = visitorOf(service)
  for (const id of [planted, first]) {
    old.cookies.set(cookieName, id)
    assert.ok(!(await isSignedIn(old)))
  }
  // Two cookies of the name: one of them is not ours.
  const both = await visitor.ask('GET', '/v1/caller', undefined, {
    cookie: `${cookieName}=${planted}; ${cookieName}=${visitor.cookies.get(cookieName)}`,
  })
  assert.equal(both.status, 401)
})

test('a session ends after 15 minutes without a request, and after 8 hours in any case', async () => {
  const minutes = (count: number) => service.clock.advance(count * 60_000)
  const idle = await signedIn()
  minutes(14)
  // Looking whether one is still signed in is not being there.
  assert.equal((await idle.ask('GET', '/api/session')).body.state, 'signed-in')
  minutes(1)
  assert.equal((await idle.ask('GET', '/api/session')).body.state, 'login')
  assert.ok(!(await isSignedIn(idle)))

  const busy = await signedIn()
  for (let passed = 0; passed < 8 * 60; passed += 10) {
    assert.ok(await isSignedIn(busy), `after ${passed} minutes`)
    minutes(10)
  }
  assert.ok(!(await isSignedIn(busy)))
  await service.chores()
  const { records } = await service.world.store.list('session', { partition: '*', limit: 100 })
  assert.deepEqual(records, [])
})

test('signing out ends the session at the service, not only in the browser', async () => {
  const visitor = await signedIn()
  const kept = visitor.cookies.get(cookieName) ?? ''
  const answer = await visitor.ask('POST', '/api/logout')
  assert.equal(answer.headers.get('clear-site-data'), '"cache"')
  assert.equal(visitor.cookies.has(cookieName), false)
  visitor.cookies.set(cookieName, kept)
  assert.ok(!(await isSignedIn(visitor)))
})

test('disabling or deleting a principal, or deleting its token, ends its sessions at once', async () => {
  const { token } = await newPrincipal('locked-out')
  const first = await signedIn(token)
  await service.api('PATCH', '/v1/principals/locked-out', { disabled: true })
  assert.ok(!(await isSignedIn(first)))

  const deleted = await newPrincipal('deleted')
  const second = await signedIn(deleted.token)
  await service.api('DELETE', '/v1/principals/deleted')
  assert.ok(!(await isSignedIn(second)))
  // Somebody else of the same name does not find the session open.
  await newPrincipal('deleted')
  assert.ok(!(await isSignedIn(second)))

  const { token: third, credentialId } = await newPrincipal('token-gone')
  const visitor = await signedIn(third)
  await service.api('DELETE', `/v1/principals/token-gone/credentials/${credentialId}`)
  assert.ok(!(await isSignedIn(visitor)))
})

test('a person sees what they may do, and what of their own policies refuses it', async () => {
  await service.api('PUT', '/v1/policies/no-deletion', {
    document: JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        { Effect: 'Allow', Action: ['kms:Encrypt', 'kms:ScheduleKeyDeletion'], Resource: '*' },
        { Sid: 'NoDeletion', Effect: 'Deny', Action: 'kms:ScheduleKeyDeletion', Resource: '*' },
      ],
    }),
  })
  const { token } = await newPrincipal('careful', ['no-deletion'])
  const visitor = await signedIn(token)
  const { keyId } = (await service.api('POST', '/v1/keys', {})).body.key
  const actions = ['Encrypt', 'kms:Decrypt', 'ScheduleKeyDeletion']
  const answer = await visitor.ask('POST', '/v1/access/rights', { actions, keyId })
  assert.deepEqual(answer.body.rights, [
    { action: 'Encrypt', allowed: true },
    { action: 'kms:Decrypt', allowed: false, by: 'implicit-deny' },
    {
      action: 'ScheduleKeyDeletion',
      allowed: false,
      by: 'explicit-deny',
      statement: { policyName: 'no-deletion', sid: 'NoDeletion', index: 1 },
    },
  ])
  // What a key's own policy says is not told to who may not read it.
  const closed = (await service.api('POST', '/v1/keys', {})).body.key.keyId
  const policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: { AWS: `arn:aws:iam::${service.config.account ?? '111122223333'}:root` },
        Action: 'kms:*',
        Resource: '*',
      },
      {
        Sid: 'Secret',
        Effect: 'Deny',
        Principal: { AWS: 'arn:aws:iam::111122223333:user/careful' },
        Action: 'kms:Encrypt',
        Resource: '*',
      },
    ],
  })
  const put = await service.api('PUT', `/v1/keys/${closed}/policy`, { policy })
  assert.equal(put.status, 200, JSON.stringify(put.body))
  const hidden = await visitor.ask('POST', '/v1/access/rights', { actions: ['Encrypt'], keyId: closed })
  assert.deepEqual(hidden.body.rights, [{ action: 'Encrypt', allowed: false, by: 'implicit-deny' }])
})

test('the numbers of an address are answered with its name: passkeys belong to names', async () => {
  const port = service.running.servers[0]?.port
  const location = await new Promise((resolve, reject) =>
    request({ port, host: '127.0.0.1', path: '/ui/keys?q=%2F', headers: { host: `127.0.0.1:${port}` } }, (answer) =>
      resolve([answer.statusCode, answer.headers.location]),
    )
      .on('error', reject)
      .end(),
  )
  assert.deepEqual(location, [308, `http://localhost:${port}/ui/keys?q=%2F`])
})

test('every page says what a browser may do on it, and no page is anywhere else', async () => {
  const visitor = visitorOf(service)
  for (const path of ['/', '/keys/some-key', '/api/session', '/api/nothing', '/v1/caller', '/assets/none.js']) {
    const { headers } = await visitor.ask('GET', path)
    const policy = headers.get('content-security-policy') ?? ''
    assert.match(policy, /default-src 'none'.*require-trusted-types-for 'script'; trusted-types 'none'/, path)
    assert.equal(headers.get('x-content-type-options'), 'nosniff')
    assert.equal(headers.get('cache-control'), 'no-store')
    assert.equal(headers.get('access-control-allow-origin'), null)
  }
  assert.equal((await visitor.ask('GET', '/assets/..%2f..%2fpackage.json')).status, 404)
  assert.equal(
    (await visitor.ask('POST', '/api/csp-report', '{}', { 'content-type': 'application/csp-report' })).status,
    204,
  )
})

test('who tries out tokens has to wait after five wrong ones, even with a right one', async () => {
  const fresh = await startTestService({ devMode: true })
  try {
    const visitor = visitorOf(fresh)
    const attempts = await Promise.all(
      Array.from({ length: 12 }, (_, index) => visitor.ask('POST', '/api/token', { token: `kwt_wrong-${index}` })),
    )
    assert.equal(attempts.filter(({ status }) => status === 401).length, 5)
    assert.equal(attempts.filter(({ status }) => status === 429).length, 7)
    const right = await visitor.ask('POST', '/api/token', { token: fresh.token })
    assert.equal(right.body.code, 'Throttled')
    assert.match(right.body.mend, /minutes/)
  } finally {
    await fresh.stop()
  }
})

test('outside dev mode nobody signs in with a token, unless the operator says so', async () => {
  const strict = await startTestService()
  try {
    const visitor = visitorOf(strict)
    assert.equal((await visitor.ask('GET', '/api/session')).body.methods.token, false)
    assert.equal((await visitor.ask('POST', '/api/token', { token: strict.token })).status, 403)
  } finally {
    await strict.stop()
  }
})

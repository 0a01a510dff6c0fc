/** The official SDKs for Node, each in every signature it speaks, through the whole life of keys. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { actions } from '../../src/protocols/alibaba/actions/index.ts'
import { tlsFiles } from '../../src/tls.ts'
import { asymmetricLife, type Call, type Client, exportLife, importedLife, Refusal, symmetricLife } from './life.ts'
import { startService, type TestService } from './service.ts'

const require = createRequire(import.meta.url)
type Members = Record<string, unknown>
type Model = new (members: Members) => unknown
type RpcMethods = Record<string, (request: unknown) => Promise<{ toMap(): Members }>>

const kms = require('@alicloud/kms20160120') as Record<string, Model> & { default: new (config: unknown) => RpcMethods }
const PopCore = require('@alicloud/pop-core') as new (
  config: unknown,
) => { request(action: string, parameters: Members, options: Members): Promise<Members> }
const openapi = require('@alicloud/openapi-client') as {
  readonly Config: Model
  readonly Params: Model
  readonly OpenApiRequest: Model
  readonly default: new (
    config: unknown,
  ) => { callApi(parameters: unknown, request: unknown, runtime: unknown): Promise<{ readonly body: Members }> }
}
const { RuntimeOptions } = require('@alicloud/tea-util') as { readonly RuntimeOptions: Model }

let service: TestService
before(async () => {
  service = await startService()
})
after(() => service.close())

/** The code as it stands in the answer: some SDKs put `Error` behind it. */
async function refusing<T>(attempt: Promise<T>): Promise<T> {
  try {
    return await attempt
  } catch (error) {
    const { data, code } = error as { readonly data?: Members; readonly code?: string }
    const found = (data?.Code ?? code) as string | undefined
    if (found === undefined) throw error
    throw new Refusal(found)
  }
}

const asJson = (context: Readonly<Record<string, string>>) => ({ EncryptionContext: JSON.stringify(context) })

function rpcSdk(): Client {
  const client = new kms.default({
    accessKeyId: service.first.accessKeyId,
    accessKeySecret: service.first.secret,
    endpoint: service.host,
    protocol: 'http',
  })
  const names = (model: Model) => (model as unknown as { names(): Record<string, string> }).names()
  const call: Call = async (action, parameters) => {
    const Request = kms[`${action}Request`] as Model
    const ours = new Map(Object.entries(names(Request)).map(([ownName, wireName]) => [wireName, ownName]))
    const request: Members = {}
    const context: Members = {}
    for (const [name, value] of Object.entries(parameters)) {
      if (name.startsWith('EncryptionContext.')) context[name.slice('EncryptionContext.'.length)] = value
      else request[ours.get(name) ?? assert.fail(`${action} of this SDK has no ${name}`)] = value
    }
    if (Object.keys(context).length > 0) request.encryptionContext = context
    const method = `${action[0]?.toLowerCase()}${action.slice(1)}`
    const response = await refusing((client[method] as RpcMethods[string]).call(client, new Request(request)))
    return withoutEmpty(response.toMap())
  }
  return {
    call,
    // This SDK sends it flattened.
    context: (context) =>
      Object.fromEntries(Object.entries(context).map(([name, value]) => [`EncryptionContext.${name}`, value])),
    advance: service.advance,
  }
}

/** The SDK's models have a member for whatever there can be. */
function withoutEmpty(members: Members): Members {
  return Object.fromEntries(
    Object.entries(members)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [
        name,
        typeof value === 'object' && value !== null && !Array.isArray(value) ? withoutEmpty(value as Members) : value,
      ]),
  )
}

function popCore(method: 'GET' | 'POST'): Client {
  const client = new PopCore({
    accessKeyId: service.first.accessKeyId,
    accessKeySecret: service.first.secret,
    endpoint: `http://${service.host}`,
    apiVersion: '2016-01-20',
  })
  return {
    call: (action, parameters) => refusing(client.request(action, { ...parameters }, { method })),
    context: asJson,
    advance: service.advance,
  }
}

function openApi(signatureAlgorithm: string | undefined, place: 'query' | 'body'): Client {
  const client = new openapi.default(
    new openapi.Config({
      accessKeyId: service.first.accessKeyId,
      accessKeySecret: service.first.secret,
      endpoint: service.host,
      protocol: 'http',
      ...(signatureAlgorithm === undefined ? {} : { signatureAlgorithm }),
    }),
  )
  const call: Call = async (action, parameters) => {
    const params = new openapi.Params({
      action,
      version: '2016-01-20',
      protocol: 'HTTP',
      method: 'POST',
      authType: 'AK',
      style: 'RPC',
      pathname: '/',
      reqBodyType: 'formData',
      bodyType: 'json',
    })
    const texts = Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, String(value)]))
    const request = new openapi.OpenApiRequest({ [place]: texts })
    return (await refusing(client.callApi(params, request, new RuntimeOptions({})))).body
  }
  return { call, context: asJson, advance: service.advance }
}

const clients: readonly (readonly [string, () => Client, { readonly newer: boolean }])[] = [
  ['@alicloud/kms20160120 1.2.0 (V1, parameters in the query)', rpcSdk, { newer: false }],
  ['@alicloud/pop-core by GET (V1)', () => popCore('GET'), { newer: true }],
  ['@alicloud/pop-core by POST (V1, form)', () => popCore('POST'), { newer: true }],
  ['@alicloud/openapi-client (ACS3-HMAC-SHA256, query)', () => openApi(undefined, 'query'), { newer: true }],
  ['@alicloud/openapi-client (ACS3-HMAC-SHA256, chunked form)', () => openApi(undefined, 'body'), { newer: true }],
  ['@alicloud/openapi-client (ACS3-HMAC-SM3)', () => openApi('ACS3-HMAC-SM3', 'query'), { newer: true }],
  ['@alicloud/openapi-client (V1)', () => openApi('v2', 'query'), { newer: true }],
]

for (const [name, make, { newer }] of clients) {
  test(`${name}: the life of a symmetric key`, () => symmetricLife(make()))
  test(`${name}: the life of key pairs`, () => asymmetricLife(make()))
  test(`${name}: the life of an imported key`, () => importedLife(make(), { now: () => service.world.clock.now() }))
  if (newer) test(`${name}: data keys exported and re-encrypted`, () => exportLife(make()))
}

test('@alicloud/kms20160120 1.2.0: DescribeRegions and DescribeService', async () => {
  const { call } = rpcSdk()
  assert.deepEqual((await call('DescribeRegions', {})).Regions, { Region: [{ RegionId: 'local' }] })
  const { KeySpecs } = (await call('DescribeService', {})) as { KeySpecs: { KeySpec: readonly Members[] } }
  const sm2 = KeySpecs.KeySpec.find(({ Name }) => Name === 'EC_SM2') as Members
  assert.deepEqual((sm2.SupportedProtectionLevels as Members).SupportedProtectionLevel, ['SOFTWARE'])
  assert.deepEqual((sm2.Usages as Members).Usage, ['ENCRYPT/DECRYPT', 'SIGN/VERIFY', 'KEY_AGREEMENT'])
})

test('every call of @alicloud/kms20160120 1.2.0 has a row in the table of actions', () => {
  const methods = Object.getOwnPropertyNames(kms.default.prototype)
  const called = methods
    .filter((name) => name.endsWith('Ex'))
    .map((name) => `${name[0]?.toUpperCase()}${name.slice(1, -2)}`)
  assert.equal(called.length, 45)
  assert.deepEqual(
    called.filter((action) => !actions.has(action)),
    [],
  )
})

test('@alicloud/kms-sdk over TLS (V1 without nonce, milliseconds): the lives of a symmetric and of an imported key', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'keyward-alibaba-'))
  const { certPath, cert, key } = await tlsFiles({ data: folder, tlsCert: undefined, tlsKey: undefined }, Date.now())
  const secure = await startService({ tls: { cert, key } })
  try {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'kms-sdk-life.ts')], {
      env: {
        PATH: process.env.PATH,
        NODE_EXTRA_CA_CERTS: certPath,
        ENDPOINT: secure.host,
        ACCESS_KEY_ID: secure.first.accessKeyId,
        SECRET: secure.first.secret,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
    child.stderr.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
    const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
    assert.equal(code, 0, output)
    assert.match(output, /both lives are over/)
  } finally {
    await secure.close()
    await rm(folder, { recursive: true, force: true })
  }
})

import { createHash } from 'node:crypto'
import { z } from 'zod'
import { problem } from '../../domain/errors.ts'
import type { World } from '../../domain/ports.ts'
import { type Credential, principalArn } from '../../domain/principal.ts'
import { installation } from '../../domain/records.ts'
import type { Instant } from '../../domain/time.ts'
import { operation } from '../operation.ts'
import { instant } from '../shapes.ts'
import { findPrincipal, principalName } from './principals.ts'

const mostCredentials = 20
const resource = (input: { readonly principalName: string }, scope: { readonly account: string }) =>
  principalArn(scope.account, input.principalName)

/** What a caller presents, and the record that recognizes it. */
export type NewToken = { readonly token: string; readonly record: Credential }
export type NewAccessKey = {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly record: Credential
}

type CredentialWish = {
  readonly account: string
  readonly principalName: string
  readonly description: string
  readonly expiresAt?: Instant | undefined
}

export function newToken(world: Pick<World, 'random'>, wish: CredentialWish, now: Instant, fixed?: string): NewToken {
  const token = fixed ?? `kwt_${Buffer.from(world.random.bytes(32)).toString('base64url')}`
  return {
    token,
    record: credential(
      'token',
      createHash('sha256').update(token, 'utf8').digest('hex'),
      `tok-${world.random.uuid()}`,
      wish,
      now,
    ),
  }
}

export function newAccessKey(
  world: Pick<World, 'random' | 'sealer'>,
  wish: CredentialWish,
  now: Instant,
  fixed?: { readonly accessKeyId: string; readonly secretAccessKey: string },
): NewAccessKey {
  const accessKeyId = fixed?.accessKeyId ?? `AKIA${base32(world.random.bytes(10))}`
  const secretAccessKey = fixed?.secretAccessKey ?? Buffer.from(world.random.bytes(30)).toString('base64')
  const sealedSecret = world.sealer.seal(['access-key-secret', accessKeyId], Buffer.from(secretAccessKey, 'latin1'))
  return {
    accessKeyId,
    secretAccessKey,
    record: { ...credential('accessKey', accessKeyId, accessKeyId, wish, now), sealedSecret },
  }
}

function credential(
  kind: Credential['kind'],
  lookup: string,
  credentialId: string,
  wish: CredentialWish,
  now: Instant,
): Credential {
  return {
    revision: 1,
    kind,
    lookup,
    credentialId,
    account: wish.account,
    principalName: wish.principalName,
    description: wish.description,
    createdAt: now,
    ...(wish.expiresAt === undefined ? {} : { expiresAt: wish.expiresAt }),
  }
}

/** RFC 4648, section 6, without padding: 10 bytes are 16 letters, as in the ids of AWS. */
export function base32(bytes: Uint8Array): string {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
  let bits = 0n
  for (const byte of bytes) bits = (bits << 8n) | BigInt(byte)
  let text = ''
  for (let left = Math.floor((bytes.length * 8) / 5); left > 0; left--)
    text += letters[Number((bits >> BigInt((left - 1) * 5)) & 31n)]
  return text
}

const wish = {
  principalName,
  description: z.string().max(256).default(''),
  expiresAt: instant().optional(),
}

async function credentialsOf(world: World, account: string, name: string): Promise<readonly Credential[]> {
  const { records } = await world.store.list('credential', {
    partition: installation,
    index: 'principal',
    prefix: `${account}/${name}/`,
    limit: 1000,
  })
  return records
}

async function requireRoom(
  world: World,
  account: string,
  name: string,
  expiresAt: Instant | undefined,
  now: Instant,
): Promise<void> {
  await findPrincipal(world, account, name)
  if (expiresAt !== undefined && expiresAt <= now)
    throw problem('InvalidRequest', { member: 'expiresAt', message: 'expiresAt is in the past.' })
  if ((await credentialsOf(world, account, name)).length >= mostCredentials)
    throw problem('LimitExceeded', {
      message: `A principal has at most ${mostCredentials} credentials.`,
      mend: 'Delete one first.',
    })
}

export const createToken = operation({
  name: 'CreateToken',
  summary: 'A bearer token for the REST API and the CLI. It is shown once.',
  group: 'access',
  rest: 'POST /v1/principals/{principalName}/tokens',
  cli: 'access token create',
  stepUp: true,
  key: undefined,
  resource,
  input: z.strictObject(wish),
  output: z.object({ credentialId: z.string(), token: z.string(), expiresAt: instant().optional() }),
  audit: ['principalName', 'description', 'expiresAt'],
  async run({ world, scope, now, input, commit, note }) {
    await requireRoom(world, scope.account, input.principalName, input.expiresAt, now)
    const { token, record } = newToken(world, { account: scope.account, ...input }, now)
    note({ input: { newCredentialId: record.credentialId } })
    await commit([{ put: 'credential', record }])
    return { credentialId: record.credentialId, token, expiresAt: input.expiresAt }
  },
})

export const createAccessKey = operation({
  name: 'CreateAccessKey',
  summary: 'An access-key pair for the AWS and Alibaba protocols. The secret is shown once.',
  group: 'access',
  rest: 'POST /v1/principals/{principalName}/access-keys',
  cli: 'access key create',
  stepUp: true,
  key: undefined,
  resource,
  input: z.strictObject(wish),
  output: z.object({
    credentialId: z.string(),
    accessKeyId: z.string(),
    secretAccessKey: z.string(),
    expiresAt: instant().optional(),
  }),
  audit: ['principalName', 'description', 'expiresAt'],
  async run({ world, scope, now, input, commit, note }) {
    await requireRoom(world, scope.account, input.principalName, input.expiresAt, now)
    const { accessKeyId, secretAccessKey, record } = newAccessKey(world, { account: scope.account, ...input }, now)
    note({ input: { newCredentialId: record.credentialId } })
    await commit([{ put: 'credential', record }])
    return { credentialId: record.credentialId, accessKeyId, secretAccessKey, expiresAt: input.expiresAt }
  },
})

export const listCredentials = operation({
  name: 'ListCredentials',
  summary: 'List the tokens and access keys of a principal, without their secrets.',
  group: 'access',
  rest: 'GET /v1/principals/{principalName}/credentials',
  cli: 'access credential list',
  key: undefined,
  resource,
  input: z.strictObject({ principalName }),
  output: z.object({
    credentials: z.array(
      z.object({
        credentialId: z.string(),
        kind: z.enum(['token', 'accessKey']),
        description: z.string(),
        createdAt: instant(),
        expiresAt: instant().optional(),
      }),
    ),
  }),
  audit: ['principalName'],
  async run({ world, scope, input }) {
    await findPrincipal(world, scope.account, input.principalName)
    const records = await credentialsOf(world, scope.account, input.principalName)
    return {
      credentials: records.map(({ credentialId, kind, description, createdAt, expiresAt }) => ({
        credentialId,
        kind,
        description,
        createdAt,
        expiresAt,
      })),
    }
  },
})

export const deleteCredential = operation({
  name: 'DeleteCredential',
  summary: 'Delete a token or an access key. Its next request is refused.',
  group: 'access',
  rest: 'DELETE /v1/principals/{principalName}/credentials/{credentialId}',
  cli: 'access credential delete',
  stepUp: true,
  key: undefined,
  resource,
  input: z.strictObject({ principalName, credentialId: z.string().min(1).max(128) }),
  output: z.object({}),
  audit: ['principalName', 'credentialId'],
  async run({ world, scope, input, commit }) {
    const records = await credentialsOf(world, scope.account, input.principalName)
    const record = records.find(({ credentialId }) => credentialId === input.credentialId)
    if (record === undefined) throw problem('CredentialNotFound', { mend: 'ListCredentials shows those there are.' })
    await commit([{ remove: 'credential', record }])
    return {}
  },
})

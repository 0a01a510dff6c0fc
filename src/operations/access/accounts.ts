import { z } from 'zod'
import { problem } from '../../domain/errors.ts'
import type { Change, World } from '../../domain/ports.ts'
import { installation } from '../../domain/records.ts'
import { accountPattern } from '../../domain/scope.ts'
import type { Instant } from '../../domain/time.ts'
import { operation } from '../operation.ts'
import { instant, nextMarker, pageLimit, pageMarker } from '../shapes.ts'
import { newAccessKey, newToken } from './credentials.ts'
import { newPrincipal } from './principals.ts'

const accountId = z.string().regex(accountPattern, 'must be 12 to 16 digits')

export type FirstCredentials = {
  readonly token: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

type Fixed = Partial<FirstCredentials>

/** An account with its first administrator: how a tenant comes to be, the very first one included. */
export function newAccount(
  world: Pick<World, 'random' | 'sealer'>,
  account: string,
  name: string,
  now: Instant,
  fixed: Fixed = {},
): { readonly credentials: FirstCredentials; readonly changes: readonly Change[] } {
  const administrator = newPrincipal(world, { account, name: 'admin', policies: ['KeywardAdministrator'] }, now)
  const wish = { account, principalName: administrator.name, description: 'made with the account' }
  const token = newToken(world, wish, now, fixed.token)
  const accessKey = newAccessKey(
    world,
    wish,
    now,
    fixed.accessKeyId === undefined || fixed.secretAccessKey === undefined
      ? undefined
      : { accessKeyId: fixed.accessKeyId, secretAccessKey: fixed.secretAccessKey },
  )
  return {
    credentials: {
      token: token.token,
      accessKeyId: accessKey.accessKeyId,
      secretAccessKey: accessKey.secretAccessKey,
    },
    changes: [
      { put: 'account', record: { revision: 1, account, name, createdAt: now } },
      { put: 'principal', record: administrator },
      { put: 'credential', record: token.record },
      { put: 'credential', record: accessKey.record },
    ],
  }
}

export const createAccount = operation({
  name: 'CreateAccount',
  summary: 'Create an account with its first administrator. Keys of one account are unknown to all others.',
  group: 'access',
  rest: 'POST /v1/accounts',
  cli: 'access account create',
  stepUp: true,
  key: undefined,
  operatorOnly: true,
  input: z.strictObject({ account: accountId, name: z.string().min(1).max(128) }),
  output: z.object({
    account: z.string(),
    principalName: z.string(),
    token: z.string(),
    accessKeyId: z.string(),
    secretAccessKey: z.string(),
  }),
  audit: ['account', 'name'],
  async run({ world, now, input, commit }) {
    if ((await world.store.get('account', installation, input.account)) !== undefined)
      throw problem('AccountExists', { mend: 'Choose another number.' })
    const { credentials, changes } = newAccount(world, input.account, input.name, now)
    await commit(changes)
    return { account: input.account, principalName: 'admin', ...credentials }
  },
})

export const listAccounts = operation({
  name: 'ListAccounts',
  summary: 'List the accounts of this installation.',
  group: 'access',
  rest: 'GET /v1/accounts',
  cli: 'access account list',
  key: undefined,
  operatorOnly: true,
  input: z.strictObject({ limit: pageLimit, marker: pageMarker }),
  output: z.object({
    accounts: z.array(z.object({ account: z.string(), name: z.string(), createdAt: instant() })),
    nextMarker,
  }),
  audit: [],
  async run({ world, input }) {
    const page = await world.store.list('account', {
      partition: installation,
      limit: input.limit,
      ...(input.marker === undefined ? {} : { after: input.marker }),
    })
    return {
      accounts: page.records.map(({ account, name, createdAt }) => ({ account, name, createdAt })),
      nextMarker: page.next,
    }
  },
})

import { createHash } from 'node:crypto'
import { z } from 'zod'
import { problem } from '../../domain/errors.ts'
import { type OneTimeCode, setupCodeMs } from '../../domain/passkey.ts'
import type { Change, World } from '../../domain/ports.ts'
import type { Principal } from '../../domain/principal.ts'
import { principalArn } from '../../domain/principal.ts'
import type { Instant } from '../../domain/time.ts'
import { operation } from '../operation.ts'
import { instant } from '../shapes.ts'
import { findPrincipal, principalName } from './principals.ts'
import { permitUnlessOwn } from './sessions.ts'
import { codesOf, passkeysOf } from './ways-in.ts'

export function oneTimeCodeHash(code: string): string {
  return createHash('sha256').update(code, 'utf8').digest('hex')
}

export function oneTimeCode(
  code: string,
  kind: OneTimeCode['kind'],
  principal: Principal,
  now: Instant,
  expiresAt?: Instant,
): OneTimeCode {
  return {
    revision: 1,
    codeHash: oneTimeCodeHash(code),
    kind,
    account: principal.account,
    principalName: principal.name,
    principalId: principal.principalId,
    createdAt: now,
    ...(expiresAt === undefined ? {} : { expiresAt }),
  }
}

/** A new code takes the place of those before it. */
export async function newSetupCode(
  world: Pick<World, 'store' | 'random'>,
  principal: Principal,
  now: Instant,
): Promise<{ readonly code: string; readonly expiresAt: Instant; readonly changes: readonly Change[] }> {
  const code = randomSetupCode(world)
  const expiresAt = now + setupCodeMs
  const earlier = await codesOf(world, principal.account, principal.name)
  return {
    code,
    expiresAt,
    changes: [
      ...earlier.filter(({ kind }) => kind === 'setup').map((record) => ({ remove: 'oneTimeCode', record }) as const),
      { put: 'oneTimeCode', record: oneTimeCode(code, 'setup', principal, now, expiresAt) },
    ],
  }
}

export function randomSetupCode({ random }: Pick<World, 'random'>): string {
  return Buffer.from(random.bytes(16)).toString('base64url')
}

export const createSetupCode = operation({
  name: 'CreateSetupCode',
  summary:
    'A code with which somebody opens the console for the first time, or again without passkey: 15 minutes, once. It is shown once.',
  group: 'access',
  rest: 'POST /v1/principals/{principalName}/setup-codes',
  cli: 'access setup-code create',
  stepUp: true,
  key: undefined,
  resource: (input, scope) => principalArn(scope.account, input.principalName),
  input: z.strictObject({ principalName }),
  output: z.object({
    code: z.string(),
    path: z.string().describe('Below the address of the console.'),
    expiresAt: instant(),
  }),
  audit: ['principalName'],
  async run({ world, scope, now, input, commit }) {
    const principal = await findPrincipal(world, scope.account, input.principalName)
    const { code, expiresAt, changes } = await newSetupCode(world, principal, now)
    await commit(changes)
    return { code, path: setupPath(code), expiresAt }
  },
})

/** In the fragment, which browsers send nobody: so it is in no log. */
export function setupPath(code: string): string {
  return `/ui/setup#${code}`
}

export const listPasskeys = operation({
  name: 'ListPasskeys',
  summary: 'The passkeys of a principal. One sees one’s own without a right.',
  group: 'access',
  rest: 'GET /v1/principals/{principalName}/passkeys',
  cli: 'access passkey list',
  key: undefined,
  rightsByItem: true,
  input: z.strictObject({ principalName }),
  output: z.object({
    passkeys: z.array(
      z.object({
        passkeyId: z.string(),
        label: z.string(),
        host: z.string(),
        synced: z.boolean(),
        createdAt: instant(),
        lastUsedAt: instant().optional(),
      }),
    ),
    /** How many recovery codes are left. */
    recoveryCodes: z.number().int(),
  }),
  audit: ['principalName'],
  async run({ world, scope, caller, input, permit }) {
    await permitUnlessOwn({ caller, scope, permit }, 'ListPasskeys', input.principalName)
    await findPrincipal(world, scope.account, input.principalName)
    const passkeys = await passkeysOf(world, scope.account, input.principalName)
    const codes = await codesOf(world, scope.account, input.principalName)
    return {
      passkeys: passkeys.map(({ passkeyId, label, host, synced, createdAt, lastUsedAt }) => ({
        passkeyId,
        label,
        host,
        synced,
        createdAt,
        lastUsedAt,
      })),
      recoveryCodes: codes.filter(({ kind }) => kind === 'recovery').length,
    }
  },
})

export const deletePasskey = operation({
  name: 'DeletePasskey',
  summary: 'Nobody signs in with this passkey any more. One deletes one’s own without a right.',
  group: 'access',
  rest: 'DELETE /v1/principals/{principalName}/passkeys/{passkeyId}',
  cli: 'access passkey delete',
  stepUp: true,
  key: undefined,
  rightsByItem: true,
  input: z.strictObject({ principalName, passkeyId: z.string().min(1).max(64) }),
  output: z.object({}),
  audit: ['principalName', 'passkeyId'],
  async run({ world, scope, caller, input, permit, commit }) {
    await permitUnlessOwn({ caller, scope, permit }, 'DeletePasskey', input.principalName)
    const passkeys = await passkeysOf(world, scope.account, input.principalName)
    const record = passkeys.find(({ passkeyId }) => passkeyId === input.passkeyId)
    if (record === undefined) throw problem('PasskeyNotFound', { mend: 'ListPasskeys shows those there are.' })
    await commit([{ remove: 'passkey', record }])
    return {}
  },
})

import { z } from 'zod'
import { problem } from '../../domain/errors.ts'
import { principalArn } from '../../domain/principal.ts'
import { endsAt } from '../../domain/session.ts'
import { type Context, operation } from '../operation.ts'
import { instant } from '../shapes.ts'
import { principalName } from './principals.ts'
import { sessionsOf } from './ways-in.ts'

/** Nobody needs a right over what is their own. */
export async function permitUnlessOwn(
  { caller, scope, permit }: Pick<Context, 'caller' | 'scope' | 'permit'>,
  action: string,
  name: string,
): Promise<void> {
  if (name !== caller.principalName) await permit(action, principalArn(scope.account, name))
}

export const listSessions = operation({
  name: 'ListSessions',
  summary: 'Who is signed in to the console as this principal, in which browsers. One sees one’s own without a right.',
  group: 'access',
  rest: 'GET /v1/principals/{principalName}/sessions',
  cli: 'access session list',
  key: undefined,
  rightsByItem: true,
  input: z.strictObject({ principalName }),
  output: z.object({
    sessions: z.array(
      z.object({
        sessionId: z.string(),
        method: z.enum(['passkey', 'oidc', 'token', 'setup', 'recovery']),
        createdAt: instant(),
        lastSeenAt: instant(),
        endsAt: instant(),
        sourceAddress: z.string(),
        userAgent: z.string(),
        current: z.boolean(),
      }),
    ),
  }),
  audit: ['principalName'],
  async run({ world, scope, caller, now, input, permit }) {
    await permitUnlessOwn({ caller, scope, permit }, 'ListSessions', input.principalName)
    const sessions = await sessionsOf(world, scope.account, input.principalName)
    return {
      sessions: sessions
        .filter((session) => now < endsAt(session))
        .map((session) => ({
          sessionId: session.credentialId,
          method: session.method,
          createdAt: session.createdAt,
          lastSeenAt: session.lastSeenAt,
          endsAt: endsAt(session),
          sourceAddress: session.sourceAddress,
          userAgent: session.userAgent,
          current: session.credentialId === caller.credentialId,
        })),
    }
  },
})

export const endSession = operation({
  name: 'EndSession',
  summary: 'Sign somebody out of the console. One ends one’s own sessions without a right.',
  group: 'access',
  rest: 'DELETE /v1/principals/{principalName}/sessions/{sessionId}',
  cli: 'access session end',
  key: undefined,
  rightsByItem: true,
  input: z.strictObject({ principalName, sessionId: z.string().min(1).max(64) }),
  output: z.object({}),
  audit: ['principalName', 'sessionId'],
  async run({ world, scope, caller, input, permit, commit }) {
    await permitUnlessOwn({ caller, scope, permit }, 'EndSession', input.principalName)
    const sessions = await sessionsOf(world, scope.account, input.principalName)
    const record = sessions.find(({ credentialId }) => credentialId === input.sessionId)
    if (record === undefined)
      throw problem('SessionNotFound', { mend: 'It may have ended. ListSessions shows those there are.' })
    await commit([{ remove: 'session', record }])
    return {}
  },
})

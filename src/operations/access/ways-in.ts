/** What a principal is signed in with, or can sign in with, at the console. */
import type { OneTimeCode, Passkey } from '../../domain/passkey.ts'
import type { Change, World } from '../../domain/ports.ts'
import { type Collections, installation } from '../../domain/records.ts'
import type { Session } from '../../domain/session.ts'

type Needs = Pick<World, 'store'>

async function belongingTo<C extends 'session' | 'passkey' | 'oneTimeCode'>(
  { store }: Needs,
  collection: C,
  account: string,
  name: string,
): Promise<readonly Collections[C][]> {
  // One page: so many browsers, passkeys or codes nobody has.
  const page = await store.list(collection, {
    partition: installation,
    index: 'principal',
    prefix: `${account}/${name}/`,
    limit: 1000,
  })
  return page.records
}

export function sessionsOf(world: Needs, account: string, name: string): Promise<readonly Session[]> {
  return belongingTo(world, 'session', account, name)
}

export function passkeysOf(world: Needs, account: string, name: string): Promise<readonly Passkey[]> {
  return belongingTo(world, 'passkey', account, name)
}

export function codesOf(world: Needs, account: string, name: string): Promise<readonly OneTimeCode[]> {
  return belongingTo(world, 'oneTimeCode', account, name)
}

/** What a person signs in with goes with the principal, and so does being signed in. */
export async function withoutWaysIn(world: Needs, account: string, name: string): Promise<readonly Change[]> {
  const [sessions, passkeys, codes] = await Promise.all([
    sessionsOf(world, account, name),
    passkeysOf(world, account, name),
    codesOf(world, account, name),
  ])
  return [
    ...sessions.map((record) => ({ remove: 'session', record }) as const),
    ...passkeys.map((record) => ({ remove: 'passkey', record }) as const),
    ...codes.map((record) => ({ remove: 'oneTimeCode', record }) as const),
  ]
}

/**
 * A grant token names a grant: to end it by, or to point at it. It is no secret and gives no right by itself (as on AWS,
 * who may use or end a grant stands in the grant); but nobody can make one up, so that it proves that a grant was made.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { problem } from '../../domain/errors.ts'
import { keyArn } from '../../domain/key-reference.ts'
import type { Sealer } from '../../domain/ports.ts'
import type { Scope } from '../../domain/scope.ts'

export type GrantName = Scope & { readonly keyId: string; readonly grantId: string }

const prefix = 'kwg_'

export function grantToken(sealer: Pick<Sealer, 'derive'>, grant: GrantName): string {
  const name = `${grant.account}/${grant.region}/${grant.keyId}/${grant.grantId}`
  return `${prefix}${Buffer.from(name, 'latin1').toString('base64url')}.${tagOf(sealer, name).toString('base64url')}`
}

/** What the token says; believed only once `requireGenuine` has seen it. `InvalidGrantToken` where it is none. */
export function readGrantToken(token: string): GrantName {
  const { name } = partsOf(token)
  const [account = '', region = '', keyId = '', grantId = '', more] = name.split('/')
  if (grantId === '' || more !== undefined) throw invalid()
  return { account, region, keyId, grantId }
}

export function requireGenuine(sealer: Pick<Sealer, 'derive'>, token: string): void {
  const { name, tag } = partsOf(token)
  const expected = tagOf(sealer, name)
  if (tag.length !== expected.length || !timingSafeEqual(tag, expected)) throw invalid()
}

export function keyArnOfToken(token: string): string {
  return keyArn(readGrantToken(token))
}

export function grantTokenHash(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}

function partsOf(token: string): { readonly name: string; readonly tag: Buffer } {
  const [name = '', tag = '', more] = token.slice(prefix.length).split('.')
  if (!token.startsWith(prefix) || more !== undefined) throw invalid()
  return { name: Buffer.from(name, 'base64url').toString('latin1'), tag: Buffer.from(tag, 'base64url') }
}

function tagOf(sealer: Pick<Sealer, 'derive'>, name: string): Buffer {
  return createHmac('sha256', sealer.derive(['grant-token']))
    .update(name, 'latin1')
    .digest()
}

function invalid() {
  return problem('InvalidGrantToken', {
    member: 'grantToken',
    mend: 'Send the token exactly as CreateGrant returned it, or name the key and the grant id.',
  })
}

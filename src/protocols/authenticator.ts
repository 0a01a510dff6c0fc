/** From what a caller presents to who they are. */
import { hash } from 'node:crypto'
import { type Awaitable, andThen } from '../domain/awaitable.ts'
import { problem } from '../domain/errors.ts'
import type { Clock, Sealer, Store } from '../domain/ports.ts'
import { type Caller, type Credential, type Principal, principalArn } from '../domain/principal.ts'
import { installation } from '../domain/records.ts'

export type AccessKey = {
  readonly credential: Credential
  /** ASCII text. */
  readonly secret: string
}

export type Presented = Pick<Credential, 'account' | 'principalName' | 'credentialId'>

export type Authenticator = {
  /** `NotAuthenticated` in the same words whatever is wrong with it. */
  byToken(token: string): Awaitable<Caller>
  /** The secret to check a signature with; undefined where there is no such key, or it is not valid now. */
  findAccessKey(accessKeyId: string): Awaitable<AccessKey | undefined>
  /** By what they presented: a credential, or the session of a browser. */
  callerOf(presented: Presented): Awaitable<Caller>
  /** The token's credential, if it is valid now. */
  findToken(lookup: string): Awaitable<Credential | undefined>
}

export function tokenLookup(token: string): string {
  return hash('sha256', token)
}

export function secretPurpose(accessKeyId: string): readonly string[] {
  return ['access-key-secret', accessKeyId]
}

export function openAuthenticator(from: {
  readonly store: Store
  readonly clock: Clock
  readonly sealer: Sealer
}): Authenticator {
  const { store, clock, sealer } = from
  // Keyed by the identity of the record: a changed or removed credential is never found here.
  const secrets = new WeakMap<Credential, AccessKey>()
  const callers = new WeakMap<Presented, Caller>()

  function valid(lookup: string, kind: Credential['kind']): Awaitable<Credential | undefined> {
    return andThen(store.get('credential', installation, lookup), (credential) => {
      if (credential === undefined || credential.kind !== kind) return undefined
      if (credential.expiresAt !== undefined && clock.now() >= credential.expiresAt) return undefined
      return credential
    })
  }

  function callerOf(presented: Presented): Awaitable<Caller> {
    const found = store.get('principal', presented.account, presented.principalName)
    return andThen(found, (principal) => callerAs(principal, presented))
  }

  function callerAs(principal: Principal | undefined, presented: Presented): Caller {
    if (principal === undefined || principal.disabled) throw notAuthenticated()
    const known = callers.get(presented)
    if (known?.principal === principal) return known
    const { account, credentialId } = presented
    const caller: Caller = {
      account,
      principalArn: principalArn(account, principal.name),
      principalName: principal.name,
      credentialId,
      principal,
    }
    callers.set(presented, caller)
    return caller
  }

  return {
    callerOf,
    findToken: (lookup) => valid(lookup, 'token'),
    byToken(token) {
      return andThen(valid(tokenLookup(token), 'token'), (credential) => {
        if (credential === undefined) throw notAuthenticated()
        return callerOf(credential)
      })
    },
    findAccessKey(accessKeyId) {
      return andThen(valid(accessKeyId, 'accessKey'), (credential) => {
        if (credential?.sealedSecret === undefined) return undefined
        let accessKey = secrets.get(credential)
        if (accessKey === undefined) {
          const secret = Buffer.from(sealer.open(secretPurpose(accessKeyId), credential.sealedSecret)).toString(
            'latin1',
          )
          accessKey = { credential, secret }
          secrets.set(credential, accessKey)
        }
        return accessKey
      })
    },
  }
}

export function notAuthenticated() {
  return problem('NotAuthenticated', {
    message: 'The credential is not valid.',
    mend: 'It may have expired or been deleted. keyward access token create makes a new one.',
  })
}

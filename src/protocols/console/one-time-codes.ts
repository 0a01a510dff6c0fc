/** Codes that open the console once, just far enough to register a passkey. */
import { z } from 'zod'
import { problem } from '../../domain/errors.ts'
import { type OneTimeCode, recoveryCodeCount } from '../../domain/passkey.ts'
import type { Change } from '../../domain/ports.ts'
import type { Principal } from '../../domain/principal.ts'
import { installation } from '../../domain/records.ts'
import type { Service } from '../../invoke.ts'
import { base32 } from '../../operations/access/credentials.ts'
import { oneTimeCode, oneTimeCodeHash } from '../../operations/access/passkeys.ts'
import { codesOf } from '../../operations/access/ways-in.ts'
import type { HttpRequest } from '../http.ts'
import type { Attempts } from './attempts.ts'
import { bodyOf, type Door, onRecord } from './door.ts'
import type { Sessions } from './sessions.ts'

/** Made on the host by `keyward access setup-link`, which the running service is not asked about. */
export type SetupLinks = {
  /** Gone after that: whoever comes second finds nothing. */
  take(codeHash: string): { readonly account: string; readonly principalName: string } | undefined
}

export type RecoveryCodes = {
  /** For somebody who has none; and what has to be kept of them. */
  unlessThere(
    principal: Principal,
  ): Promise<{ readonly codes?: readonly string[]; readonly changes: readonly Change[] }>
}

export type OneTimeCodes = RecoveryCodes & {
  readonly useSetupCode: Door
  readonly useRecoveryCode: Door
  readonly newRecoveryCodes: Door
}

/** 80 bits, 16 letters. */
const recoveryBytes = 10
const codeSchema = z.strictObject({ code: z.string().min(1).max(200) })

export function openOneTimeCodes(needs: {
  readonly service: Service
  readonly sessions: Sessions
  readonly attempts: Attempts
  readonly setupLinks: SetupLinks
  readonly confirm: (request: HttpRequest) => Promise<void>
}): OneTimeCodes {
  const { service, sessions, attempts, setupLinks } = needs
  const { world } = service
  const { store, clock, random } = world

  /** The principal that the code is for, and what uses it up. `NotAuthenticated` in the same words whatever is wrong. */
  async function prove(kind: OneTimeCode['kind'], code: string): Promise<{ principal: Principal; changes: Change[] }> {
    const codeHash = oneTimeCodeHash(code)
    const record = await store.get('oneTimeCode', installation, codeHash)
    const holds =
      record?.kind === kind && (record.expiresAt === undefined || clock.now() < record.expiresAt) ? record : undefined
    const found = holds ?? (kind === 'setup' ? setupLinks.take(codeHash) : undefined)
    const principal = found && (await store.get('principal', found.account, found.principalName))
    if (principal === undefined || principal.disabled) throw refusedCode()
    if (holds !== undefined && holds.principalId !== principal.principalId) throw refusedCode()
    return { principal, changes: holds === undefined ? [] : [{ remove: 'oneTimeCode', record: holds }] }
  }

  const use =
    (kind: OneTimeCode['kind'], operation: string, spelling: (code: string) => string): Door =>
    (request) =>
      onRecord(service, request, operation, async ({ about, commit }) => {
        const code = spelling(bodyOf(request, codeSchema).code)
        const { principal, changes } = await attempts.guard(request.sourceAddress, () => prove(kind, code))
        const opened = await sessions.open(request, principal, { method: kind, purpose: 'enrolment' })
        about(principal, opened.session.credentialId)
        await commit([...changes, ...opened.changes])
        return { body: { state: 'setup' }, cookies: [opened.cookie] }
      })

  async function fresh(principal: Principal): Promise<{ codes: readonly string[]; changes: readonly Change[] }> {
    const earlier = await codesOf(world, principal.account, principal.name)
    const codes = Array.from({ length: recoveryCodeCount }, () =>
      (base32(random.bytes(recoveryBytes)).match(/.{4}/g) ?? []).join('-'),
    )
    return {
      codes,
      changes: [
        ...earlier
          .filter(({ kind }) => kind === 'recovery')
          .map((record) => ({ remove: 'oneTimeCode', record }) as const),
        ...codes.map(
          (code) =>
            ({
              put: 'oneTimeCode',
              record: oneTimeCode(recoverySpelling(code), 'recovery', principal, clock.now()),
            }) as const,
        ),
      ],
    }
  }

  return {
    useSetupCode: use('setup', 'UseSetupCode', (code) => code.trim()),
    useRecoveryCode: use('recovery', 'UseRecoveryCode', recoverySpelling),

    newRecoveryCodes: (request) =>
      onRecord(service, request, 'CreateRecoveryCodes', async ({ about, commit }) => {
        const { session, caller } = await sessions.callerOf(request)
        about(caller.principal, session.credentialId)
        await needs.confirm(request)
        const { codes, changes } = await fresh(caller.principal)
        await commit(changes)
        return { body: { recoveryCodes: codes } }
      }),

    async unlessThere(principal) {
      const earlier = await codesOf(world, principal.account, principal.name)
      return earlier.some(({ kind }) => kind === 'recovery') ? { changes: [] } : fresh(principal)
    },
  }
}

/** As people copy it from paper: with or without hyphens and spaces, in either case. */
function recoverySpelling(code: string): string {
  return code.replace(/[\s-]/g, '').toUpperCase()
}

function refusedCode() {
  return problem('NotAuthenticated', {
    message: 'The code is not valid.',
    mend: 'It may have been used, or be too old. keyward access setup-link makes a new one, on the host of the service.',
  })
}

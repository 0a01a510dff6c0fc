/** How people come in and go: what all ways share. What happens at the door is on record before it is answered. */
import type { z } from 'zod'
import { problem } from '../../domain/errors.ts'
import type { Change } from '../../domain/ports.ts'
import { type Principal, principalArn } from '../../domain/principal.ts'
import { formatInstant } from '../../domain/time.ts'
import { type Draft, recorded, type Service } from '../../invoke.ts'
import { defaultLimits, type HttpAnswer, type HttpRequest, parseJson } from '../http.ts'

/** An answer that is JSON, before it is written. */
export type DoorAnswer = {
  readonly body: object
  readonly cookies?: readonly string[]
  readonly headers?: Readonly<Record<string, string>>
}

export type Door = (request: HttpRequest) => Promise<DoorAnswer>

export type Recording = {
  /** Who it is about, as soon as that is known. */
  about(principal: Pick<Principal, 'account' | 'name'>, credentialId?: string): void
  note(input: Readonly<Record<string, unknown>>): void
  /** All or nothing, together with the record. */
  commit(changes: readonly Change[]): Promise<void>
}

/** Signing in is no operation: there is no right to it. But it is on record in the same way, whatever its end. */
export function onRecord<T>(
  service: Service,
  request: HttpRequest,
  operation: string,
  run: (recording: Recording) => Promise<T>,
): Promise<T> {
  const { clock, store } = service.world
  const draft: Draft = {
    time: formatInstant(clock.now()),
    requestId: request.requestId,
    protocol: 'console',
    operation,
    sourceAddress: request.sourceAddress,
    outcome: 'ok',
  }
  return recorded(service, draft, (onCommit) =>
    run({
      about({ account, name }, credentialId) {
        draft.account = account
        draft.principal = principalArn(account, name)
        if (credentialId !== undefined) draft.credentialId = credentialId
      },
      note(input) {
        draft.input = { ...draft.input, ...input }
      },
      async commit(changes) {
        onCommit()
        await store.commit(changes, draft)
      },
    }),
  )
}

export function bodyOf<T extends z.ZodType>(request: HttpRequest, schema: T): z.output<T> {
  const parsed = schema.safeParse(parseJson(request.body, defaultLimits))
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const member = issue?.path.join('.') ?? ''
  throw problem('InvalidRequest', { member, message: `${member === '' ? 'The body' : member}: ${issue?.message}.` })
}

export function answerOf({ body, cookies = [], headers = {} }: DoorAnswer): HttpAnswer {
  return {
    status: 200,
    headers: {
      'Content-Type': 'application/json',
      ...headers,
      ...(cookies.length === 0 ? {} : { 'Set-Cookie': [...cookies] }),
    },
    body: JSON.stringify(body),
    outcome: 'ok',
  }
}

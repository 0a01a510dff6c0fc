/** Calls between the processes of a service. Messages go through the supervisor, which knows who lives (supervisor.ts). */
import { Problem, type ProblemCode, problem } from '../domain/errors.ts'
import type { Calls } from './calls.ts'

/** 0 is the keeper; those that serve are 1, 2 and so on. */
export type Address = 'supervisor' | number

export type Message =
  | {
      readonly is: 'call'
      readonly to: Address
      readonly from: Address
      readonly id: string
      readonly name: keyof Calls
      readonly args: readonly unknown[]
    }
  | { readonly is: 'answer'; readonly to: Address; readonly id: string; readonly value: unknown }
  | { readonly is: 'refusal'; readonly to: Address; readonly id: string; readonly refusal: Refusal }

/** A Problem as it travels; `code` is absent where it was none, but a bug. */
export type Refusal = {
  readonly code?: ProblemCode
  readonly message: string
  readonly mend?: string
  readonly member?: string
  readonly facts?: Readonly<Record<string, unknown>>
}

export type Call = <N extends keyof Calls>(
  to: Address,
  name: N,
  ...args: Parameters<Calls[N]>
) => Promise<Awaited<ReturnType<Calls[N]>>>

export type Peer = {
  readonly call: Call
  handle<N extends keyof Calls>(name: N, answer: Calls[N]): void
  receive(message: Message): void
}

type Handler = (...args: readonly unknown[]) => unknown

/** `serial` tells this process from one before it with the same address. */
export function peer(self: Address, serial: number, send: (message: Message) => void): Peer {
  const waiting = new Map<string, PromiseWithResolvers<unknown>>()
  const handlers = new Map<keyof Calls, PromiseWithResolvers<Handler>>()
  let calls = 0

  function handlerOf(name: keyof Calls): PromiseWithResolvers<Handler> {
    const known = handlers.get(name) ?? Promise.withResolvers<Handler>()
    handlers.set(name, known)
    return known
  }

  async function answer(message: Message & { readonly is: 'call' }): Promise<void> {
    const { from: to, id, name, args } = message
    try {
      // One that starts answers as soon as it can.
      const handler = await handlerOf(name).promise
      send({ is: 'answer', to, id, value: await handler(...args) })
    } catch (error) {
      send({ is: 'refusal', to, id, refusal: refusalOf(error) })
    }
  }

  return {
    call<N extends keyof Calls>(to: Address, name: N, ...args: Parameters<Calls[N]>) {
      calls++
      const id = `${serial}.${calls}`
      const answered = Promise.withResolvers<unknown>()
      waiting.set(id, answered)
      send({ is: 'call', to, from: self, id, name, args })
      return answered.promise as Promise<Awaited<ReturnType<Calls[N]>>>
    },
    handle(name, handler) {
      handlerOf(name).resolve(handler as Handler)
    },
    receive(message) {
      if (message.is === 'call') {
        answer(message)
        return
      }
      const answered = waiting.get(message.id)
      waiting.delete(message.id)
      if (message.is === 'answer') answered?.resolve(message.value)
      else answered?.reject(errorOf(message.refusal))
    },
  }
}

export function refusalOf(error: unknown): Refusal {
  if (!(error instanceof Problem)) return { message: String((error as Error | undefined)?.stack ?? error) }
  const { code, message, mend, member, facts } = error
  return {
    code,
    message,
    facts,
    ...(mend === undefined ? {} : { mend }),
    ...(member === undefined ? {} : { member }),
  }
}

export function errorOf({ code, ...details }: Refusal): Error {
  return code === undefined ? new Error(details.message) : problem(code, details)
}

/** The counts of the audit logs are kept by the keeper; others ask it. */
import type { Usage } from '../domain/ports.ts'
import type { Siblings } from './siblings.ts'

const methods: { readonly [M in keyof Usage]: true } = {
  lastUse: true,
  usesOf: true,
  usesByDay: true,
  decryptionsByVersion: true,
  report: true,
  events: true,
  refusals: true,
  catchUp: true,
}

export function remoteUsage({ call }: Siblings): Usage {
  const asked = Object.keys(methods).map((method) => [
    method,
    (...args: readonly unknown[]) => call(0, 'usage', method as keyof Usage, args),
  ])
  return Object.fromEntries(asked) as Usage
}

export function serveUsage({ handle }: Siblings, usage: Usage): void {
  handle('usage', async (method, args) => {
    if (!Object.hasOwn(methods, method)) throw new Error(`There is no ${method} to ask the usage for.`)
    return (usage[method] as (...args: readonly unknown[]) => Promise<unknown>)(...args)
  })
}

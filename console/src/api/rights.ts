/** What the signed-in may do: asked for whatever is on the screen, in one call for all that asks at the same moment. */
import { useQueries, useQuery } from '@tanstack/react-query'
import { call } from './client.ts'
import { getOwnRights } from './operations.ts'

/** `keyId` is absent where no single key is concerned. */
type Question = { readonly action: string; readonly keyId: string | undefined }
type Asker = {
  readonly action: string
  readonly resolve: (allowed: boolean) => void
  readonly reject: (error: unknown) => void
}

const waiting = new Map<string | undefined, Asker[]>()

function ask({ action, keyId }: Question): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const askers = waiting.get(keyId)
    if (askers !== undefined) {
      askers.push({ action, resolve, reject })
      return
    }
    waiting.set(keyId, [{ action, resolve, reject }])
    setTimeout(() => askAll(keyId), 0)
  })
}

async function askAll(keyId: string | undefined): Promise<void> {
  const askers = waiting.get(keyId) ?? []
  waiting.delete(keyId)
  try {
    const actions = [...new Set(askers.map(({ action }) => action))]
    const { rights } = await call(getOwnRights, { actions, ...(keyId === undefined ? {} : { keyId }) })
    const allowed = new Map(rights.map((right) => [right.action, right.allowed]))
    for (const asker of askers) asker.resolve(allowed.get(asker.action) ?? false)
  } catch (error) {
    for (const asker of askers) asker.reject(error)
  }
}

function rightQuery(action: string, keyId: string | undefined) {
  return {
    queryKey: ['right', action, keyId ?? ''],
    queryFn: () => ask({ action, keyId }),
    staleTime: 60_000,
    retry: false,
  }
}

/**
 * May the signed-in do this (`kms:CreateKey`)? Undefined while that is not known. It is only for what a screen shows: the
 * server decides again at every call.
 */
export function useRight(action: string, keyId?: string): boolean | undefined {
  return useQuery(rightQuery(action, keyId)).data
}

/** The same for several, each by its name. */
export function useRights(actions: readonly string[], keyId?: string): ReadonlyMap<string, boolean | undefined> {
  const answers = useQueries({ queries: actions.map((action) => rightQuery(action, keyId)) })
  return new Map(actions.map((action, at) => [action, answers[at]?.data]))
}

/** One key, as several screens look at it; and doing something to it. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { call } from '../../api/client.ts'
import { describeKey, listAliases } from '../../api/operations.ts'
import { useNotifications } from '../../app/notifications.tsx'

export function useKey(keyId: string) {
  return useQuery({
    queryKey: ['keys', keyId, 'key'],
    queryFn: async () => (await call(describeKey, { keyId })).key,
  })
}

/** Names of the key, without reading all aliases of the account. A key has at most 50. */
export function useAliasesOf(keyId: string) {
  return useQuery({
    queryKey: ['keys', keyId, 'aliases'],
    queryFn: async () => (await call(listAliases, { keyId, limit: 100 })).aliases,
  })
}

/** Does something to keys; then everything about keys is read again, and a notice tells what was done, or what went wrong. */
export function useChange<Input = void>(
  change: (input: Input) => Promise<unknown>,
  told: { readonly done: ReactNode; readonly after?: () => void; readonly quietly?: boolean },
) {
  const queries = useQueryClient()
  const { done, failed } = useNotifications()
  return useMutation({
    mutationFn: change,
    onSuccess: () => {
      done(told.done)
      told.after?.()
    },
    // A form shows its own refusal, where the person is looking.
    onError: told.quietly ? () => {} : failed,
    onSettled: () => queries.invalidateQueries({ queryKey: ['keys'] }),
  })
}

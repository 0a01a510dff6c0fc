/** A change: it is done, told, and what it touches is shown anew. */
import { type QueryKey, useMutation, useQueryClient } from '@tanstack/react-query'
import { useNotifications } from '../app/notifications.tsx'

export type Change<Answer> = {
  readonly change: () => Promise<Answer>
  /** Told when it is done. */
  readonly told: string
  /** Queries whose keys begin so. */
  readonly touches: readonly QueryKey[]
  readonly afterwards?: (answer: Answer) => void
}

export function useChange<Answer>({ change, told, touches, afterwards }: Change<Answer>) {
  const queries = useQueryClient()
  const { done } = useNotifications()
  return useMutation({
    mutationFn: () => change(),
    // What is answered may be a secret: it is not kept.
    gcTime: 0,
    onSuccess: async (answer) => {
      if (told !== '') done(told)
      afterwards?.(answer)
      await Promise.all(touches.map((queryKey) => queries.invalidateQueries({ queryKey })))
    },
  })
}

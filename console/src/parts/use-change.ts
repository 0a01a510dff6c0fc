/** A change: it is done, told, and what it touches is shown anew. */
import { type QueryKey, useMutation, useQueryClient } from '@tanstack/react-query'
import { useNotifications } from '../app/notifications.tsx'

export type Change<Answer, Input = void> = {
  readonly change: (input: Input) => Promise<Answer>
  /** Told when it is done. */
  readonly told: string
  /** Queries whose keys begin so. */
  readonly touches: readonly QueryKey[]
  readonly afterwards?: ((answer: Answer) => void) | undefined
  /** A refusal is told above the page too: for what is done without a dialog that would show it. */
  readonly tellsRefusal?: boolean
}

export function useChange<Answer, Input = void>({
  change,
  told,
  touches,
  afterwards,
  tellsRefusal = false,
}: Change<Answer, Input>) {
  const queries = useQueryClient()
  const { done, failed } = useNotifications()
  return useMutation({
    mutationFn: (input: Input) => change(input),
    // What is answered may be a secret: it is not kept.
    gcTime: 0,
    onSuccess: (answer) => {
      if (told !== '') done(told)
      afterwards?.(answer)
    },
    ...(tellsRefusal ? { onError: failed } : {}),
    // Of several calls some may have been done before one was refused.
    onSettled: () => Promise.all(touches.map((queryKey) => queries.invalidateQueries({ queryKey }))),
  })
}

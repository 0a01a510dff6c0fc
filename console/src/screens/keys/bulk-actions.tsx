/** What can be done to several keys at once. Each key is a call of its own, with its own rights and its own record. */
import type { ButtonDropdownProps } from '@cloudscape-design/components/button-dropdown'
import { useQueryClient } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { call } from '../../api/client.ts'
import { disableKey, enableKey, type ListedKey } from '../../api/operations.ts'
import { useNotifications } from '../../app/notifications.tsx'
import { useFormats, useText } from '../../i18n/index.tsx'
import { useObstacle } from '../../parts/guarded-button.tsx'
import { ProblemText } from '../../parts/problem.tsx'
import { nameOf } from './key-list.tsx'

export function useBulkActions(
  selected: readonly ListedKey[],
  onDone: () => void,
): { readonly items: ButtonDropdownProps.Items; readonly start: (id: string) => void; readonly dialog: ReactNode } {
  const text = useText()
  const formats = useFormats()
  const queries = useQueryClient()
  const { done, show } = useNotifications()
  const nothing = selected.length === 0 && text.keys.chooseKeys
  const obstacles = {
    enable: useObstacle({ right: 'kms:EnableKey', why: nothing }),
    disable: useObstacle({ right: 'kms:DisableKey', why: nothing }),
  }

  async function forEach(what: (key: ListedKey) => Promise<unknown>): Promise<void> {
    let count = 0
    for (const key of selected) {
      try {
        await what(key)
        count++
      } catch (error) {
        show({ type: 'error', header: text.keys.bulkFailed(nameOf(key)), content: <ProblemText error={error} /> })
      }
    }
    if (count > 0) done(text.keys.bulkDone(formats.number(count)))
    await queries.invalidateQueries({ queryKey: ['keys'] })
    onDone()
  }

  const item = (id: keyof typeof obstacles, words: string): ButtonDropdownProps.Item => {
    const obstacle = obstacles[id]
    return { id, text: words, ...(obstacle === undefined ? {} : { disabled: true, disabledReason: obstacle }) }
  }
  return {
    items: [item('enable', text.keys.enable), item('disable', text.keys.disable)],
    start(id) {
      if (id === 'enable') void forEach(({ keyId }) => call(enableKey, { keyId }))
      if (id === 'disable') void forEach(({ keyId }) => call(disableKey, { keyId }))
    },
    dialog: undefined,
  }
}

/** What was done, and what went wrong, above every screen. */
import Flashbar, { type FlashbarProps } from '@cloudscape-design/components/flashbar'
import { createContext, type ReactNode, useCallback, useContext, useMemo, useState } from 'react'
import { useText } from '../i18n/index.tsx'
import { ProblemText } from '../parts/problem.tsx'

type Notice = Pick<FlashbarProps.MessageDefinition, 'type' | 'header' | 'content' | 'action'>
type Notifications = {
  readonly show: (notice: Notice) => void
  readonly done: (header: ReactNode, content?: ReactNode) => void
  readonly failed: (error: unknown) => void
}

const NotificationsContext = createContext<Notifications | undefined>(undefined)
const ItemsContext = createContext<readonly FlashbarProps.MessageDefinition[]>([])

let count = 0

export function NotificationsProvider({ children }: { readonly children: ReactNode }) {
  const text = useText()
  const [items, setItems] = useState<readonly FlashbarProps.MessageDefinition[]>([])
  const show = useCallback(
    (notice: Notice) => {
      const id = String(++count)
      setItems((shown) => [
        // The newest first, and no wall of them.
        {
          ...notice,
          id,
          dismissible: true,
          dismissLabel: text.app.dismiss,
          onDismiss: () => setItems((all) => all.filter((item) => item.id !== id)),
          ...(notice.type === 'error' ? { ariaRole: 'alert' as const } : { ariaRole: 'status' as const }),
        },
        ...shown.slice(0, 4),
      ])
    },
    [text],
  )
  const value = useMemo(
    () => ({
      show,
      done: (header: ReactNode, content?: ReactNode) => show({ type: 'success', header, content }),
      failed: (error: unknown) => show({ type: 'error', content: <ProblemText error={error} /> }),
    }),
    [show],
  )
  return (
    <NotificationsContext value={value}>
      <ItemsContext value={items}>{children}</ItemsContext>
    </NotificationsContext>
  )
}

export function useNotifications(): Notifications {
  const value = useContext(NotificationsContext)
  if (value === undefined) throw new Error('outside NotificationsProvider')
  return value
}

export function NotificationBar() {
  const text = useText()
  return (
    <Flashbar
      items={useContext(ItemsContext)}
      stackItems
      i18nStrings={{ ariaLabel: text.app.notifications, notificationBarText: text.app.notifications }}
    />
  )
}

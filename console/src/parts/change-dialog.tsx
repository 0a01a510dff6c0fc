/** A dialog around one change: what it is called, whether it may be done yet, and what came of it. */
import type { ReactNode } from 'react'
import { useText } from '../i18n/index.tsx'
import type { asCall } from './copy-as.tsx'
import { Dialog } from './dialog.tsx'

export type ChangeDialogProps = {
  readonly header: string
  /** The words of the button that does it. */
  readonly action: string
  readonly close: () => void
  readonly change: { readonly mutate: () => void; readonly isPending: boolean; readonly error: unknown }
  readonly ready?: boolean
  readonly size?: 'medium' | 'large'
  readonly calls?: readonly ReturnType<typeof asCall>[]
  readonly children: ReactNode
}

export function ChangeDialog({ header, action, close, change, ready = true, ...rest }: ChangeDialogProps) {
  const text = useText()
  return (
    <Dialog
      {...rest}
      title={header}
      confirm={action}
      onConfirm={() => change.mutate()}
      onClose={close}
      busy={change.isPending}
      blocked={ready ? undefined : text.app.incomplete}
      error={change.error}
    />
  )
}

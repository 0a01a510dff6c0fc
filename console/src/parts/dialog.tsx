/** A question before something is done: what it will do, the call it makes, and two ways out. Enter confirms. */
import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import Modal from '@cloudscape-design/components/modal'
import SpaceBetween from '@cloudscape-design/components/space-between'
import type { FormEvent, ReactNode } from 'react'
import { useText } from '../i18n/index.tsx'
import { type asCall, CopyAs } from './copy-as.tsx'
import { ProblemAlert } from './problem.tsx'

export function Dialog({
  title,
  confirm,
  onConfirm,
  onClose,
  busy = false,
  blocked,
  error,
  calls = [],
  size = 'medium',
  children,
}: {
  readonly title: string
  readonly confirm: string
  readonly onConfirm: () => void
  readonly onClose: () => void
  readonly busy?: boolean
  /** Why it cannot be confirmed yet. */
  readonly blocked?: string | undefined
  readonly error?: unknown
  readonly calls?: readonly ReturnType<typeof asCall>[]
  readonly size?: 'medium' | 'large'
  readonly children: ReactNode
}) {
  const text = useText()
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (blocked === undefined && !busy) onConfirm()
  }
  return (
    <Modal
      visible
      size={size}
      header={title}
      closeAriaLabel={text.app.close}
      onDismiss={onClose}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={onClose}>
              {text.app.cancel}
            </Button>
            {blocked === undefined ? (
              <Button variant="primary" loading={busy} onClick={onConfirm}>
                {confirm}
              </Button>
            ) : (
              <Button variant="primary" disabled disabledReason={blocked}>
                {confirm}
              </Button>
            )}
          </SpaceBetween>
        </Box>
      }
    >
      <form onSubmit={submit}>
        <SpaceBetween size="m">
          <ProblemAlert error={error} />
          {children}
          {calls.length > 0 && <CopyAs calls={calls} />}
        </SpaceBetween>
      </form>
    </Modal>
  )
}

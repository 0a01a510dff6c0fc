/** What can be done to several keys at once. Each key is a call of its own, with its own rights and its own record. */
import type { ButtonDropdownProps } from '@cloudscape-design/components/button-dropdown'
import { useQueryClient } from '@tanstack/react-query'
import { type ReactNode, useState } from 'react'
import { call } from '../../api/client.ts'
import { disableKey, enableKey, type ListedKey, tagResource } from '../../api/operations.ts'
import { useNotifications } from '../../app/notifications.tsx'
import { useFormats, useText } from '../../i18n/index.tsx'
import { asCall } from '../../parts/copy-as.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { useObstacles } from '../../parts/guarded-button.tsx'
import { ProblemText } from '../../parts/problem.tsx'
import { TagEditor, type TagRow, tagsOf } from '../../parts/tag-editor.tsx'
import { DeletionDialog } from './deletion-dialog.tsx'
import { nameOf } from './key-words.tsx'
import { useKeyChange } from './use-key.ts'

const rights = ['kms:DisableKey', 'kms:EnableKey', 'kms:ScheduleKeyDeletion', 'kms:TagResource'] as const

export function useBulkActions(
  selected: readonly ListedKey[],
  onDone: () => void,
): { readonly items: ButtonDropdownProps.Items; readonly start: (id: string) => void; readonly dialog: ReactNode } {
  const text = useText()
  const formats = useFormats()
  const queries = useQueryClient()
  const { done, show } = useNotifications()
  const [dialog, setDialog] = useState<'tag' | 'deletion'>()
  const nothing = selected.length === 0 && text.keys.chooseKeys
  const guarded = selected.find(({ deletionProtection }) => deletionProtection !== undefined)
  const guard = useObstacles(rights)
  const obstacles = {
    enable: guard('kms:EnableKey', nothing),
    disable: guard('kms:DisableKey', nothing),
    tag: guard('kms:TagResource', nothing),
    deletion: guard(
      'kms:ScheduleKeyDeletion',
      nothing ||
        (guarded?.deletionProtection !== undefined &&
          `${nameOf(guarded)}: ${text.keys.deletion.protected(guarded.deletionProtection.reason)}`),
    ),
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
  const close = () => {
    setDialog(undefined)
    onDone()
  }
  return {
    items: [
      item('enable', text.keys.enable),
      item('disable', text.keys.disable),
      item('tag', text.keys.tag),
      item('deletion', text.keys.scheduleDeletion),
    ],
    start(id) {
      if (id === 'enable') void forEach(({ keyId }) => call(enableKey, { keyId }))
      if (id === 'disable') void forEach(({ keyId }) => call(disableKey, { keyId }))
      if (id === 'tag' || id === 'deletion') setDialog(id)
    },
    dialog:
      dialog === 'tag' ? (
        <BulkTagDialog keys={selected} onClose={close} />
      ) : dialog === 'deletion' ? (
        <DeletionDialog keys={selected} onClose={close} />
      ) : undefined,
  }
}

function BulkTagDialog({ keys, onClose }: { readonly keys: readonly ListedKey[]; readonly onClose: () => void }) {
  const text = useText()
  const formats = useFormats()
  const [rows, setRows] = useState<readonly TagRow[]>([{ name: '', value: '' }])
  const tags = tagsOf(rows)
  const calls = keys.map(({ keyId }) => ({ keyId, tags }))
  // Setting a tag once more changes nothing, so after a refusal the whole can be sent again.
  const set = useKeyChange(
    async () => {
      for (const input of calls) await call(tagResource, input)
    },
    { done: text.keys.tagsAdded, after: onClose, inDialog: true },
  )
  return (
    <Dialog
      title={text.keys.tagKeys(formats.number(keys.length))}
      confirm={text.keys.tag}
      onConfirm={() => set.mutate()}
      onClose={onClose}
      busy={set.isPending}
      blocked={Object.keys(tags).length === 0 ? text.keys.tagNothing : undefined}
      error={set.error}
      calls={calls.map((input) => asCall(tagResource, input))}
    >
      <TagEditor rows={rows} onChange={setRows} />
    </Dialog>
  )
}

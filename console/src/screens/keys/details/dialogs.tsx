/** Small changes of a key that are asked for in a dialog. */
import FormField from '@cloudscape-design/components/form-field'
import Input from '@cloudscape-design/components/input'
import Textarea from '@cloudscape-design/components/textarea'
import { useState } from 'react'
import { call } from '../../../api/client.ts'
import { type KeyMetadata, setDeletionProtection, updateKeyDescription } from '../../../api/operations.ts'
import { useText } from '../../../i18n/index.tsx'
import { asCall } from '../../../parts/copy-as.tsx'
import { Dialog } from '../../../parts/dialog.tsx'
import { useKeyChange } from '../use-key.ts'

type Props = { readonly ofKey: KeyMetadata; readonly onClose: () => void }

export function DescriptionDialog({ ofKey: { keyId, description }, onClose }: Props) {
  const text = useText()
  const [wanted, setWanted] = useState(description)
  const input = { keyId, description: wanted }
  const change = useKeyChange(() => call(updateKeyDescription, input), {
    done: text.keys.details.described,
    after: onClose,
    inDialog: true,
  })
  return (
    <Dialog
      title={text.keys.details.editDescription}
      confirm={text.app.save}
      onConfirm={() => change.mutate()}
      onClose={onClose}
      busy={change.isPending}
      error={change.error}
      calls={[asCall(updateKeyDescription, input, `update-key-description --key-id ${keyId} --description …`)]}
    >
      <FormField label={text.keys.columns.description} stretch>
        <Textarea value={wanted} rows={3} onChange={({ detail }) => setWanted(detail.value)} autoFocus />
      </FormField>
    </Dialog>
  )
}

export function ProtectionDialog({ ofKey: { keyId, deletionProtection }, onClose }: Props) {
  const text = useText()
  const on = deletionProtection === undefined
  const [reason, setReason] = useState(text.keys.creation.guardReasonFirst)
  const input = { keyId, enabled: on, ...(on ? { reason } : {}) }
  const change = useKeyChange(() => call(setDeletionProtection, input), {
    done: on ? text.keys.deletion.protectionOn : text.keys.deletion.protectionOff,
    after: onClose,
    inDialog: true,
  })
  return (
    <Dialog
      title={on ? text.keys.deletion.protect : text.keys.deletion.unprotect}
      confirm={text.app.confirm}
      onConfirm={() => change.mutate()}
      onClose={onClose}
      busy={change.isPending}
      blocked={on && reason.trim() === '' ? text.keys.creation.guardReasonMissing : undefined}
      error={change.error}
      calls={[asCall(setDeletionProtection, input)]}
    >
      {on ? (
        <FormField label={text.keys.deletion.protectionReason} description={text.keys.deletion.protectionHint} stretch>
          <Input value={reason} onChange={({ detail }) => setReason(detail.value)} autoFocus />
        </FormField>
      ) : (
        text.keys.deletion.unprotectText(deletionProtection.reason)
      )}
    </Dialog>
  )
}

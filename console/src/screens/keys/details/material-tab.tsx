import Alert from '@cloudscape-design/components/alert'
import Box from '@cloudscape-design/components/box'
import Container from '@cloudscape-design/components/container'
import Header from '@cloudscape-design/components/header'
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs'
import SpaceBetween from '@cloudscape-design/components/space-between'
import { useState } from 'react'
import { call } from '../../../api/client.ts'
import { approveImport, deleteKeyMaterial, type KeyMetadata } from '../../../api/operations.ts'
import { base, useFollow } from '../../../app/follow.tsx'
import { useFormats, useText } from '../../../i18n/index.tsx'
import { asCall } from '../../../parts/copy-as.tsx'
import { Dialog } from '../../../parts/dialog.tsx'
import { GuardedButton } from '../../../parts/guarded-button.tsx'
import { useKeyChange } from '../use-key.ts'

export function MaterialTab({ ofKey: key }: { readonly ofKey: KeyMetadata }) {
  const text = useText()
  const formats = useFormats()
  const follow = useFollow()
  const words = text.keys.import
  const { keyId } = key
  const [deleting, setDeleting] = useState(false)
  const input = { keyId }
  const remove = useKeyChange(() => call(deleteKeyMaterial, input), {
    done: words.materialDeleted,
    after: () => setDeleting(false),
    inDialog: true,
  })
  const approve = useKeyChange(() => call(approveImport, { keyId }), { done: words.approved })
  const there = key.keyState !== 'PendingImport'
  const dying = key.keyState === 'PendingDeletion' && text.keys.details.notInState(text.keys.states[key.keyState])
  return (
    <>
      <Container
        header={
          <Header
            variant="h2"
            description={words.bound}
            actions={
              <SpaceBetween direction="horizontal" size="xs">
                {key.importApproval && (
                  <GuardedButton
                    right="kms:ApproveImport"
                    keyId={keyId}
                    why={dying}
                    loading={approve.isPending}
                    onClick={() => approve.mutate()}
                  >
                    {words.approve}
                  </GuardedButton>
                )}
                <GuardedButton
                  right="kms:ImportKeyMaterial"
                  keyId={keyId}
                  why={dying}
                  href={`${base}/keys/${keyId}/import`}
                  onFollow={follow}
                >
                  {there ? words.again : words.title}
                </GuardedButton>
                <GuardedButton
                  right="kms:DeleteKeyMaterial"
                  keyId={keyId}
                  why={!there && words.noMaterial}
                  onClick={() => setDeleting(true)}
                >
                  {words.delete}
                </GuardedButton>
              </SpaceBetween>
            }
          >
            {text.keys.creation.material}
          </Header>
        }
      >
        <KeyValuePairs
          columns={3}
          items={[
            { label: words.state, value: there ? words.imported : words.noMaterial },
            {
              label: text.keys.columns.expires,
              value:
                key.materialExpiresAt === undefined
                  ? there
                    ? words.neverExpires
                    : '–'
                  : formats.exactly(key.materialExpiresAt),
            },
            { label: text.keys.creation.approval, value: key.importApproval ? text.app.yes : text.app.no },
          ]}
        />
      </Container>
      {deleting && (
        <Dialog
          title={words.delete}
          confirm={words.delete}
          onConfirm={() => remove.mutate()}
          onClose={() => setDeleting(false)}
          busy={remove.isPending}
          error={remove.error}
          calls={[asCall(deleteKeyMaterial, input, `delete-imported-key-material --key-id ${keyId}`)]}
        >
          <Alert type="warning" header={words.deleteHeader}>
            <Box>{words.deleteText}</Box>
          </Alert>
        </Dialog>
      )}
    </>
  )
}

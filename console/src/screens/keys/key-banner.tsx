/** What one must know of a key before anything else: on every page of that key. */
import Alert from '@cloudscape-design/components/alert'
import SpaceBetween from '@cloudscape-design/components/space-between'
import { call } from '../../api/client.ts'
import { cancelKeyDeletion, enableKey, type KeyMetadata } from '../../api/operations.ts'
import { base, useFollow } from '../../app/follow.tsx'
import { useFormats, useText } from '../../i18n/index.tsx'
import { GuardedButton } from '../../parts/guarded-button.tsx'
import { useKeyChange } from './use-key.ts'

/** Imported material that expires so soon is told. */
const soonMs = 14 * 86_400_000

export function KeyBanner({
  ofKey: key,
  onImportPage = false,
}: {
  readonly ofKey: KeyMetadata
  readonly onImportPage?: boolean
}) {
  const text = useText()
  const formats = useFormats()
  const follow = useFollow()
  const { keyId } = key
  const cancel = useKeyChange(() => call(cancelKeyDeletion, { keyId }), { done: text.keys.deletion.cancelled })
  const enable = useKeyChange(() => call(enableKey, { keyId }), { done: text.keys.details.enabled })
  const expiresIn = key.materialExpiresAt === undefined ? undefined : Date.parse(key.materialExpiresAt) - Date.now()

  return (
    <SpaceBetween size="s">
      {key.keyState === 'PendingDeletion' && key.deleteAt !== undefined && (
        <Alert
          type="error"
          header={text.keys.deletion.banner(formats.span(Date.parse(key.deleteAt) - Date.now()))}
          action={
            <GuardedButton
              right="kms:CancelKeyDeletion"
              keyId={keyId}
              loading={cancel.isPending}
              onClick={() => cancel.mutate()}
            >
              {text.keys.deletion.cancel}
            </GuardedButton>
          }
        >
          {text.keys.deletion.bannerText(formats.exactly(key.deleteAt))}
        </Alert>
      )}
      {key.keyState === 'PendingReplicaDeletion' && (
        <Alert type="error" header={text.keys.states.PendingReplicaDeletion}>
          {text.keys.deletion.waitsForReplicas}
        </Alert>
      )}
      {key.keyState === 'PendingImport' && !onImportPage && (
        <Alert
          type="info"
          header={text.keys.states.PendingImport}
          action={
            <GuardedButton
              right="kms:ImportKeyMaterial"
              keyId={keyId}
              href={`${base}/keys/${keyId}/import`}
              onFollow={follow}
            >
              {text.keys.import.title}
            </GuardedButton>
          }
        >
          {key.newestVersionId === undefined ? text.keys.import.waits : text.keys.import.waitsAgain}
        </Alert>
      )}
      {key.keyState === 'Disabled' && (
        <Alert
          type="warning"
          header={text.keys.states.Disabled}
          action={
            <GuardedButton
              right="kms:EnableKey"
              keyId={keyId}
              loading={enable.isPending}
              onClick={() => enable.mutate()}
            >
              {text.keys.enable}
            </GuardedButton>
          }
        >
          {text.keys.details.disabledText}
        </Alert>
      )}
      {key.materialExpiresAt !== undefined && expiresIn !== undefined && expiresIn < soonMs && (
        <Alert type="warning" header={text.keys.import.expiresIn(formats.span(expiresIn))}>
          {formats.exactly(key.materialExpiresAt)}
        </Alert>
      )}
    </SpaceBetween>
  )
}

/** Small things about keys that several screens show. */
import CopyToClipboard from '@cloudscape-design/components/copy-to-clipboard'
import StatusIndicator, { type StatusIndicatorProps } from '@cloudscape-design/components/status-indicator'
import type { KeyMetadata, ListedKey } from '../../api/operations.ts'
import { useFormats, useText } from '../../i18n/index.tsx'

const looks: Readonly<Record<KeyMetadata['keyState'], StatusIndicatorProps.Type>> = {
  Enabled: 'success',
  Disabled: 'stopped',
  PendingImport: 'pending',
  PendingDeletion: 'error',
  PendingReplicaDeletion: 'warning',
  Unavailable: 'warning',
}

export function KeyStateIndicator({ state }: { readonly state: KeyMetadata['keyState'] }) {
  const text = useText()
  return (
    <StatusIndicator type={looks[state]} wrapText={false}>
      {text.keys.states[state]}
    </StatusIndicator>
  )
}

/** A value to be copied whole: an id, an ARN. */
export function Copyable({ value, inline = true }: { readonly value: string; readonly inline?: boolean }) {
  const text = useText()
  return (
    <CopyToClipboard
      variant={inline ? 'inline' : 'icon'}
      textToCopy={value}
      copyButtonAriaLabel={`${text.app.copy} ${value}`}
      copySuccessText={text.app.copied}
      copyErrorText={text.app.copyFailed}
    />
  )
}

/** How long ago or until when; the exact time on hover and for screen readers. */
export function Moment({ at }: { readonly at: string | undefined }) {
  const text = useText()
  const formats = useFormats()
  if (at === undefined) return <>{text.app.never}</>
  return (
    <time dateTime={at} title={formats.exactly(at)}>
      {formats.fromNow(at)}
    </time>
  )
}

/** What a person calls the key. */
export function nameOf(key: Pick<ListedKey, 'aliases' | 'keyId'>): string {
  return key.aliases?.[0] ?? key.keyId
}

/** A secret on the screen: covered until one asks to see it, and copied without being seen. */
import Box from '@cloudscape-design/components/box'
import CopyToClipboard from '@cloudscape-design/components/copy-to-clipboard'
import FormField from '@cloudscape-design/components/form-field'
import SpaceBetween from '@cloudscape-design/components/space-between'
import ToggleButton from '@cloudscape-design/components/toggle-button'
import { useState } from 'react'
import { useText } from '../i18n/index.tsx'

export function Secret({ label, value }: { readonly label: string; readonly value: string }) {
  const text = useText()
  const [shown, setShown] = useState(false)
  return (
    <FormField label={label} stretch>
      <SpaceBetween size="xs">
        <Box variant="code">{shown ? value : '•'.repeat(24)}</Box>
        <SpaceBetween direction="horizontal" size="xs">
          <ToggleButton
            iconName="lock-private"
            pressedIconName="unlocked"
            pressed={shown}
            onChange={({ detail }) => setShown(detail.pressed)}
          >
            {shown ? text.app.hide : text.app.reveal}
          </ToggleButton>
          <CopyToClipboard
            textToCopy={value}
            copyButtonText={text.app.copy}
            copyButtonAriaLabel={`${text.app.copy}: ${label}`}
            copySuccessText={text.app.copied}
            copyErrorText={text.app.copyFailed}
          />
        </SpaceBetween>
      </SpaceBetween>
    </FormField>
  )
}

/** Shown once: ten codes that stand in for a lost passkey. */
import Box from '@cloudscape-design/components/box'
import CopyToClipboard from '@cloudscape-design/components/copy-to-clipboard'
import SpaceBetween from '@cloudscape-design/components/space-between'
import { useText } from '../../i18n/index.tsx'

export function RecoveryCodes({ codes }: { readonly codes: readonly string[] }) {
  const text = useText()
  return (
    <SpaceBetween size="s">
      <Box>{text.signIn.recoveryCodesHelp}</Box>
      <ul aria-label={text.signIn.recoveryCodes}>
        {codes.map((code) => (
          <li key={code}>
            <Box variant="code" fontSize="heading-s">
              {code}
            </Box>
          </li>
        ))}
      </ul>
      <CopyToClipboard
        copyButtonText={text.app.copy}
        copySuccessText={text.app.copied}
        copyErrorText={text.app.copyFailed}
        textToCopy={codes.join('\n')}
      />
    </SpaceBetween>
  )
}

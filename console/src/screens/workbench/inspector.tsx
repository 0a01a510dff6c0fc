import Alert from '@cloudscape-design/components/alert'
import Box from '@cloudscape-design/components/box'
import Container from '@cloudscape-design/components/container'
import Header from '@cloudscape-design/components/header'
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs'
import SpaceBetween from '@cloudscape-design/components/space-between'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import { useQuery } from '@tanstack/react-query'
import { call } from '../../api/client.ts'
import { describeKey, describeKeyVersion } from '../../api/operations.ts'
import { ScreenLink } from '../../app/follow.tsx'
import { useFormats, useText } from '../../i18n/index.tsx'
import { BytesField, bytesOf, type Given } from './bytes-field.tsx'
import { type Inspected, inspect } from './ciphertext.ts'

export function Inspector({ given, onChange }: { readonly given: Given; readonly onChange: (given: Given) => void }) {
  const text = useText()
  const bytes = bytesOf(given)
  const found = bytes === undefined ? undefined : inspect(bytes)
  return (
    <SpaceBetween size="l">
      <Container>
        <BytesField
          label={text.workbench.ciphertext}
          given={given}
          onChange={onChange}
          kinds={['base64', 'text', 'file']}
        />
      </Container>
      {found !== undefined && <Found of={found} />}
    </SpaceBetween>
  )
}

function Found({ of }: { readonly of: Inspected }) {
  const text = useText()
  const words = text.workbench.inspected
  switch (of.is) {
    case 'own':
      return <Own of={of} />
    case 'doubled':
      return (
        <Alert type="warning" header={words.doubled}>
          {words.doubledMend}
        </Alert>
      )
    case 'raw':
      return (
        <Alert type="info" header={words.unknown}>
          {words.raw}
        </Alert>
      )
    case 'file':
      return <Alert type="info" header={words.file} />
    default:
      return (
        <Alert type="info" header={words[of.is]}>
          {words.foreign}
        </Alert>
      )
  }
}

function Own({ of }: { readonly of: Extract<Inspected, { is: 'own' }> }) {
  const text = useText()
  const formats = useFormats()
  const words = text.workbench.inspected
  const { keyId, versionId } = of
  const key = useQuery({
    queryKey: ['keys', 'named', keyId],
    queryFn: () => call(describeKey, { keyId }),
    retry: false,
  })
  const version = useQuery({
    queryKey: ['keys', keyId, 'version', versionId],
    queryFn: () => call(describeKeyVersion, { keyId, keyVersionId: versionId }),
    retry: false,
    enabled: key.data !== undefined,
  })
  const state = key.data?.key.keyState
  return (
    <Container header={<Header variant="h2">{words.own}</Header>}>
      <KeyValuePairs
        columns={2}
        items={[
          {
            label: words.key,
            value: (
              <ScreenLink to={`/keys/${encodeURIComponent(keyId)}`}>{key.data?.key.description || keyId}</ScreenLink>
            ),
          },
          { label: words.versionId, value: <Box variant="code">{versionId}</Box> },
          { label: words.algorithm, value: of.algorithm },
          { label: words.size, value: formats.bytes(of.plaintextBytes) },
          {
            label: words.state,
            value: key.isPending ? (
              <StatusIndicator type="loading">{text.app.loading}</StatusIndicator>
            ) : key.error !== null ? (
              <StatusIndicator type="error">{words.noKey}</StatusIndicator>
            ) : version.error !== null ? (
              <StatusIndicator type="error">{words.noVersion}</StatusIndicator>
            ) : state === 'Enabled' ? (
              <StatusIndicator type="success">{words.yes}</StatusIndicator>
            ) : (
              <StatusIndicator type="warning">
                {words.notNow(state === undefined ? '' : text.keys.states[state])}
              </StatusIndicator>
            ),
          },
        ]}
      />
    </Container>
  )
}

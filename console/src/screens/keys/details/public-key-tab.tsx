import Button from '@cloudscape-design/components/button'
import Container from '@cloudscape-design/components/container'
import CopyToClipboard from '@cloudscape-design/components/copy-to-clipboard'
import FormField from '@cloudscape-design/components/form-field'
import Header from '@cloudscape-design/components/header'
import Select from '@cloudscape-design/components/select'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Spinner from '@cloudscape-design/components/spinner'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { call } from '../../../api/client.ts'
import { getPublicKey, type KeyMetadata, listKeyVersions } from '../../../api/operations.ts'
import { useFormats, useText } from '../../../i18n/index.tsx'
import { asCall, CodeBlock, CopyAs } from '../../../parts/copy-as.tsx'
import { ProblemAlert } from '../../../parts/problem.tsx'
import { saveFile } from '../../../parts/save-file.ts'

export function PublicKeyTab({ ofKey: key }: { readonly ofKey: KeyMetadata }) {
  const text = useText()
  const formats = useFormats()
  const words = text.keys.publicKey
  const { keyId } = key
  const [chosen, setChosen] = useState(key.newestVersionId)
  // An asymmetric key has at most 50 versions.
  const { data: versions } = useQuery({
    queryKey: ['keys', keyId, 'versions', 'all'],
    queryFn: async () => (await call(listKeyVersions, { keyId, order: 'newest' })).versions,
  })
  const { data, error } = useQuery({
    queryKey: ['keys', keyId, 'public-key', chosen],
    queryFn: () => call(getPublicKey, { keyId, keyVersionId: chosen }),
    enabled: chosen !== undefined,
  })
  const options = (versions ?? []).map(({ keyVersionId, number, createdAt }) => ({
    value: keyVersionId,
    label: text.keys.versions.called(formats.number(number)),
    description: `${keyVersionId} · ${formats.time(createdAt)}`,
  }))
  return (
    <Container
      header={
        <Header
          variant="h2"
          description={words.hint}
          actions={
            data && (
              <SpaceBetween direction="horizontal" size="xs">
                <CopyToClipboard
                  copyButtonText={text.app.copy}
                  copyButtonAriaLabel={`${text.app.copy} PEM`}
                  textToCopy={data.pem}
                  copySuccessText={text.app.copied}
                  copyErrorText={text.app.copyFailed}
                />
                <Button
                  iconName="download"
                  onClick={() => saveFile(`${keyId}.pem`, data.pem, 'application/x-pem-file')}
                >
                  PEM
                </Button>
                <Button
                  iconName="download"
                  onClick={() => saveFile(`${keyId}.der`, Uint8Array.fromBase64(data.publicKey))}
                >
                  DER
                </Button>
              </SpaceBetween>
            )
          }
        >
          {words.title}
        </Header>
      }
    >
      <SpaceBetween size="m">
        <FormField label={text.keys.versions.version}>
          <Select
            selectedOption={options.find(({ value }) => value === chosen) ?? null}
            options={options}
            onChange={({ detail }) => setChosen(detail.selectedOption.value)}
          />
        </FormField>
        {error !== null && <ProblemAlert error={error} />}
        {data === undefined ? (
          error === null && <Spinner />
        ) : (
          <>
            <CodeBlock label={words.title}>{data.pem}</CodeBlock>
            <CopyAs
              calls={[
                asCall(getPublicKey, { keyId, keyVersionId: data.keyVersionId }, `get-public-key --key-id ${keyId}`),
              ]}
            />
          </>
        )}
      </SpaceBetween>
    </Container>
  )
}

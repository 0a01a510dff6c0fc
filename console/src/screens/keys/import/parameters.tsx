/** The first step: a wrapping key and a token, both good for 24 hours. */
import Button from '@cloudscape-design/components/button'
import Container from '@cloudscape-design/components/container'
import FormField from '@cloudscape-design/components/form-field'
import Header from '@cloudscape-design/components/header'
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs'
import Select from '@cloudscape-design/components/select'
import SpaceBetween from '@cloudscape-design/components/space-between'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import { useEffect, useState } from 'react'
import type { Asked } from '../../../api/client.ts'
import { getParametersForImport } from '../../../api/operations.ts'
import { useText } from '../../../i18n/index.tsx'
import { asCall, CopyAs } from '../../../parts/copy-as.tsx'
import { GuardedButton } from '../../../parts/guarded-button.tsx'
import { ProblemAlert } from '../../../parts/problem.tsx'
import { saveFile } from '../../../parts/save-file.ts'
import type { ImportParameters } from './import-material.tsx'
import { sha256Hex } from './wrap.ts'

type Wish = Asked<typeof getParametersForImport>
const rsaAlgorithms = [
  'RSAES_OAEP_SHA_256',
  'RSA_AES_KEY_WRAP_SHA_256',
  'RSAES_OAEP_SHA_1',
  'RSA_AES_KEY_WRAP_SHA_1',
] as const
const wrappingKeySpecs = ['RSA_4096', 'RSA_3072', 'RSA_2048', 'SM2'] as const

export function Parameters({
  wish,
  onChange,
  parameters,
  keyId,
  busy,
  error,
  onGet,
}: {
  readonly wish: Wish
  readonly onChange: (wish: Wish) => void
  readonly parameters: ImportParameters | undefined
  readonly keyId: string
  readonly busy: boolean
  readonly error: unknown
  readonly onGet: () => void
}) {
  const text = useText()
  const words = text.keys.import
  const algorithms = wish.wrappingKeySpec === 'SM2' ? (['SM2PKE'] as const) : rsaAlgorithms
  const option = (value: string) => ({
    value,
    label: value,
    description: (words.algorithms as Readonly<Record<string, string>>)[value] ?? '',
  })
  return (
    <SpaceBetween size="l">
      <Container header={<Header variant="h2">{words.choose}</Header>}>
        <SpaceBetween size="l">
          <ProblemAlert error={error} />
          <FormField label={words.wrappingKeySpec}>
            <Select
              selectedOption={option(wish.wrappingKeySpec ?? 'RSA_4096')}
              options={wrappingKeySpecs.map(option)}
              onChange={({ detail }) => {
                const wrappingKeySpec = detail.selectedOption.value as (typeof wrappingKeySpecs)[number]
                const wasSm2 = wish.wrappingAlgorithm === 'SM2PKE'
                onChange({
                  ...wish,
                  wrappingKeySpec,
                  wrappingAlgorithm:
                    wrappingKeySpec === 'SM2' ? 'SM2PKE' : wasSm2 ? 'RSAES_OAEP_SHA_256' : wish.wrappingAlgorithm,
                })
              }}
            />
          </FormField>
          <FormField label={words.algorithm}>
            <Select
              selectedOption={option(wish.wrappingAlgorithm ?? algorithms[0])}
              options={algorithms.map(option)}
              onChange={({ detail }) =>
                onChange({ ...wish, wrappingAlgorithm: detail.selectedOption.value as Wish['wrappingAlgorithm'] })
              }
            />
          </FormField>
          <GuardedButton
            variant={parameters === undefined ? 'primary' : 'normal'}
            right="kms:GetParametersForImport"
            keyId={keyId}
            loading={busy}
            onClick={onGet}
          >
            {parameters === undefined ? words.get : words.getAgain}
          </GuardedButton>
        </SpaceBetween>
      </Container>
      {parameters !== undefined && <Got parameters={parameters} />}
      <CopyAs
        calls={[
          asCall(
            getParametersForImport,
            wish,
            wish.wrappingKeySpec === 'SM2'
              ? undefined
              : `get-parameters-for-import --key-id ${keyId} --wrapping-key-spec ${wish.wrappingKeySpec} --wrapping-algorithm ${wish.wrappingAlgorithm}`,
          ),
        ]}
      />
    </SpaceBetween>
  )
}

function Got({ parameters }: { readonly parameters: ImportParameters }) {
  const text = useText()
  const words = text.keys.import
  const publicKey = Uint8Array.fromBase64(parameters.publicKey)
  const [fingerprint, setFingerprint] = useState<string>()
  const { publicKey: encoded } = parameters
  useEffect(() => {
    // Without a secure context there is no WebCrypto; then there is no fingerprint either.
    if (isSecureContext) void sha256Hex(Uint8Array.fromBase64(encoded)).then(setFingerprint)
  }, [encoded])
  return (
    <Container
      header={
        <Header
          variant="h2"
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <Button iconName="download" onClick={() => saveFile('wrapping-key.der', publicKey)}>
                {words.publicKeyDer}
              </Button>
              <Button
                iconName="download"
                onClick={() => saveFile('wrapping-key.pem', parameters.pem, 'application/x-pem-file')}
              >
                {words.publicKeyPem}
              </Button>
              <Button
                iconName="download"
                onClick={() => saveFile('import-token.bin', Uint8Array.fromBase64(parameters.importToken))}
              >
                {words.token}
              </Button>
            </SpaceBetween>
          }
        >
          {words.got}
        </Header>
      }
    >
      <KeyValuePairs
        columns={1}
        items={[
          { label: words.validFor, value: <Countdown until={parameters.expiresAt} /> },
          ...(fingerprint === undefined ? [] : [{ label: words.keyFingerprint, value: fingerprint }]),
        ]}
      />
    </Container>
  )
}

/** Hours, minutes and seconds that are left. */
function Countdown({ until }: { readonly until: string }) {
  const text = useText()
  const [now, setNow] = useState(() => Date.now())
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000)
    return () => clearInterval(timer)
  }, [])
  const left = Math.max(0, Math.floor((Date.parse(until) - now) / 1000))
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0')
  if (left === 0) return <StatusIndicator type="error">{text.keys.import.expired}</StatusIndicator>
  return (
    <StatusIndicator type={left < 3600 ? 'warning' : 'pending'}>
      {`${two(left / 3600)}:${two((left / 60) % 60)}:${two(left % 60)}`}
    </StatusIndicator>
  )
}

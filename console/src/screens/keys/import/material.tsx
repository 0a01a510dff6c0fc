/** The second step: the material itself, wrapped here or elsewhere. */
import Alert from '@cloudscape-design/components/alert'
import Button from '@cloudscape-design/components/button'
import Checkbox from '@cloudscape-design/components/checkbox'
import Container from '@cloudscape-design/components/container'
import FileUpload from '@cloudscape-design/components/file-upload'
import FormField from '@cloudscape-design/components/form-field'
import Header from '@cloudscape-design/components/header'
import Input from '@cloudscape-design/components/input'
import SegmentedControl from '@cloudscape-design/components/segmented-control'
import SpaceBetween from '@cloudscape-design/components/space-between'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import Tiles from '@cloudscape-design/components/tiles'
import { useState } from 'react'
import { type Catalogue, useFormats, useText } from '../../../i18n/index.tsx'
import { CodeBlock } from '../../../parts/copy-as.tsx'
import { saveFile } from '../../../parts/save-file.ts'
import type { ImportParameters } from './import-material.tsx'
import { opensslCommands } from './openssl.ts'
import { browserWrappings, type Given, materialFrom, sha256Hex } from './wrap.ts'

type Bytes = Uint8Array<ArrayBuffer>
type Source = 'file' | 'generated' | 'typed'

export type MaterialWish = {
  readonly where: 'browser' | 'elsewhere'
  readonly source: Source
  readonly plain?: Bytes | undefined
  /** SHA-256 of the plaintext, for the record. */
  readonly fingerprint?: string | undefined
  /** Drawn here: the person says that they have saved it. */
  readonly kept: boolean
  readonly wrapped?: Bytes | undefined
}

export function materialComplaint(text: Catalogue, wish: MaterialWish): string | undefined {
  const words = text.keys.import
  if (wish.where === 'elsewhere') return wish.wrapped === undefined ? words.wrappedMissing : undefined
  if (wish.plain === undefined) return words.materialMissing
  return wish.source === 'generated' && !wish.kept ? words.keepFirst : undefined
}

type Props = {
  readonly wish: MaterialWish
  readonly onChange: (wish: MaterialWish) => void
  readonly parameters: ImportParameters
  readonly materialBytes: number
}

export function Material(props: Props) {
  const text = useText()
  const words = text.keys.import
  const { wish, onChange, parameters } = props
  const possible = browserWrappings.includes(parameters.wrappingAlgorithm)
  return (
    <SpaceBetween size="l">
      <Container header={<Header variant="h2">{words.where}</Header>}>
        <Tiles
          ariaLabel={words.where}
          columns={2}
          value={wish.where}
          items={[
            {
              value: 'browser',
              label: words.inBrowser,
              description: possible ? words.inBrowserHint : words.notInBrowser(parameters.wrappingAlgorithm),
              disabled: !possible,
            },
            { value: 'elsewhere', label: words.elsewhere, description: words.elsewhereHint },
          ]}
          onChange={({ detail }) => onChange({ ...wish, where: detail.value as MaterialWish['where'] })}
        />
      </Container>
      {wish.where === 'browser' ? <InBrowser {...props} /> : <Elsewhere {...props} />}
    </SpaceBetween>
  )
}

function InBrowser({ wish, onChange, materialBytes }: Props) {
  const text = useText()
  const formats = useFormats()
  const words = text.keys.import
  const [typed, setTyped] = useState('')
  const [writtenAs, setWrittenAs] = useState<Given['writtenAs']>()
  const [complaint, setComplaint] = useState<string>()

  if (!isSecureContext)
    return (
      <Alert type="error" header={words.notSecure}>
        {words.notSecureText}
      </Alert>
    )

  async function take(given: Given | undefined, source: Source): Promise<void> {
    setWrittenAs(given?.writtenAs)
    setComplaint(given === undefined ? words.wrongLength(formats.bytes(materialBytes)) : undefined)
    onChange({
      ...wish,
      source,
      kept: false,
      plain: given?.bytes,
      fingerprint: given === undefined ? undefined : await sha256Hex(given.bytes),
    })
  }

  return (
    <Container header={<Header variant="h2">{words.inBrowser}</Header>}>
      <SpaceBetween size="l">
        <SegmentedControl
          label={words.source}
          selectedId={wish.source}
          options={(['file', 'generated', 'typed'] as const).map((id) => ({ id, text: words.sources[id] }))}
          onChange={({ detail }) => {
            setComplaint(undefined)
            setTyped('')
            onChange({ where: 'browser', source: detail.selectedId as Source, kept: false })
          }}
        />
        {wish.source === 'file' && (
          <OneFile
            label={words.file}
            hint={words.fileHint(formats.bytes(materialBytes))}
            complaint={complaint}
            onRead={(bytes) => void take(bytes && materialFrom(bytes, materialBytes), 'file')}
          />
        )}
        {wish.source === 'typed' && (
          <FormField
            label={words.typed}
            description={words.typedHint(formats.bytes(materialBytes))}
            errorText={typed === '' ? undefined : complaint}
            stretch
          >
            <Input
              type="password"
              value={typed}
              autoComplete={false}
              onChange={({ detail }) => {
                setTyped(detail.value)
                const given = materialFrom(new TextEncoder().encode(detail.value), materialBytes)
                void take(given?.writtenAs === 'raw' ? undefined : given, 'typed')
              }}
            />
          </FormField>
        )}
        {wish.source === 'generated' && (
          <SpaceBetween size="s">
            <Alert type="warning">{words.generatedHint}</Alert>
            <SpaceBetween direction="horizontal" size="xs">
              <Button
                onClick={() =>
                  void take(
                    { bytes: crypto.getRandomValues(new Uint8Array(materialBytes)), writtenAs: 'raw' },
                    'generated',
                  )
                }
              >
                {words.generate}
              </Button>
              <Button
                iconName="download"
                disabled={wish.plain === undefined}
                onClick={() => wish.plain && saveFile('key-material.bin', wish.plain.slice())}
              >
                {words.saveMaterial}
              </Button>
            </SpaceBetween>
            <Checkbox
              checked={wish.kept}
              disabled={wish.plain === undefined}
              onChange={({ detail }) => onChange({ ...wish, kept: detail.checked })}
            >
              {words.kept}
            </Checkbox>
          </SpaceBetween>
        )}
        {wish.plain !== undefined && (
          <SpaceBetween size="xs">
            <StatusIndicator type="success">
              {words.read(formats.bytes(wish.plain.length))}{' '}
              {writtenAs !== 'raw' && writtenAs && words.writtenAs[writtenAs]}
            </StatusIndicator>
            <FormField label={words.fingerprint} description={words.fingerprintHint}>
              <CodeBlock label={words.fingerprint}>{wish.fingerprint ?? ''}</CodeBlock>
            </FormField>
          </SpaceBetween>
        )}
      </SpaceBetween>
    </Container>
  )
}

function Elsewhere({ wish, onChange, parameters }: Props) {
  const text = useText()
  const formats = useFormats()
  const words = text.keys.import
  return (
    <SpaceBetween size="l">
      <Container header={<Header variant="h2">{words.openssl}</Header>}>
        <SpaceBetween size="s">
          {words.opensslHint}
          <CodeBlock label={words.openssl}>{opensslCommands(parameters.wrappingAlgorithm)}</CodeBlock>
        </SpaceBetween>
      </Container>
      <Container header={<Header variant="h2">{words.wrapped}</Header>}>
        <SpaceBetween size="s">
          <OneFile
            label={words.wrappedFile}
            hint={words.wrappedHint}
            complaint={undefined}
            onRead={(wrapped) => onChange({ ...wish, where: 'elsewhere', wrapped })}
          />
          {wish.wrapped !== undefined && (
            <StatusIndicator type="success">{words.read(formats.bytes(wish.wrapped.length))}</StatusIndicator>
          )}
        </SpaceBetween>
      </Container>
    </SpaceBetween>
  )
}

function OneFile({
  label,
  hint,
  complaint,
  onRead,
}: {
  readonly label: string
  readonly hint: string
  readonly complaint: string | undefined
  readonly onRead: (bytes: Bytes | undefined) => void
}) {
  const text = useText()
  const [files, setFiles] = useState<readonly File[]>([])
  return (
    <FormField label={label} description={hint}>
      <FileUpload
        value={files}
        ariaRequired
        errorText={complaint}
        showFileSize
        i18nStrings={{
          uploadButtonText: () => text.keys.import.chooseFile,
          dropzoneText: () => text.keys.import.dropFile,
          removeFileAriaLabel: () => text.app.remove,
          errorIconAriaLabel: text.app.error,
        }}
        onChange={({ detail }) => {
          setFiles(detail.value)
          const [file] = detail.value
          if (file === undefined) onRead(undefined)
          else void file.arrayBuffer().then((buffer) => onRead(new Uint8Array(buffer)))
        }}
      />
    </FormField>
  )
}

/** Bytes as a person has them: a text, base64, or a small file. They stay in this browser until they are sent. */
import FileUpload from '@cloudscape-design/components/file-upload'
import FormField from '@cloudscape-design/components/form-field'
import SegmentedControl from '@cloudscape-design/components/segmented-control'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Textarea from '@cloudscape-design/components/textarea'
import { useFormats, useText } from '../../i18n/index.tsx'

export type Kind = 'text' | 'base64' | 'file'
export type Given = {
  readonly kind: Kind
  /** The text, or the base64. */
  readonly words: string
  readonly file?: { readonly blob: File; readonly bytes: Uint8Array<ArrayBuffer> }
}

export const nothing = (kind: Kind): Given => ({ kind, words: '' })

/** Undefined where there is nothing yet, or nothing valid. */
export function bytesOf({ kind, words, file }: Given): Uint8Array<ArrayBuffer> | undefined {
  if (kind === 'file') return file?.bytes
  if (words === '') return undefined
  if (kind === 'text') return new TextEncoder().encode(words)
  try {
    return Uint8Array.fromBase64(words.replaceAll(/\s/g, ''), { lastChunkHandling: 'strict' })
  } catch {
    return undefined
  }
}

export function BytesField({
  label,
  given,
  onChange,
  kinds,
  mostBytes,
}: {
  readonly label: string
  readonly given: Given
  readonly onChange: (given: Given) => void
  readonly kinds: readonly Kind[]
  readonly mostBytes?: number
}) {
  const text = useText()
  const formats = useFormats()
  const bytes = bytesOf(given)
  const tooLong = bytes !== undefined && mostBytes !== undefined && bytes.length > mostBytes
  const error =
    given.kind === 'base64' && given.words !== '' && bytes === undefined
      ? text.workbench.notBase64
      : tooLong
        ? text.workbench.tooLong(formats.bytes(bytes.length), formats.bytes(mostBytes))
        : undefined
  return (
    <FormField
      label={label}
      errorText={given.kind === 'file' ? undefined : error}
      constraintText={bytes === undefined ? undefined : formats.bytes(bytes.length)}
      stretch
    >
      <SpaceBetween size="xs">
        <SegmentedControl
          label={text.workbench.kindOf(label)}
          selectedId={given.kind}
          onChange={({ detail }) => onChange(nothing(detail.selectedId as Kind))}
          options={kinds.map((id) => ({ id, text: text.workbench.kinds[id] }))}
        />
        {given.kind === 'file' ? (
          <FileUpload
            value={given.file === undefined ? [] : [given.file.blob]}
            onChange={async ({ detail }) => {
              const [blob] = detail.value
              onChange(
                blob === undefined
                  ? nothing('file')
                  : { kind: 'file', words: '', file: { blob, bytes: new Uint8Array(await blob.arrayBuffer()) } },
              )
            }}
            errorText={error}
            showFileSize
            i18nStrings={{
              uploadButtonText: () => text.workbench.chooseFile,
              dropzoneText: () => text.workbench.dropFile,
              removeFileAriaLabel: () => text.workbench.removeFile,
              limitShowFewer: '',
              limitShowMore: '',
              errorIconAriaLabel: text.app.error,
            }}
          />
        ) : (
          <Textarea
            ariaLabel={label}
            value={given.words}
            rows={4}
            spellcheck={false}
            autoComplete={false}
            onChange={({ detail }) => onChange({ kind: given.kind, words: detail.value })}
          />
        )}
      </SpaceBetween>
    </FormField>
  )
}

/** What came out: covered where it is secret, and gone after a minute, whoever has walked away from the screen. */
import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import Container from '@cloudscape-design/components/container'
import CopyToClipboard from '@cloudscape-design/components/copy-to-clipboard'
import Header from '@cloudscape-design/components/header'
import SegmentedControl from '@cloudscape-design/components/segmented-control'
import SpaceBetween from '@cloudscape-design/components/space-between'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import ToggleButton from '@cloudscape-design/components/toggle-button'
import { type ReactNode, useEffect, useState } from 'react'
import { useFormats, useText } from '../../i18n/index.tsx'
import { CodeBlock } from '../../parts/copy-as.tsx'
import { saveFile } from '../../parts/save-file.ts'
import type { Result } from './works.ts'

export const shownSeconds = 60

type View = 'text' | 'base64' | 'hex'

export function ShownResult({
  result,
  fileName,
  onGone,
  next,
}: {
  readonly result: Result
  readonly fileName: string
  readonly onGone: () => void
  readonly next?: ReactNode
}) {
  const text = useText()
  const formats = useFormats()
  const left = useSecondsLeft(result, onGone)
  return (
    <Container
      header={
        <Header
          variant="h2"
          description={text.workbench.withVersion(result.keyId, result.keyVersionId)}
          actions={<Box color="text-body-secondary">{text.workbench.clearsIn(formats.number(left))}</Box>}
        >
          {text.workbench.result}
        </Header>
      }
    >
      {result.is === 'verdict' ? (
        <div role="status">
          <StatusIndicator type={result.valid ? 'success' : 'error'}>
            {result.valid ? text.workbench.valid : text.workbench.invalid}
          </StatusIndicator>
        </div>
      ) : (
        <Bytes result={result} fileName={fileName} next={next} />
      )}
    </Container>
  )
}

function useSecondsLeft(result: Result, onGone: () => void): number {
  const [left, setLeft] = useState(shownSeconds)
  // biome-ignore lint/correctness/useExhaustiveDependencies: one countdown for each result
  useEffect(() => {
    setLeft(shownSeconds)
    // By the clock: a tab in the background is woken rarely.
    const end = Date.now() + shownSeconds * 1000
    const timer = setInterval(() => {
      const seconds = Math.ceil((end - Date.now()) / 1000)
      if (seconds <= 0) onGone()
      else setLeft(seconds)
    }, 500)
    return () => clearInterval(timer)
  }, [result])
  return left
}

function Bytes({
  result,
  fileName,
  next,
}: {
  readonly result: Extract<Result, { is: 'bytes' }>
  readonly fileName: string
  readonly next?: ReactNode
}) {
  const text = useText()
  const formats = useFormats()
  const { bytes, secret } = result
  const words = textOf(bytes)
  const [shown, setShown] = useState(!secret)
  const [view, setView] = useState<View>(secret && words !== undefined ? 'text' : 'base64')
  const views: readonly View[] = secret ? ['text', 'base64', 'hex'] : ['base64', 'hex']
  const written = view === 'text' ? (words ?? text.workbench.noText) : view === 'hex' ? bytes.toHex() : bytes.toBase64()
  return (
    <SpaceBetween size="s">
      <SpaceBetween direction="horizontal" size="xs" alignItems="center">
        <SegmentedControl
          label={text.workbench.as}
          selectedId={view}
          onChange={({ detail }) => setView(detail.selectedId as View)}
          options={views.map((id) => ({ id, text: text.workbench.views[id] }))}
        />
        {secret && (
          <ToggleButton
            iconName="lock-private"
            pressedIconName="unlocked"
            pressed={shown}
            onChange={({ detail }) => setShown(detail.pressed)}
          >
            {shown ? text.workbench.cover : text.workbench.show}
          </ToggleButton>
        )}
        <CopyToClipboard
          variant="icon"
          textToCopy={written}
          copyButtonAriaLabel={text.app.copy}
          copySuccessText={text.app.copied}
          copyErrorText={text.app.copyFailed}
        />
        <Button
          variant="icon"
          iconName="download"
          ariaLabel={text.workbench.save}
          onClick={() => saveFile(fileName, bytes)}
        />
      </SpaceBetween>
      <CodeBlock label={text.workbench.result}>{shown ? written : '•'.repeat(32)}</CodeBlock>
      <Box color="text-body-secondary">{text.workbench.bytes(formats.bytes(bytes.length))}</Box>
      {next}
    </SpaceBetween>
  )
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

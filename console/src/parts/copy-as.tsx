/** The call that a form makes, to be repeated without the console: command line, curl, and the AWS command line where it has the same. */
import CopyToClipboard from '@cloudscape-design/components/copy-to-clipboard'
import ExpandableSection from '@cloudscape-design/components/expandable-section'
import SegmentedControl from '@cloudscape-design/components/segmented-control'
import SpaceBetween from '@cloudscape-design/components/space-between'
import { useState } from 'react'
import { type AnyWire, type Endpoint, httpCall, type InputOf } from '../api/client.ts'
import { useText } from '../i18n/index.tsx'

type Call = {
  readonly of: Endpoint<AnyWire>
  readonly input: Readonly<Record<string, unknown>>
  /** What `aws` takes instead, where it can: the words after `aws kms`. */
  readonly aws?: string | undefined
  /** Where the command line has words of its own for it: those after `keyward`. */
  readonly own?: string | undefined
}

/** The compiler checks the input against the operation. */
export function asCall<Op extends AnyWire>(of: Endpoint<Op>, input: InputOf<Op>, aws?: string, own?: string): Call {
  return { of, input: input as Record<string, unknown>, aws, own }
}

type Way = 'cli' | 'curl' | 'aws'

/** Several calls stand one below the other. */
export function CopyAs({ calls, open = false }: { readonly calls: readonly Call[]; readonly open?: boolean }) {
  const text = useText()
  return (
    <ExpandableSection headerText={text.app.apiCall} defaultExpanded={open}>
      <CallText calls={calls} />
    </ExpandableSection>
  )
}

function CallText({ calls }: { readonly calls: readonly Call[] }) {
  const text = useText()
  const [way, setWay] = useState<Way>('cli')
  const ways: readonly { readonly id: Way; readonly text: string }[] = [
    { id: 'cli', text: 'keyward' },
    { id: 'curl', text: 'curl' },
    ...(calls.every(({ aws }) => aws !== undefined) ? [{ id: 'aws' as const, text: 'aws' }] : []),
  ]
  const chosen = ways.some(({ id }) => id === way) ? way : 'cli'
  const lines = calls.map((call) =>
    chosen === 'cli' ? cli(call) : chosen === 'curl' ? curl(call) : `aws kms ${call.aws}`,
  )
  const whole = lines.join('\n')
  return (
    <SpaceBetween size="xs">
      <SpaceBetween direction="horizontal" size="xs" alignItems="center">
        <SegmentedControl
          label={text.app.apiCall}
          selectedId={chosen}
          options={ways.map((one) => ({ ...one }))}
          onChange={({ detail }) => setWay(detail.selectedId as Way)}
        />
        <CopyToClipboard
          variant="icon"
          textToCopy={whole}
          copyButtonAriaLabel={text.app.copy}
          copySuccessText={text.app.copied}
          copyErrorText={text.app.copyFailed}
        />
      </SpaceBetween>
      <CodeBlock>{whole}</CodeBlock>
    </SpaceBetween>
  )
}

/** Reached by the keyboard, so that what is wider than the screen can be scrolled. */
export function CodeBlock({ children, label }: { readonly children: string; readonly label?: string }) {
  const text = useText()
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must take the keyboard (WCAG 2.1.1)
    <section className="code-block" tabIndex={0} aria-label={label ?? text.app.apiCall}>
      <pre>{children}</pre>
    </section>
  )
}

/** As the command line reads it: members of the path are words, the others options. `@FILE` is what is in the file. */
export function cli({ of, input, own }: Call): string {
  if (own !== undefined) return `keyward ${own}`
  const inPath = [...of.rest.matchAll(/\{(\w+)\}/g)].map(([, name]) => name as string)
  const words = ['keyward', of.cli, ...inPath.map((name) => quoted(String(input[name])))]
  for (const [name, value] of Object.entries(input)) {
    if (inPath.includes(name) || value === undefined || value === false) continue
    const flag = `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
    if (value === true) words.push(flag)
    else if (Array.isArray(value)) words.push(flag, ...value.map((item) => quoted(String(item))))
    else if (typeof value === 'object' && value !== null)
      words.push(flag, ...Object.entries(value).map(([key, item]) => quoted(`${key}=${item}`)))
    else words.push(flag, quoted(String(value)))
  }
  return words.join(' ')
}

export function curl({ of, input }: Call): string {
  const { method, path, body } = httpCall(of, input, '')
  const head = `curl -X ${method} "$KEYWARD_ADDR${path}" -H "Authorization: Bearer $KEYWARD_TOKEN"`
  if (body === undefined) return head
  const json = quoted(JSON.stringify(body)).replaceAll(/"@([\w.-]+)"/g, `"'"$(base64 -w0 $1)"'"`)
  return `${head} \\\n  -H 'Content-Type: application/json' -d ${json}`
}

/** One word of a shell, whatever is in it. */
export function quoted(word: string): string {
  return /^[\w./:=@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}

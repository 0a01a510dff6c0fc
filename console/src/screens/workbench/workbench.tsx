import Alert from '@cloudscape-design/components/alert'
import Button from '@cloudscape-design/components/button'
import Container from '@cloudscape-design/components/container'
import ContentLayout from '@cloudscape-design/components/content-layout'
import Form from '@cloudscape-design/components/form'
import FormField from '@cloudscape-design/components/form-field'
import Header from '@cloudscape-design/components/header'
import Select from '@cloudscape-design/components/select'
import SpaceBetween from '@cloudscape-design/components/space-between'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { type FormEvent, useState } from 'react'
import { call } from '../../api/client.ts'
import { listKeyVersions } from '../../api/operations.ts'
import { useFormats, useText } from '../../i18n/index.tsx'
import { CopyAs } from '../../parts/copy-as.tsx'
import { type ContextPair, contextOf, EncryptionContext } from '../../parts/encryption-context.tsx'
import { GuardedButton } from '../../parts/guarded-button.tsx'
import { KeyField, useNamedKey } from '../../parts/key-field.tsx'
import { ProblemAlert } from '../../parts/problem.tsx'
import { BytesField, bytesOf, type Given, nothing } from './bytes-field.tsx'
import { Inspector } from './inspector.tsx'
import { ShownResult } from './result.tsx'
import { asCalls, digestOf, factsOf, isPair, perform, type Result, type Work, works } from './works.ts'

type Chosen = Work | 'inspect'
const choices: readonly Chosen[] = [...works, 'inspect']

/** Which work, and with which key, may stand in the URL; nothing of the data ever does. */
export function Workbench() {
  const text = useText()
  const navigate = useNavigate()
  const search = useSearch({ strict: false }) as { readonly work?: string; readonly keyId?: string }
  const work = choices.find((one) => one === search.work) ?? 'encrypt'
  const [carried, setCarried] = useState<Carried>({})
  const choose = (wanted: Chosen, taken: Carried = {}) => {
    setCarried(taken)
    const keyId = taken.keyId ?? search.keyId
    void navigate({
      to: '/workbench',
      search: { work: wanted, ...(keyId === undefined ? {} : { keyId }) } as never,
      replace: true,
    })
  }
  const option = (value: Chosen) => ({
    value,
    label: text.workbench.works[value],
    description: text.workbench.hints[value],
  })
  return (
    <ContentLayout
      header={
        <Header variant="h1" description={text.workbench.description}>
          {text.workbench.title}
        </Header>
      }
    >
      <SpaceBetween size="l">
        <Container>
          <FormField label={text.workbench.what} description={text.workbench.hints[work]}>
            <Select
              selectedOption={option(work)}
              onChange={({ detail }) => choose(detail.selectedOption.value as Chosen)}
              options={choices.map(option)}
              expandToViewport
            />
          </FormField>
        </Container>
        {work === 'inspect' ? (
          <Inspection key="inspect" carried={carried} />
        ) : (
          // A form of its own for each work: nothing typed for one is left in another.
          <Bench key={work} work={work} keyId={search.keyId ?? ''} carried={carried} choose={choose} />
        )}
      </SpaceBetween>
    </ContentLayout>
  )
}

/** What a result hands on to the next work. */
type Carried = {
  readonly keyId?: string
  readonly given?: Given
  readonly against?: Given
  readonly context?: readonly ContextPair[]
}

function Inspection({ carried }: { readonly carried: Carried }) {
  const [given, setGiven] = useState(carried.given ?? nothing('base64'))
  return <Inspector given={given} onChange={setGiven} />
}

type BenchProps = {
  readonly work: Work
  readonly keyId: string
  readonly carried: Carried
  readonly choose: (work: Chosen, taken?: Carried) => void
}

function Bench({ work, keyId, carried, choose }: BenchProps) {
  const text = useText()
  const facts = factsOf[work]
  const [reference, setReference] = useState(carried.keyId ?? keyId)
  const [destination, setDestination] = useState('')
  const [given, setGiven] = useState(carried.given ?? nothing(facts.takes === 'ciphertext' ? 'base64' : 'text'))
  const [against, setAgainst] = useState(carried.against ?? nothing('base64'))
  const [context, setContext] = useState(carried.context ?? [])
  const [destinationContext, setDestinationContext] = useState<readonly ContextPair[]>([])
  const [version, setVersion] = useState<string>()
  const [algorithm, setAlgorithm] = useState<string>()
  const [result, setResult] = useState<Result>()
  const { key } = useNamedKey(reference)
  const pair = isPair(key)
  const keyVersionId = pair ? (version ?? key?.newestVersionId) : undefined
  const chosenAlgorithm = pair || facts.usage === 'GENERATE_VERIFY_MAC' ? (algorithm ?? key?.algorithms[0]) : undefined
  const bytes = bytesOf(given)
  const signing = work === 'sign' || work === 'verify'
  const digested = signing && bytes !== undefined && bytes.length > facts.mostBytes
  const digestible = digested && digestOf(chosenAlgorithm) !== undefined
  const task = {
    work,
    keyId: reference,
    key,
    keyVersionId,
    algorithm: chosenAlgorithm,
    context: contextOf(context),
    destinationKeyId: destination,
    destinationContext: contextOf(destinationContext),
  }
  const run = useMutation({
    mutationFn: (data: Uint8Array<ArrayBuffer>) => perform({ ...task, bytes: data, against: bytesOf(against) }),
    // What came out is held here and nowhere else.
    gcTime: 0,
    onSuccess: (answer) => {
      setResult(answer)
      run.reset()
    },
    onError: () => setResult(undefined),
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (bytes !== undefined) run.mutate(bytes)
  }
  const clear = () => {
    setGiven(nothing(given.kind))
    setAgainst(nothing('base64'))
    setContext([])
    setDestinationContext([])
    setResult(undefined)
    run.reset()
  }
  const optionalKey = facts.takes === 'ciphertext'
  const ready =
    bytes !== undefined &&
    (bytes.length <= facts.mostBytes || digestible) &&
    (reference !== '' || optionalKey) &&
    (facts.against === undefined || bytesOf(against) !== undefined) &&
    (work !== 'reEncrypt' || destination !== '')
  return (
    <>
      <form onSubmit={submit} autoComplete="off">
        <Form
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <Button formAction="none" variant="link" onClick={clear}>
                {text.workbench.clear}
              </Button>
              <GuardedButton
                right={facts.right}
                keyId={key?.keyId}
                variant="primary"
                formAction="submit"
                loading={run.isPending}
                disabled={!ready}
              >
                {text.workbench.works[work]}
              </GuardedButton>
            </SpaceBetween>
          }
        >
          <Container>
            <SpaceBetween size="m">
              <KeyField
                label={optionalKey ? text.workbench.keyOfCiphertext : text.workbench.key}
                description={optionalKey ? text.workbench.keyOfCiphertextHint : undefined}
                value={reference}
                onChange={(wanted) => {
                  setReference(wanted)
                  setVersion(undefined)
                  setAlgorithm(undefined)
                }}
                usage={facts.usage}
              />
              {pair && key !== undefined && <Version keyId={key.keyId} chosen={keyVersionId} onChange={setVersion} />}
              {chosenAlgorithm !== undefined && key !== undefined && key.algorithms.length > 1 && (
                <FormField label={text.workbench.algorithm}>
                  <Select
                    selectedOption={{ value: chosenAlgorithm, label: chosenAlgorithm }}
                    onChange={({ detail }) => setAlgorithm(detail.selectedOption.value)}
                    options={key.algorithms.map((value) => ({ value, label: value }))}
                    expandToViewport
                  />
                </FormField>
              )}
              <BytesField
                label={text.workbench[facts.takes]}
                given={given}
                onChange={setGiven}
                kinds={facts.takes === 'ciphertext' ? ['base64', 'file'] : ['text', 'base64', 'file']}
                {...(digested ? {} : { mostBytes: facts.mostBytes })}
              />
              {digested && (
                <Alert type={digestible ? 'info' : 'error'}>
                  {digestible ? text.workbench.digested : text.workbench.notDigestible}
                </Alert>
              )}
              {facts.against !== undefined && (
                <BytesField
                  label={text.workbench[facts.against]}
                  given={against}
                  onChange={setAgainst}
                  kinds={['base64', 'file']}
                />
              )}
              {facts.context && !pair && (
                <EncryptionContext
                  label={work === 'reEncrypt' ? text.workbench.sourceContext : text.workbench.context}
                  description={text.workbench.contextHint}
                  pairs={context}
                  onChange={setContext}
                />
              )}
              {work === 'reEncrypt' && (
                <SpaceBetween size="m">
                  <KeyField
                    label={text.workbench.destinationKey}
                    value={destination}
                    onChange={setDestination}
                    usage="ENCRYPT_DECRYPT"
                  />
                  <EncryptionContext
                    label={text.workbench.destinationContext}
                    pairs={destinationContext}
                    onChange={setDestinationContext}
                  />
                </SpaceBetween>
              )}
              <CopyAs calls={asCalls(task)} />
            </SpaceBetween>
          </Container>
        </Form>
      </form>
      <ProblemAlert error={run.error} />
      {result !== undefined && (
        <ShownResult
          result={result}
          fileName={fileNames[work]}
          onGone={() => setResult(undefined)}
          next={
            result.is === 'bytes' && (
              <Next work={work} result={result} given={given} context={context} choose={choose} />
            )
          }
        />
      )}
    </>
  )
}

const fileNames: Readonly<Record<Work, string>> = {
  encrypt: 'ciphertext.bin',
  decrypt: 'plaintext.bin',
  reEncrypt: 'ciphertext.bin',
  sign: 'signature.bin',
  verify: 'verdict.txt',
  generateMac: 'mac.bin',
  verifyMac: 'verdict.txt',
}

function Version({
  keyId,
  chosen,
  onChange,
}: {
  readonly keyId: string
  readonly chosen: string | undefined
  readonly onChange: (version: string) => void
}) {
  const text = useText()
  const formats = useFormats()
  const { data, isPending } = useQuery({
    queryKey: ['keys', keyId, 'versions', 'newest'],
    queryFn: () => call(listKeyVersions, { keyId, limit: 50, order: 'newest' }),
  })
  const options = (data?.versions ?? []).map(({ keyVersionId, number, createdAt }, index) => ({
    value: keyVersionId,
    label: text.workbench.versionNumber(formats.number(number)),
    description: `${keyVersionId}, ${formats.time(createdAt)}`,
    ...(index === 0 ? { labelTag: text.workbench.newest } : {}),
  }))
  return (
    <FormField label={text.workbench.version} description={text.workbench.versionHint}>
      <Select
        selectedOption={options.find(({ value }) => value === chosen) ?? null}
        onChange={({ detail }) => onChange(detail.selectedOption.value ?? '')}
        options={options}
        statusType={isPending ? 'loading' : 'finished'}
        loadingText={text.app.loading}
        expandToViewport
      />
    </FormField>
  )
}

/** What one does next with a result: it goes on inside this browser, and is typed nowhere. */
function Next({
  work,
  result,
  given,
  context,
  choose,
}: {
  readonly work: Work
  readonly result: Extract<Result, { is: 'bytes' }>
  readonly given: Given
  readonly context: readonly ContextPair[]
  readonly choose: BenchProps['choose']
}) {
  const text = useText()
  const { keyId } = result
  const made: Given = { kind: 'base64', words: result.bytes.toBase64() }
  const steps: readonly {
    readonly to: 'decrypt' | 'reEncrypt' | 'verify' | 'verifyMac' | 'inspect'
    readonly taken: Carried
  }[] =
    work === 'encrypt' || work === 'reEncrypt'
      ? [
          { to: 'decrypt', taken: { keyId, given: made, context: work === 'encrypt' ? context : [] } },
          { to: 'reEncrypt', taken: { keyId, given: made, context: work === 'encrypt' ? context : [] } },
          { to: 'inspect', taken: { given: made } },
        ]
      : work === 'sign'
        ? [{ to: 'verify', taken: { keyId, given, against: made } }]
        : work === 'generateMac'
          ? [{ to: 'verifyMac', taken: { keyId, given, against: made } }]
          : []
  if (steps.length === 0) return null
  return (
    <SpaceBetween direction="horizontal" size="xs">
      {steps.map(({ to, taken }) => (
        <Button key={to} onClick={() => choose(to, taken)}>
          {text.workbench.useResult[to]}
        </Button>
      ))}
    </SpaceBetween>
  )
}

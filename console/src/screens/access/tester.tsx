import Alert from '@cloudscape-design/components/alert'
import Autosuggest from '@cloudscape-design/components/autosuggest'
import Badge from '@cloudscape-design/components/badge'
import Box from '@cloudscape-design/components/box'
import Container from '@cloudscape-design/components/container'
import ContentLayout from '@cloudscape-design/components/content-layout'
import Form from '@cloudscape-design/components/form'
import FormField from '@cloudscape-design/components/form-field'
import Header from '@cloudscape-design/components/header'
import Input from '@cloudscape-design/components/input'
import SpaceBetween from '@cloudscape-design/components/space-between'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import Table from '@cloudscape-design/components/table'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { type FormEvent, useEffect, useState } from 'react'
import type { StatementFinding } from '../../../../src/domain/policy.ts'
import { type Answered, call } from '../../api/client.ts'
import { useOperationNames } from '../../api/operation-names.ts'
import { explainAccess, getKeyPolicy, getPolicy, listPrincipals } from '../../api/operations.ts'
import { ScreenLink } from '../../app/follow.tsx'
import { useText } from '../../i18n/index.tsx'
import { CodeBlock } from '../../parts/copy-as.tsx'
import { type ContextPair, contextOf, EncryptionContext, pairsOf } from '../../parts/encryption-context.tsx'
import { GuardedButton } from '../../parts/guarded-button.tsx'
import { KeyField } from '../../parts/key-field.tsx'
import { ProblemAlert } from '../../parts/problem.tsx'

type Question = {
  readonly principalName: string
  readonly action: string
  readonly keyId: string
  readonly sourceAddress: string
  readonly context: readonly ContextPair[]
}
type Search = Partial<Record<'principalName' | 'action' | 'keyId' | 'sourceAddress' | 'encryptionContext', string>>
type Explained = Answered<typeof explainAccess>

export function Tester() {
  const text = useText()
  const navigate = useNavigate()
  const search = useSearch({ strict: false }) as Search
  const [question, setQuestion] = useState<Question>(() => questionFrom(search))
  const test = useMutation({
    mutationFn: ({ principalName, action, keyId, sourceAddress, context }: Question) =>
      call(explainAccess, {
        principalName,
        action,
        ...(keyId === '' ? {} : { keyId }),
        ...(sourceAddress === '' ? {} : { sourceAddress }),
        ...(context.length === 0 ? {} : { encryptionContext: contextOf(context) }),
      }),
  })
  const { mutate } = test
  // Who comes with a whole question ("why was this denied?") sees the answer at once.
  // biome-ignore lint/correctness/useExhaustiveDependencies: only on arrival
  useEffect(() => {
    if (question.principalName !== '' && question.action !== '') mutate(question)
  }, [])
  const change = (part: Partial<Question>) => setQuestion({ ...question, ...part })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    void navigate({ to: '/access/explain', search: searchFrom(question) as never, replace: true })
    mutate(question)
  }
  return (
    <ContentLayout
      header={
        <Header variant="h1" description={text.access.testerDescription}>
          {text.access.tester}
        </Header>
      }
    >
      <SpaceBetween size="l">
        <form onSubmit={submit}>
          <Form
            actions={
              <GuardedButton
                right="kms:ExplainAccess"
                variant="primary"
                formAction="submit"
                loading={test.isPending}
                disabled={question.principalName === '' || question.action === ''}
              >
                {text.access.test}
              </GuardedButton>
            }
          >
            <Container>
              <SpaceBetween size="m">
                <PrincipalField
                  value={question.principalName}
                  onChange={(principalName) => change({ principalName })}
                />
                <ActionField value={question.action} onChange={(action) => change({ action })} />
                <KeyField
                  label={text.access.keyOptional}
                  description={text.access.noKeyHint}
                  value={question.keyId}
                  onChange={(keyId) => change({ keyId })}
                />
                <EncryptionContext
                  label={text.access.context}
                  pairs={question.context}
                  onChange={(context) => change({ context })}
                />
                <FormField label={text.access.address} constraintText={text.access.addressHint}>
                  <Input
                    value={question.sourceAddress}
                    onChange={({ detail }) => change({ sourceAddress: detail.value })}
                    placeholder="192.0.2.7"
                  />
                </FormField>
              </SpaceBetween>
            </Container>
          </Form>
        </form>
        <ProblemAlert error={test.error} />
        {test.data !== undefined && test.variables !== undefined && <Answer of={test.data} question={test.variables} />}
      </SpaceBetween>
    </ContentLayout>
  )
}

function questionFrom(search: Search): Question {
  const { principalName = '', action = '', keyId = '', sourceAddress = '' } = search
  return { principalName, action, keyId, sourceAddress, context: pairsOf(search.encryptionContext) }
}

function searchFrom({ context, ...members }: Question): Search {
  const search: Record<string, string> = {}
  for (const [name, value] of Object.entries(members)) if (value !== '') search[name] = value
  if (context.length > 0) search.encryptionContext = JSON.stringify(contextOf(context))
  return search
}

type FieldProps = { readonly value: string; readonly onChange: (value: string) => void }

function PrincipalField({ value, onChange }: FieldProps) {
  const text = useText()
  const { data } = useQuery({
    queryKey: [listPrincipals.name, 'offered'],
    queryFn: () => call(listPrincipals, { limit: 1000 }),
    retry: false,
  })
  return (
    <FormField label={text.access.principal}>
      <Autosuggest
        value={value}
        onChange={({ detail }) => onChange(detail.value)}
        options={(data?.principals ?? []).map(({ name }) => ({ value: name }))}
        enteredTextLabel={text.app.takeEntered}
        empty={text.access.noPrincipals}
      />
    </FormField>
  )
}

function ActionField({ value, onChange }: FieldProps) {
  const text = useText()
  const operations = useOperationNames()
  return (
    <FormField label={text.access.action} constraintText={text.access.actionHint}>
      <Autosuggest
        value={value}
        onChange={({ detail }) => onChange(detail.value)}
        options={operations.map((name) => ({ value: `kms:${name}` }))}
        enteredTextLabel={text.app.takeEntered}
      />
    </FormField>
  )
}

function Answer({ of, question }: { readonly of: Explained; readonly question: Question }) {
  const text = useText()
  const { allowed, by, statement, grantId } = of
  const statements = of.statements as unknown as readonly StatementFinding[]
  const grants = of.grants as unknown as readonly { grantId: string; name: string; allows: boolean }[]
  const decides = (one: StatementFinding) =>
    statement !== undefined && one.policyName === statement.policyName && one.index === statement.index
  const deciding = statements.find(decides)
  const words = allowed ? text.access.allowed : text.access.denied
  return (
    <SpaceBetween size="l">
      <Alert type={allowed ? 'success' : 'error'} header={words(question.principalName, question.action)}>
        {text.access.decidedBy[by] ?? of.reason}
        {grantId !== undefined &&
          ` ${text.access.grantId(grants.find((one) => one.grantId === grantId)?.name || grantId)}`}
      </Alert>
      {deciding !== undefined && <Deciding statement={deciding} keyId={question.keyId} />}
      <Table
        header={<Header variant="h2">{text.access.statements}</Header>}
        ariaLabels={{ tableLabel: text.access.statements }}
        items={statements}
        wrapLines
        columnDefinitions={[
          {
            id: 'policy',
            header: text.access.policy,
            cell: (one) =>
              one.kind === 'identity' ? (
                <ScreenLink to={`/policies/${encodeURIComponent(one.policyName)}`}>{one.policyName}</ScreenLink>
              ) : (
                (text.access.keyPolicies[one.policyName] ?? one.policyName)
              ),
            isRowHeader: true,
            minWidth: 170,
          },
          {
            id: 'statement',
            header: text.access.statement,
            cell: (one) => (
              <>
                {one.sid ?? `#${one.index + 1}`} {decides(one) && <Badge color="blue">{text.access.decides}</Badge>}
              </>
            ),
            minWidth: 150,
          },
          { id: 'effect', header: text.access.effect, cell: ({ effect }) => text.access.effects[effect], minWidth: 90 },
          {
            id: 'applies',
            header: text.access.applies,
            cell: ({ applies, effect }) => (
              <StatusIndicator type={applies === 'none' ? 'stopped' : effect === 'Deny' ? 'error' : 'success'}>
                {applies === 'none' ? text.app.no : text.app.yes}
              </StatusIndicator>
            ),
            minWidth: 90,
          },
          { id: 'why', header: text.access.why, cell: ({ why }) => <span lang="en">{why}</span>, minWidth: 220 },
        ]}
        empty={<Box>{text.access.noStatements}</Box>}
      />
    </SpaceBetween>
  )
}

/** The statement itself, out of its policy. */
function Deciding({ statement, keyId }: { readonly statement: StatementFinding; readonly keyId: string }) {
  const text = useText()
  const { data } = useQuery({
    queryKey: ['deciding', statement.kind, statement.policyName, statement.kind === 'key' ? keyId : ''],
    queryFn: async () =>
      statement.kind === 'identity'
        ? (await call(getPolicy, { policyName: statement.policyName })).policy.document
        : (await call(getKeyPolicy, { keyId })).policy,
    retry: false,
  })
  const shown = data === undefined ? undefined : statementOf(data, statement.index)
  return (
    <Container
      header={
        <Header
          variant="h2"
          description={`${text.access.keyPolicies[statement.policyName] ?? statement.policyName}, ${statement.sid ?? `#${statement.index + 1}`}`}
        >
          {text.access.deciding}
        </Header>
      }
    >
      {shown === undefined ? (
        <span lang="en">{statement.why}</span>
      ) : (
        <CodeBlock label={text.access.deciding}>{shown}</CodeBlock>
      )}
    </Container>
  )
}

function statementOf(document: string, index: number): string | undefined {
  const { Statement } = JSON.parse(document) as { readonly Statement?: unknown }
  const one = Array.isArray(Statement) ? Statement[index] : Statement
  return one === undefined ? undefined : JSON.stringify(one, null, 2)
}

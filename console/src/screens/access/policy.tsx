import Alert from '@cloudscape-design/components/alert'
import Box from '@cloudscape-design/components/box'
import Container from '@cloudscape-design/components/container'
import ContentLayout from '@cloudscape-design/components/content-layout'
import FormField from '@cloudscape-design/components/form-field'
import Header from '@cloudscape-design/components/header'
import Input from '@cloudscape-design/components/input'
import SpaceBetween from '@cloudscape-design/components/space-between'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import { useQuery } from '@tanstack/react-query'
import { useParams, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { type Answered, ApiProblem, call } from '../../api/client.ts'
import { deletePolicy, getPolicy, listPolicies, putPolicy } from '../../api/operations.ts'
import { useGo } from '../../app/follow.tsx'
import { Pending } from '../../app/pending.tsx'
import { useFormats, useText } from '../../i18n/index.tsx'
import { ChangeDialog } from '../../parts/change-dialog.tsx'
import { GuardedButton } from '../../parts/guarded-button.tsx'
import type { PolicyFinding } from '../../parts/policy-editor/editor.ts'
import { PolicyEditor } from '../../parts/policy-editor/policy-editor.tsx'
import { ProblemAlert } from '../../parts/problem.tsx'
import { TextChanges } from '../../parts/text-changes.tsx'
import { useChange } from '../../parts/use-change.ts'
import { documentOf, type Template, templates } from './policy-templates.ts'
import { descriptionOf } from './policy-words.ts'

type Policy = Answered<typeof getPolicy>['policy']

export function PolicyDetails() {
  const { policyName } = useParams({ strict: false }) as { readonly policyName: string }
  const { template, copyOf } = useSearch({ strict: false }) as {
    readonly template?: string
    readonly copyOf?: string
  }
  const stored = usePolicy(policyName)
  const original = usePolicy(copyOf)
  const missing = stored.error instanceof ApiProblem && stored.error.code === 'PolicyNotFound'
  if (stored.error !== null && !missing)
    return <ProblemAlert error={stored.error} retry={() => void stored.refetch()} />
  if (stored.isPending || (copyOf !== undefined && original.isPending)) return <Pending />
  const document =
    original.data?.policy.document ??
    documentOf(template !== undefined && template in templates ? (template as Template) : 'empty')
  return missing ? (
    <Edit key={policyName} name={policyName} first={document} stored={undefined} />
  ) : (
    <Edit key={policyName} name={policyName} first={stored.data?.policy.document ?? ''} stored={stored.data?.policy} />
  )
}

function usePolicy(policyName: string | undefined) {
  return useQuery({
    queryKey: [getPolicy.name, policyName],
    queryFn: () => call(getPolicy, { policyName: policyName ?? '' }),
    enabled: policyName !== undefined,
    retry: false,
  })
}

type EditProps = { readonly name: string; readonly first: string; readonly stored: Policy | undefined }

function Edit({ name, first, stored }: EditProps) {
  const text = useText()
  const go = useGo()
  const [document, setDocument] = useState(first)
  const [description, setDescription] = useState(stored?.description ?? '')
  const [finding, setFinding] = useState<(PolicyFinding & { readonly conditionKeys?: readonly string[] }) | undefined>()
  const [dialog, setDialog] = useState<'review' | 'delete'>()
  const managed = stored?.managed === true
  const changed = document !== (stored?.document ?? '') || description !== (stored?.description ?? '')
  const save = useChange({
    change: () => call(putPolicy, { policyName: name, document, description }),
    told: text.access.wasSaved(name),
    touches: [[listPolicies.name], [getPolicy.name], ['right']],
    afterwards: () => {
      setDialog(undefined)
      if (stored === undefined) go(`/policies/${encodeURIComponent(name)}`)
    },
  })
  const remove = useChange({
    change: () => call(deletePolicy, { policyName: name }),
    told: text.access.wasDeleted(name),
    touches: [[listPolicies.name]],
    afterwards: () => go('/policies'),
  })
  return (
    <ContentLayout
      header={
        <Header
          variant="h1"
          description={managed ? text.access.managedHint : stored === undefined ? text.access.newOne : undefined}
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              {managed ? (
                <GuardedButton
                  right="kms:PutPolicy"
                  onClick={() =>
                    go(`/policies/${encodeURIComponent(`${name}-copy`)}?copyOf=${encodeURIComponent(name)}`)
                  }
                >
                  {text.access.copyPolicy}
                </GuardedButton>
              ) : (
                <SpaceBetween direction="horizontal" size="xs">
                  {stored !== undefined && (
                    <GuardedButton right="kms:DeletePolicy" onClick={() => setDialog('delete')}>
                      {text.access.deletePolicy}
                    </GuardedButton>
                  )}
                  <GuardedButton
                    right="kms:PutPolicy"
                    variant="primary"
                    disabled={!changed}
                    why={finding?.valid === false && text.access.invalid}
                    onClick={() => setDialog('review')}
                  >
                    {text.access.review}
                  </GuardedButton>
                </SpaceBetween>
              )}
            </SpaceBetween>
          }
        >
          {name}
        </Header>
      }
    >
      <Container>
        <SpaceBetween size="m">
          <FormField label={text.access.policyDescription} stretch>
            <Input
              value={managed && stored !== undefined ? descriptionOf(stored, text) : description}
              readOnly={managed}
              onChange={({ detail }) => setDescription(detail.value)}
            />
          </FormField>
          <FormField label={text.access.editor} description={managed ? undefined : text.access.editorHint} stretch>
            <PolicyEditor
              label={text.access.editor}
              kind="identity"
              document={document}
              readOnly={managed}
              onChange={(words) => {
                setDocument(words)
                setFinding(undefined)
              }}
              onFinding={setFinding}
            />
          </FormField>
          {!managed && <Verdict finding={finding} />}
        </SpaceBetween>
      </Container>
      {dialog === 'review' && (
        <ChangeDialog
          header={text.access.reviewTitle(name)}
          action={text.access.savePolicy}
          close={() => setDialog(undefined)}
          change={save}
          size="large"
        >
          <Box>{text.access.reviewHint}</Box>
          <TextChanges before={stored?.document ?? ''} after={document} />
        </ChangeDialog>
      )}
      {dialog === 'delete' && (
        <ChangeDialog
          header={text.access.deletePolicyFor(name)}
          action={text.access.deletePolicy}
          close={() => setDialog(undefined)}
          change={remove}
        >
          <Alert type="warning">{text.access.deletePolicyEffect}</Alert>
        </ChangeDialog>
      )}
    </ContentLayout>
  )
}

function Verdict({
  finding,
}: {
  readonly finding: (PolicyFinding & { readonly conditionKeys?: readonly string[] }) | undefined
}) {
  const text = useText()
  const formats = useFormats()
  if (finding === undefined) return <StatusIndicator type="in-progress">{text.access.checking}</StatusIndicator>
  if (finding.valid)
    return (
      <StatusIndicator type="success">
        {finding.conditionKeys === undefined || finding.conditionKeys.length === 0
          ? text.access.valid
          : text.access.validAsks(formats.list(finding.conditionKeys))}
      </StatusIndicator>
    )
  return (
    <Alert type="error" header={text.access.invalid}>
      <span lang="en">
        {finding.message} {finding.mend}
      </span>
    </Alert>
  )
}

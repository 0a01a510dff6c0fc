import Alert from '@cloudscape-design/components/alert'
import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import Container from '@cloudscape-design/components/container'
import Header from '@cloudscape-design/components/header'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Spinner from '@cloudscape-design/components/spinner'
import Table from '@cloudscape-design/components/table'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { type Answered, call } from '../../../api/client.ts'
import { getKeyPolicy, type KeyMetadata, listGrants, putKeyPolicy, revokeGrant } from '../../../api/operations.ts'
import { useFormats, useText } from '../../../i18n/index.tsx'
import { asCall, CodeBlock, CopyAs } from '../../../parts/copy-as.tsx'
import { Dialog } from '../../../parts/dialog.tsx'
import { GuardedButton } from '../../../parts/guarded-button.tsx'
import { More } from '../../../parts/more.tsx'
import { usePages } from '../../../parts/pages.ts'
import type { PolicyFinding } from '../../../parts/policy-editor/editor.ts'
import { PolicyEditor } from '../../../parts/policy-editor/policy-editor.tsx'
import { ProblemAlert } from '../../../parts/problem.tsx'
import { TextChanges } from '../../../parts/text-changes.tsx'
import { Moment } from '../key-words.tsx'
import { useKeyChange } from '../use-key.ts'
import { shortPrincipal } from '../uses-table.tsx'
import { GrantDialog } from './grant-dialog.tsx'

export function AccessTab({ ofKey: key }: { readonly ofKey: KeyMetadata }) {
  return (
    <SpaceBetween size="l">
      <Policy keyId={key.keyId} />
      <Grants ofKey={key} />
    </SpaceBetween>
  )
}

function Policy({ keyId }: { readonly keyId: string }) {
  const text = useText()
  const words = text.keys.access
  const { data, error, refetch } = useQuery({
    queryKey: ['keys', keyId, 'policy'],
    queryFn: () => call(getKeyPolicy, { keyId }),
  })
  // What is being written, while it is.
  const [draft, setDraft] = useState<string>()
  const [finding, setFinding] = useState<PolicyFinding>()
  const [reviewing, setReviewing] = useState(false)
  const stop = () => {
    setDraft(undefined)
    setFinding(undefined)
    setReviewing(false)
  }
  const input = { keyId, policy: draft ?? '' }
  const put = useKeyChange(() => call(putKeyPolicy, input), { done: words.policySaved, after: stop, inDialog: true })
  if (error !== null) return <ProblemAlert error={error} retry={() => void refetch()} />
  const before = data === undefined ? '' : pretty(data.policy)
  return (
    <Container
      header={
        <Header
          variant="h2"
          description={words.policyHint}
          actions={
            draft === undefined ? (
              <GuardedButton
                right="kms:PutKeyPolicy"
                keyId={keyId}
                disabled={data === undefined}
                onClick={() => setDraft(before)}
              >
                {text.app.edit}
              </GuardedButton>
            ) : (
              <SpaceBetween direction="horizontal" size="xs">
                <Button variant="link" onClick={stop}>
                  {text.app.cancel}
                </Button>
                <GuardedButton
                  variant="primary"
                  right="kms:PutKeyPolicy"
                  keyId={keyId}
                  why={draft === before ? text.keys.tagsUnchanged : finding?.valid === false && words.policyInvalid}
                  onClick={() => setReviewing(true)}
                >
                  {words.review}
                </GuardedButton>
              </SpaceBetween>
            )
          }
        >
          {words.policy}
        </Header>
      }
    >
      {data === undefined ? (
        <Spinner />
      ) : draft === undefined ? (
        <SpaceBetween size="s">
          <CodeBlock label={words.policy}>{before}</CodeBlock>
          <CopyAs calls={[asCall(getKeyPolicy, { keyId }, `get-key-policy --key-id ${keyId} --policy-name default`)]} />
        </SpaceBetween>
      ) : (
        <SpaceBetween size="s">
          <PolicyEditor
            label={words.policy}
            kind="key"
            document={draft}
            readOnly={false}
            onChange={setDraft}
            onFinding={setFinding}
          />
          {finding?.valid === false && (
            <Alert type="error" header={words.policyInvalid}>
              <span lang="en">
                {finding.message} {finding.mend}
              </span>
            </Alert>
          )}
        </SpaceBetween>
      )}
      {reviewing && (
        <Dialog
          size="large"
          title={words.review}
          confirm={text.app.save}
          onConfirm={() => put.mutate()}
          onClose={() => setReviewing(false)}
          busy={put.isPending}
          error={put.error}
          calls={[asCall(putKeyPolicy, input)]}
        >
          <Box>{words.reviewHint}</Box>
          <TextChanges before={before} after={draft ?? ''} />
        </Dialog>
      )}
    </Container>
  )
}

function pretty(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json), null, 2)
  } catch {
    return json
  }
}

type Grant = Answered<typeof listGrants>['grants'][number]

function Grants({ ofKey: key }: { readonly ofKey: KeyMetadata }) {
  const { keyId } = key
  const [granting, setGranting] = useState(false)
  const text = useText()
  const words = text.keys.access
  const formats = useFormats()
  const [revoking, setRevoking] = useState<Grant>()
  const pages = usePages(listGrants, { keyId, limit: 50 })
  const { data, error, isPending, refetch } = pages
  const input = { keyId, grantId: revoking?.grantId ?? '' }
  const revoke = useKeyChange(() => call(revokeGrant, input), {
    done: words.revoked,
    after: () => setRevoking(undefined),
    inDialog: true,
  })
  if (error !== null) return <ProblemAlert error={error} retry={() => void refetch()} />
  return (
    <SpaceBetween size="m">
      <Table
        loading={isPending}
        loadingText={text.app.loading}
        items={data?.pages.flatMap(({ grants }) => grants) ?? []}
        trackBy="grantId"
        wrapLines
        ariaLabels={{ tableLabel: words.grants }}
        header={
          <Header
            description={words.grantsHint}
            actions={
              <GuardedButton
                right="kms:CreateGrant"
                keyId={keyId}
                why={key.keyState !== 'Enabled' && text.keys.details.notInState(text.keys.states[key.keyState])}
                onClick={() => setGranting(true)}
              >
                {words.createGrant}
              </GuardedButton>
            }
          >
            {words.grants}
          </Header>
        }
        empty={<Box color="text-body-secondary">{words.noGrants}</Box>}
        columnDefinitions={[
          {
            id: 'name',
            header: words.grant,
            isRowHeader: true,
            cell: ({ name, grantId }) => name || `${grantId.slice(0, 12)}…`,
          },
          { id: 'grantee', header: words.grantee, cell: ({ granteePrincipal }) => shortPrincipal(granteePrincipal) },
          { id: 'operations', header: words.operations, cell: ({ operations }) => formats.list(operations) },
          { id: 'created', header: text.keys.columns.created, cell: ({ createdAt }) => <Moment at={createdAt} /> },
          {
            id: 'actions',
            header: text.app.actions,
            cell: (grant) => (
              <GuardedButton
                variant="inline-link"
                right="kms:RevokeGrant"
                keyId={keyId}
                ariaLabel={`${words.revoke} ${grant.name || grant.grantId}`}
                onClick={() => setRevoking(grant)}
              >
                {words.revoke}
              </GuardedButton>
            ),
          },
        ]}
      />
      <More of={pages} />
      {granting && <GrantDialog ofKey={key} onClose={() => setGranting(false)} />}
      {revoking !== undefined && (
        <Dialog
          title={words.revoke}
          confirm={words.revoke}
          onConfirm={() => revoke.mutate()}
          onClose={() => setRevoking(undefined)}
          busy={revoke.isPending}
          error={revoke.error}
          calls={[asCall(revokeGrant, input, `revoke-grant --key-id ${keyId} --grant-id ${input.grantId}`)]}
        >
          {words.revokeText(shortPrincipal(revoking.granteePrincipal), formats.list(revoking.operations))}
        </Dialog>
      )}
    </SpaceBetween>
  )
}

import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import Container from '@cloudscape-design/components/container'
import Header from '@cloudscape-design/components/header'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Spinner from '@cloudscape-design/components/spinner'
import Table from '@cloudscape-design/components/table'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { type Answered, call } from '../../../api/client.ts'
import { getKeyPolicy, type KeyMetadata, listGrants, revokeGrant } from '../../../api/operations.ts'
import { useFormats, useText } from '../../../i18n/index.tsx'
import { asCall, CodeBlock, CopyAs } from '../../../parts/copy-as.tsx'
import { Dialog } from '../../../parts/dialog.tsx'
import { GuardedButton } from '../../../parts/guarded-button.tsx'
import { ProblemAlert } from '../../../parts/problem.tsx'
import { Moment } from '../key-words.tsx'
import { useChange } from '../use-key.ts'
import { shortPrincipal } from '../uses-table.tsx'

export function AccessTab({ ofKey: key }: { readonly ofKey: KeyMetadata }) {
  return (
    <SpaceBetween size="l">
      <Policy keyId={key.keyId} />
      <Grants keyId={key.keyId} />
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
  return (
    <Container
      header={
        <Header variant="h2" description={words.policyHint}>
          {words.policy}
        </Header>
      }
    >
      {error !== null ? (
        <ProblemAlert error={error} retry={() => void refetch()} />
      ) : data === undefined ? (
        <Spinner />
      ) : (
        <SpaceBetween size="s">
          <CodeBlock label={words.policy}>{pretty(data.policy)}</CodeBlock>
          <CopyAs calls={[asCall(getKeyPolicy, { keyId }, `get-key-policy --key-id ${keyId} --policy-name default`)]} />
        </SpaceBetween>
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

function Grants({ keyId }: { readonly keyId: string }) {
  const text = useText()
  const words = text.keys.access
  const formats = useFormats()
  const [revoking, setRevoking] = useState<Grant>()
  const { data, error, isPending, fetchNextPage, hasNextPage, isFetchingNextPage, refetch } = useInfiniteQuery({
    queryKey: ['keys', keyId, 'grants'],
    queryFn: ({ pageParam }) => call(listGrants, { keyId, limit: 50, marker: pageParam }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ nextMarker }) => nextMarker,
  })
  const input = { keyId, grantId: revoking?.grantId ?? '' }
  const revoke = useChange(() => call(revokeGrant, input), {
    done: words.revoked,
    after: () => setRevoking(undefined),
    quietly: true,
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
        header={<Header description={words.grantsHint}>{words.grants}</Header>}
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
      {hasNextPage && (
        <Button loading={isFetchingNextPage} onClick={() => void fetchNextPage()}>
          {text.app.more}
        </Button>
      )}
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

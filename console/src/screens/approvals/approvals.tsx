import Alert from '@cloudscape-design/components/alert'
import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import Header from '@cloudscape-design/components/header'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Table from '@cloudscape-design/components/table'
import { useState } from 'react'
import { type Answered, call } from '../../api/client.ts'
import { approveImport, listImportRequests, rejectImport } from '../../api/operations.ts'
import { useSignedIn } from '../../api/session.ts'
import { ScreenLink } from '../../app/follow.tsx'
import { useFormats, useText } from '../../i18n/index.tsx'
import { ChangeDialog } from '../../parts/change-dialog.tsx'
import { GuardedButton } from '../../parts/guarded-button.tsx'
import { More } from '../../parts/more.tsx'
import { usePages } from '../../parts/pages.ts'
import { PrincipalName } from '../../parts/principal-name.tsx'
import { ProblemAlert } from '../../parts/problem.tsx'
import { useChange } from '../../parts/use-change.ts'

type Request = Answered<typeof listImportRequests>['importRequests'][number]
const touches = [[listImportRequests.name], ['keys'], ['overview']]

export function Approvals() {
  const text = useText()
  const formats = useFormats()
  const pages = usePages(listImportRequests, {})
  const { principal } = useSignedIn()
  const [decision, setDecision] = useState<{ readonly is: 'approve' | 'reject'; readonly request: Request }>()
  const close = () => setDecision(undefined)
  return (
    <>
      <Table
        variant="full-page"
        items={pages.data?.pages.flatMap(({ importRequests }) => importRequests) ?? []}
        trackBy="keyId"
        wrapLines
        loading={pages.isPending}
        loadingText={text.app.loading}
        ariaLabels={{ tableLabel: text.approvals.title }}
        header={
          <Header
            variant="awsui-h1-sticky"
            description={text.approvals.description}
            actions={<Button iconName="refresh" ariaLabel={text.app.refresh} onClick={() => void pages.refetch()} />}
          >
            {text.approvals.title}
          </Header>
        }
        columnDefinitions={[
          {
            id: 'key',
            header: text.approvals.key,
            cell: ({ keyId }) => <ScreenLink to={`/keys/${encodeURIComponent(keyId)}`}>{keyId}</ScreenLink>,
            isRowHeader: true,
            minWidth: 170,
          },
          {
            id: 'by',
            header: text.approvals.requestedBy,
            cell: ({ requestedBy }) => <PrincipalName arn={requestedBy} />,
            minWidth: 100,
          },
          {
            id: 'at',
            header: text.approvals.requestedAt,
            cell: ({ requestedAt }) => formats.time(requestedAt),
            minWidth: 120,
          },
          {
            id: 'until',
            header: text.approvals.expires,
            cell: ({ expiresAt }) => formats.fromNow(expiresAt),
            minWidth: 100,
          },
          {
            id: 'expiry',
            header: text.approvals.materialExpires,
            cell: ({ materialExpiresAt }) =>
              materialExpiresAt === undefined ? text.app.never : formats.time(materialExpiresAt),
            minWidth: 110,
          },
          {
            id: 'actions',
            header: text.app.actions,
            cell: (request) => {
              const own = request.requestedBy === principal.arn
              return (
                <SpaceBetween direction="horizontal" size="xs">
                  <GuardedButton
                    right="kms:ApproveImport"
                    keyId={request.keyId}
                    why={own && text.approvals.notYourOwn}
                    ariaLabel={`${text.approvals.approve} ${request.keyId}`}
                    onClick={() => setDecision({ is: 'approve', request })}
                  >
                    {text.approvals.approve}
                  </GuardedButton>
                  <GuardedButton
                    right="kms:RejectImport"
                    keyId={request.keyId}
                    ariaLabel={`${own ? text.approvals.withdraw : text.approvals.reject} ${request.keyId}`}
                    onClick={() => setDecision({ is: 'reject', request })}
                  >
                    {own ? text.approvals.withdraw : text.approvals.reject}
                  </GuardedButton>
                </SpaceBetween>
              )
            },
            minWidth: 260,
          },
        ]}
        footer={<More of={pages} />}
        empty={
          pages.error !== null ? (
            <ProblemAlert error={pages.error} retry={() => void pages.refetch()} />
          ) : (
            <Box textAlign="center" padding="l">
              <b>{text.approvals.empty}</b>
              <Box color="text-body-secondary">{text.approvals.emptyHint}</Box>
            </Box>
          )
        }
      />
      {decision?.is === 'approve' && <Approve request={decision.request} close={close} />}
      {decision?.is === 'reject' && <Reject request={decision.request} close={close} />}
    </>
  )
}

type DecisionProps = { readonly request: Request; readonly close: () => void }

function Approve({ request: { keyId }, close }: DecisionProps) {
  const text = useText()
  const change = useChange({
    change: () => call(approveImport, { keyId }),
    told: text.approvals.approved(keyId),
    touches,
    afterwards: close,
  })
  return (
    <ChangeDialog
      header={text.approvals.approveFor(keyId)}
      action={text.approvals.approve}
      close={close}
      change={change}
    >
      <Alert type="warning">{text.approvals.approveHint}</Alert>
    </ChangeDialog>
  )
}

function Reject({ request: { keyId }, close }: DecisionProps) {
  const text = useText()
  const change = useChange({
    change: () => call(rejectImport, { keyId }),
    told: text.approvals.rejected(keyId),
    touches,
    afterwards: close,
  })
  return (
    <ChangeDialog header={text.approvals.rejectFor(keyId)} action={text.approvals.reject} close={close} change={change}>
      {text.approvals.rejectHint}
    </ChangeDialog>
  )
}

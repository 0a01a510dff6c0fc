import Alert from '@cloudscape-design/components/alert'
import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import FormField from '@cloudscape-design/components/form-field'
import Header from '@cloudscape-design/components/header'
import Input from '@cloudscape-design/components/input'
import Modal from '@cloudscape-design/components/modal'
import SegmentedControl from '@cloudscape-design/components/segmented-control'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Table from '@cloudscape-design/components/table'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { call } from '../../api/client.ts'
import { createAccessKey, createToken, deleteCredential, listCredentials } from '../../api/operations.ts'
import { useFormats, useText } from '../../i18n/index.tsx'
import { ChangeDialog } from '../../parts/change-dialog.tsx'
import { GuardedButton } from '../../parts/guarded-button.tsx'
import { ProblemAlert } from '../../parts/problem.tsx'
import { saveFile } from '../../parts/save-file.ts'
import { Secret } from '../../parts/secret.tsx'
import { useChange } from '../../parts/use-change.ts'
import { Copyable } from '../keys/key-words.tsx'

type Kind = 'token' | 'accessKey'
const dayMs = 86_400_000

/** What was made: shown once, and then nowhere. */
type Made = { readonly token: string } | { readonly accessKeyId: string; readonly secretAccessKey: string }

export function Credentials({ principalName }: { readonly principalName: string }) {
  const text = useText()
  const formats = useFormats()
  const { data, error, isPending, refetch } = useQuery({
    queryKey: [listCredentials.name, principalName],
    queryFn: () => call(listCredentials, { principalName }),
  })
  const [creating, setCreating] = useState<Kind>()
  const [deleting, setDeleting] = useState<string>()
  const [made, setMade] = useState<Made>()
  return (
    <>
      <Table
        header={
          <Header
            variant="h2"
            description={text.access.credentialsHint}
            actions={
              <SpaceBetween direction="horizontal" size="xs">
                <GuardedButton right="kms:CreateToken" onClick={() => setCreating('token')}>
                  {text.access.createToken}
                </GuardedButton>
                <GuardedButton right="kms:CreateAccessKey" onClick={() => setCreating('accessKey')}>
                  {text.access.createAccessKey}
                </GuardedButton>
              </SpaceBetween>
            }
          >
            {text.access.credentials}
          </Header>
        }
        ariaLabels={{ tableLabel: text.access.credentials }}
        wrapLines
        loading={isPending}
        loadingText={text.app.loading}
        items={data?.credentials ?? []}
        columnDefinitions={[
          {
            id: 'id',
            header: text.access.id,
            cell: ({ credentialId }) => <Copyable value={credentialId} />,
            isRowHeader: true,
            minWidth: 170,
          },
          { id: 'kind', header: text.access.kind, cell: ({ kind }) => text.access.kinds[kind], minWidth: 110 },
          { id: 'for', header: text.access.description, cell: ({ description }) => description || '–', minWidth: 110 },
          {
            id: 'created',
            header: text.access.created,
            cell: ({ createdAt }) => formats.time(createdAt),
            minWidth: 120,
          },
          {
            id: 'expires',
            header: text.access.expires,
            cell: ({ expiresAt }) => (expiresAt === undefined ? text.app.never : formats.time(expiresAt)),
            minWidth: 110,
          },
          {
            id: 'actions',
            header: text.app.actions,
            cell: ({ credentialId }) => (
              <GuardedButton
                right="kms:DeleteCredential"
                variant="inline-link"
                ariaLabel={`${text.app.remove} ${credentialId}`}
                onClick={() => setDeleting(credentialId)}
              >
                {text.app.remove}
              </GuardedButton>
            ),
            minWidth: 120,
          },
        ]}
        empty={
          error !== null ? (
            <ProblemAlert error={error} retry={() => void refetch()} />
          ) : (
            <Box>{text.access.noCredentials}</Box>
          )
        }
      />
      {creating !== undefined && (
        <Create
          kind={creating}
          principalName={principalName}
          close={() => setCreating(undefined)}
          onMade={(secret) => {
            setCreating(undefined)
            setMade(secret)
          }}
        />
      )}
      {deleting !== undefined && (
        <Delete principalName={principalName} credentialId={deleting} close={() => setDeleting(undefined)} />
      )}
      {made !== undefined && <ShownOnce made={made} close={() => setMade(undefined)} />}
    </>
  )
}

function Create({
  kind,
  principalName,
  close,
  onMade,
}: {
  readonly kind: Kind
  readonly principalName: string
  readonly close: () => void
  readonly onMade: (made: Made) => void
}) {
  const text = useText()
  const [description, setDescription] = useState('')
  const [days, setDays] = useState('90')
  const change = useChange<Made>({
    change: () => {
      const wish = {
        principalName,
        description,
        ...(days === '0' ? {} : { expiresAt: new Date(Date.now() + Number(days) * dayMs).toISOString() }),
      }
      return kind === 'token' ? call(createToken, wish) : call(createAccessKey, wish)
    },
    told: '',
    touches: [[listCredentials.name, principalName]],
    afterwards: onMade,
  })
  const header = kind === 'token' ? text.access.createToken : text.access.createAccessKey
  return (
    <ChangeDialog header={header} action={header} close={close} change={change}>
      <FormField label={text.access.forWhat} description={text.access.forWhatHint}>
        <Input value={description} onChange={({ detail }) => setDescription(detail.value)} autoFocus />
      </FormField>
      <FormField label={text.access.validFor}>
        <SegmentedControl
          label={text.access.validFor}
          selectedId={days}
          onChange={({ detail }) => setDays(detail.selectedId)}
          options={(['30', '90', '365', '0'] as const).map((id) => ({ id, text: text.access.validities[id] }))}
        />
      </FormField>
    </ChangeDialog>
  )
}

function Delete({
  principalName,
  credentialId,
  close,
}: {
  readonly principalName: string
  readonly credentialId: string
  readonly close: () => void
}) {
  const text = useText()
  const change = useChange({
    change: () => call(deleteCredential, { principalName, credentialId }),
    told: text.access.credentialDeleted(credentialId),
    touches: [[listCredentials.name, principalName]],
    afterwards: close,
  })
  return (
    <ChangeDialog
      header={text.access.deleteCredential(credentialId)}
      action={text.app.remove}
      close={close}
      change={change}
    >
      <Alert type="warning">{text.access.deleteCredentialEffect}</Alert>
    </ChangeDialog>
  )
}

function ShownOnce({ made, close }: { readonly made: Made; readonly close: () => void }) {
  const text = useText()
  const settings =
    'token' in made
      ? `KEYWARD_TOKEN=${made.token}\n`
      : `AWS_ACCESS_KEY_ID=${made.accessKeyId}\nAWS_SECRET_ACCESS_KEY=${made.secretAccessKey}\n`
  return (
    <Modal
      visible
      header={text.access.secretTitle}
      closeAriaLabel={text.app.close}
      // Only the button closes it: a click beside it would lose the secret.
      onDismiss={({ detail }) => detail.reason !== 'overlay' && close()}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button iconName="download" onClick={() => saveFile('keyward-credential.env', settings, 'text/plain')}>
              {text.access.download}
            </Button>
            <Button variant="primary" onClick={close}>
              {text.access.saved}
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="m">
        <Alert type="warning">{text.access.secretHint}</Alert>
        {'token' in made ? (
          <Secret label={text.access.secretToken} value={made.token} />
        ) : (
          <>
            <FormField label={text.access.secretId}>
              <Copyable value={made.accessKeyId} />
            </FormField>
            <Secret label={text.access.secretKey} value={made.secretAccessKey} />
          </>
        )}
      </SpaceBetween>
    </Modal>
  )
}

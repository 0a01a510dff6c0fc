/** The passkeys of a principal; of oneself also new ones, and recovery codes. For the account, and for a principal's details. */
import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import FormField from '@cloudscape-design/components/form-field'
import Header from '@cloudscape-design/components/header'
import Input from '@cloudscape-design/components/input'
import Modal from '@cloudscape-design/components/modal'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Table from '@cloudscape-design/components/table'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, type ReactNode, useState } from 'react'
import { type Answered, call, request } from '../../api/client.ts'
import { useNotifications } from '../../app/notifications.tsx'
import { useFormats, useText } from '../../i18n/index.tsx'
import { GuardedButton } from '../../parts/guarded-button.tsx'
import { ProblemAlert } from '../../parts/problem.tsx'
import { createPasskey } from '../login/passkey-calls.ts'
import { RecoveryCodes } from '../login/recovery-codes.tsx'
import { Refusal } from '../login/refusal.tsx'
import { createSetupCode, deletePasskey, listPasskeys } from './operations.ts'

type Passkey = Answered<typeof listPasskeys>['passkeys'][number]

export function Passkeys({ principalName, own = false }: { readonly principalName: string; readonly own?: boolean }) {
  const text = useText()
  const formats = useFormats()
  const queries = useQueryClient()
  const { done } = useNotifications()
  const [deleting, setDeleting] = useState<Passkey>()
  const [adding, setAdding] = useState(false)
  const queryKey = ['passkeys', principalName]
  const { data, error, isPending } = useQuery({ queryKey, queryFn: () => call(listPasskeys, { principalName }) })
  const again = () => queries.invalidateQueries({ queryKey })
  const remove = useMutation({
    mutationFn: ({ passkeyId }: Passkey) => call(deletePasskey, { principalName, passkeyId }),
    onSuccess: () => {
      setDeleting(undefined)
      done(text.account.passkeyDeleted)
      return again()
    },
  })
  return (
    <>
      <ProblemAlert error={error} />
      <Table
        items={data?.passkeys ?? []}
        trackBy="passkeyId"
        loading={isPending}
        loadingText={text.app.loading}
        empty={text.account.noPasskeys}
        ariaLabels={{ tableLabel: text.account.passkeys }}
        header={
          <Header
            counter={data === undefined ? '' : `(${formats.number(data.passkeys.length)})`}
            description={data === undefined ? '' : text.account.codesLeft(formats.number(data.recoveryCodes))}
            actions={
              own ? (
                <SpaceBetween direction="horizontal" size="xs">
                  <NewRecoveryCodes onDone={again} />
                  <Button onClick={() => setAdding(true)}>{text.account.addPasskey}</Button>
                </SpaceBetween>
              ) : (
                <SetupLink principalName={principalName} />
              )
            }
          >
            {text.account.passkeys}
          </Header>
        }
        columnDefinitions={[
          { id: 'label', header: text.account.label, cell: ({ label }) => label, isRowHeader: true },
          { id: 'host', header: text.account.host, cell: ({ host }) => host },
          {
            id: 'synced',
            header: text.account.where,
            cell: ({ synced }) => (synced ? text.account.synced : text.account.oneDevice),
          },
          { id: 'created', header: text.account.created, cell: ({ createdAt }) => formats.time(createdAt) },
          {
            id: 'used',
            header: text.account.lastUsed,
            cell: ({ lastUsedAt }) => (lastUsedAt === undefined ? text.app.never : formats.fromNow(lastUsedAt)),
          },
          {
            id: 'actions',
            header: text.app.actions,
            cell: (passkey) => {
              const button = {
                variant: 'inline-link',
                ariaLabel: text.account.deletePasskey(passkey.label),
                onClick: () => setDeleting(passkey),
              } as const
              return own ? (
                <Button {...button}>{text.app.remove}</Button>
              ) : (
                <GuardedButton right="kms:DeletePasskey" {...button}>
                  {text.app.remove}
                </GuardedButton>
              )
            },
          },
        ]}
      />
      {deleting !== undefined && (
        <Question
          title={text.account.deletePasskey(deleting.label)}
          action={text.app.remove}
          busy={remove.isPending}
          onConfirm={() => remove.mutate(deleting)}
          onClose={() => {
            setDeleting(undefined)
            remove.reset()
          }}
        >
          <ProblemAlert error={remove.error} />
          <Box>{text.account.deletePasskeyHelp}</Box>
          {own && data?.passkeys.length === 1 && <Box variant="strong">{text.account.lastPasskey}</Box>}
        </Question>
      )}
      {adding && (
        <AddPasskey
          onClose={() => {
            setAdding(false)
            void again()
          }}
        />
      )}
    </>
  )
}

function AddPasskey({ onClose }: { readonly onClose: () => void }) {
  const text = useText()
  const { done } = useNotifications()
  const [label, setLabel] = useState('')
  const create = useMutation({
    mutationFn: () => createPasskey(label),
    onSuccess: ({ recoveryCodes }) => {
      done(text.account.passkeyAdded)
      if (recoveryCodes === undefined) onClose()
    },
  })
  const codes = create.data?.recoveryCodes
  if (codes !== undefined) return <ShownCodes codes={codes} onClose={onClose} />
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (label.trim() !== '') create.mutate()
  }
  return (
    <Question
      title={text.account.addPasskey}
      action={text.signIn.createPasskey}
      busy={create.isPending}
      blocked={label.trim() === '' ? text.account.labelMissing : undefined}
      onConfirm={() => create.mutate()}
      onClose={onClose}
    >
      <Refusal error={create.error} />
      <form onSubmit={submit}>
        <FormField label={text.signIn.label} description={text.signIn.labelHelp}>
          <Input autoFocus value={label} onChange={({ detail }) => setLabel(detail.value.slice(0, 64))} />
        </FormField>
      </form>
    </Question>
  )
}

function NewRecoveryCodes({ onDone }: { readonly onDone: () => Promise<void> }) {
  const text = useText()
  const [asking, setAsking] = useState(false)
  const make = useMutation({
    mutationFn: () => request<{ recoveryCodes: readonly string[] }>({ method: 'POST', path: '/ui/api/recovery/codes' }),
    onSuccess: onDone,
  })
  const close = () => {
    setAsking(false)
    make.reset()
  }
  return (
    <>
      <Button onClick={() => setAsking(true)}>{text.account.newCodes}</Button>
      {asking &&
        (make.data === undefined ? (
          <Question
            title={text.account.newCodes}
            action={text.account.newCodes}
            busy={make.isPending}
            onConfirm={() => make.mutate()}
            onClose={close}
          >
            <ProblemAlert error={make.error} />
            <Box>{text.account.newCodesHelp}</Box>
          </Question>
        ) : (
          <ShownCodes codes={make.data.recoveryCodes} onClose={close} />
        ))}
    </>
  )
}

/** For somebody who has no passkey yet, or lost it. */
function SetupLink({ principalName }: { readonly principalName: string }) {
  const text = useText()
  const formats = useFormats()
  const [asking, setAsking] = useState(false)
  const make = useMutation({ mutationFn: () => call(createSetupCode, { principalName }) })
  const close = () => {
    setAsking(false)
    make.reset()
  }
  return (
    <>
      <GuardedButton right="kms:CreateSetupCode" onClick={() => setAsking(true)}>
        {text.account.setupLink}
      </GuardedButton>
      {asking && (
        <Question
          title={text.account.setupLink}
          action={make.data === undefined ? text.account.makeLink : text.app.close}
          busy={make.isPending}
          onConfirm={() => (make.data === undefined ? make.mutate() : close())}
          onClose={close}
        >
          <ProblemAlert error={make.error} />
          {make.data === undefined ? (
            <Box>{text.account.setupLinkHelp(principalName)}</Box>
          ) : (
            <>
              <Box variant="code">{location.origin + make.data.path}</Box>
              <Box>{text.account.setupLinkEnds(formats.time(make.data.expiresAt))}</Box>
            </>
          )}
        </Question>
      )}
    </>
  )
}

function ShownCodes({ codes, onClose }: { readonly codes: readonly string[]; readonly onClose: () => void }) {
  const text = useText()
  return (
    <Question title={text.signIn.recoveryCodes} action={text.signIn.codesKept} onConfirm={onClose} onClose={onClose}>
      <RecoveryCodes codes={codes} />
    </Question>
  )
}

function Question(props: {
  readonly title: string
  readonly action: string
  readonly busy?: boolean
  readonly blocked?: string | undefined
  readonly onConfirm: () => void
  readonly onClose: () => void
  readonly children: ReactNode
}) {
  const text = useText()
  return (
    <Modal
      visible
      header={props.title}
      closeAriaLabel={text.app.close}
      onDismiss={props.onClose}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={props.onClose}>
              {text.app.cancel}
            </Button>
            {props.blocked === undefined ? (
              <Button variant="primary" loading={props.busy ?? false} onClick={props.onConfirm}>
                {props.action}
              </Button>
            ) : (
              <Button variant="primary" disabled disabledReason={props.blocked}>
                {props.action}
              </Button>
            )}
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="m">{props.children}</SpaceBetween>
    </Modal>
  )
}

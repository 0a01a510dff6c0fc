import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import FormField from '@cloudscape-design/components/form-field'
import Header from '@cloudscape-design/components/header'
import Input from '@cloudscape-design/components/input'
import SpaceBetween from '@cloudscape-design/components/space-between'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import Table from '@cloudscape-design/components/table'
import { useState } from 'react'
import { call } from '../../api/client.ts'
import { createPrincipal, listPrincipals } from '../../api/operations.ts'
import { ScreenLink, useGo } from '../../app/follow.tsx'
import { useFormats, useText } from '../../i18n/index.tsx'
import { ChangeDialog } from '../../parts/change-dialog.tsx'
import { GuardedButton } from '../../parts/guarded-button.tsx'
import { More } from '../../parts/more.tsx'
import { usePages } from '../../parts/pages.ts'
import { ProblemAlert } from '../../parts/problem.tsx'
import { useChange } from '../../parts/use-change.ts'
import { PolicyChoice } from './policy-choice.tsx'

export function PrincipalList() {
  const text = useText()
  const formats = useFormats()
  const pages = usePages(listPrincipals, {})
  const [creating, setCreating] = useState(false)
  return (
    <>
      <Table
        variant="full-page"
        items={pages.data?.pages.flatMap(({ principals }) => principals) ?? []}
        trackBy="name"
        loading={pages.isPending}
        loadingText={text.app.loading}
        ariaLabels={{ tableLabel: text.access.principals }}
        header={
          <Header
            variant="awsui-h1-sticky"
            description={text.access.principalsDescription}
            actions={
              <SpaceBetween direction="horizontal" size="xs">
                <Button iconName="refresh" ariaLabel={text.app.refresh} onClick={() => void pages.refetch()} />
                <GuardedButton right="kms:CreatePrincipal" variant="primary" onClick={() => setCreating(true)}>
                  {text.access.createPrincipal}
                </GuardedButton>
              </SpaceBetween>
            }
          >
            {text.access.principals}
          </Header>
        }
        columnDefinitions={[
          {
            id: 'name',
            header: text.access.name,
            cell: ({ name }) => <ScreenLink to={`/principals/${encodeURIComponent(name)}`}>{name}</ScreenLink>,
            isRowHeader: true,
            minWidth: 160,
          },
          {
            id: 'policies',
            header: text.access.policies,
            cell: ({ policies }) => (policies.length === 0 ? '–' : formats.list(policies)),
            minWidth: 200,
          },
          {
            id: 'state',
            header: text.access.state,
            cell: ({ disabled }) => <PrincipalState disabled={disabled} />,
            minWidth: 130,
          },
          {
            id: 'created',
            header: text.access.created,
            cell: ({ createdAt }) => <time dateTime={createdAt}>{formats.time(createdAt)}</time>,
            minWidth: 170,
          },
        ]}
        footer={<More of={pages} />}
        empty={
          pages.error !== null ? (
            <ProblemAlert error={pages.error} retry={() => void pages.refetch()} />
          ) : (
            <Box>{text.access.noPrincipals}</Box>
          )
        }
      />
      {creating && <CreatePrincipal close={() => setCreating(false)} />}
    </>
  )
}

export function PrincipalState({ disabled }: { readonly disabled: boolean }) {
  const text = useText()
  return (
    <StatusIndicator type={disabled ? 'stopped' : 'success'}>
      {disabled ? text.access.disabled : text.access.active}
    </StatusIndicator>
  )
}

function CreatePrincipal({ close }: { readonly close: () => void }) {
  const text = useText()
  const go = useGo()
  const [name, setName] = useState('')
  const [policies, setPolicies] = useState<readonly string[]>([])
  const change = useChange({
    change: () => call(createPrincipal, { principalName: name, policies: [...policies] }),
    told: text.access.wasCreated(name),
    touches: [[listPrincipals.name]],
    afterwards: () => go(`/principals/${encodeURIComponent(name)}`),
  })
  return (
    <ChangeDialog
      header={text.access.createPrincipal}
      action={text.access.createPrincipal}
      close={close}
      change={change}
      ready={name !== ''}
    >
      <FormField label={text.access.name} constraintText={text.access.nameHint}>
        <Input value={name} onChange={({ detail }) => setName(detail.value)} autoFocus spellcheck={false} />
      </FormField>
      <PolicyChoice
        label={text.access.attachNow}
        description={text.access.createPrincipalHint}
        chosen={policies}
        onChange={setPolicies}
      />
    </ChangeDialog>
  )
}

import Badge from '@cloudscape-design/components/badge'
import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import FormField from '@cloudscape-design/components/form-field'
import Header from '@cloudscape-design/components/header'
import Input from '@cloudscape-design/components/input'
import Select from '@cloudscape-design/components/select'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Table from '@cloudscape-design/components/table'
import { useState } from 'react'
import { listPolicies } from '../../api/operations.ts'
import { ScreenLink, useGo } from '../../app/follow.tsx'
import { useText } from '../../i18n/index.tsx'
import { ChangeDialog } from '../../parts/change-dialog.tsx'
import { GuardedButton } from '../../parts/guarded-button.tsx'
import { More } from '../../parts/more.tsx'
import { usePages } from '../../parts/pages.ts'
import { ProblemAlert } from '../../parts/problem.tsx'
import { type Template, templates } from './policy-templates.ts'
import { descriptionOf } from './policy-words.ts'

export function PolicyList() {
  const text = useText()
  const pages = usePages(listPolicies, {})
  const [creating, setCreating] = useState(false)
  return (
    <>
      <Table
        variant="full-page"
        items={pages.data?.pages.flatMap(({ policies }) => policies) ?? []}
        trackBy="policyName"
        loading={pages.isPending}
        loadingText={text.app.loading}
        ariaLabels={{ tableLabel: text.access.policies }}
        header={
          <Header
            variant="awsui-h1-sticky"
            description={text.access.policiesDescription}
            actions={
              <SpaceBetween direction="horizontal" size="xs">
                <Button iconName="refresh" ariaLabel={text.app.refresh} onClick={() => void pages.refetch()} />
                <GuardedButton right="kms:PutPolicy" variant="primary" onClick={() => setCreating(true)}>
                  {text.access.newPolicy}
                </GuardedButton>
              </SpaceBetween>
            }
          >
            {text.access.policies}
          </Header>
        }
        columnDefinitions={[
          {
            id: 'name',
            header: text.access.policyName,
            cell: ({ policyName }) => (
              <ScreenLink to={`/policies/${encodeURIComponent(policyName)}`}>{policyName}</ScreenLink>
            ),
            isRowHeader: true,
            minWidth: 190,
          },
          {
            id: 'kind',
            header: text.access.kind,
            cell: ({ managed }) =>
              managed ? <Badge color="blue">{text.access.managed}</Badge> : <Badge>{text.access.own}</Badge>,
            minWidth: 130,
          },
          {
            id: 'description',
            header: text.access.policyDescription,
            cell: (policy) => descriptionOf(policy, text) || '–',
            minWidth: 260,
          },
        ]}
        wrapLines
        footer={<More of={pages} />}
        empty={
          pages.error !== null ? (
            <ProblemAlert error={pages.error} retry={() => void pages.refetch()} />
          ) : (
            <Box>{text.access.noPoliciesYet}</Box>
          )
        }
      />
      {creating && <NewPolicy close={() => setCreating(false)} />}
    </>
  )
}

/** Only a name and a beginning: it comes to be when it is saved in the editor. */
function NewPolicy({ close }: { readonly close: () => void }) {
  const text = useText()
  const go = useGo()
  const [name, setName] = useState('')
  const [template, setTemplate] = useState<Template>('empty')
  const option = (value: Template) => ({ value, label: text.access.templates[value] })
  return (
    <ChangeDialog
      header={text.access.newPolicy}
      action={text.access.editPolicy}
      close={close}
      change={{
        mutate: () => go(`/policies/${encodeURIComponent(name)}?template=${template}`),
        isPending: false,
        error: undefined,
      }}
      ready={/^[A-Za-z0-9_+=,.@-]{1,128}$/.test(name)}
    >
      <FormField label={text.access.policyName} constraintText={text.access.nameHint}>
        <Input value={name} onChange={({ detail }) => setName(detail.value)} autoFocus spellcheck={false} />
      </FormField>
      <FormField label={text.access.template}>
        <Select
          selectedOption={option(template)}
          onChange={({ detail }) => setTemplate(detail.selectedOption.value as Template)}
          options={(Object.keys(templates) as Template[]).map(option)}
          expandToViewport
        />
      </FormField>
    </ChangeDialog>
  )
}

import Alert from '@cloudscape-design/components/alert'
import Badge from '@cloudscape-design/components/badge'
import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import Container from '@cloudscape-design/components/container'
import ContentLayout from '@cloudscape-design/components/content-layout'
import Header from '@cloudscape-design/components/header'
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Table from '@cloudscape-design/components/table'
import { useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { useState } from 'react'
import { type Answered, call } from '../../api/client.ts'
import { deletePrincipal, listPrincipals, updatePrincipal } from '../../api/operations.ts'
import { useSignedIn } from '../../api/session.ts'
import { ScreenLink, useButtonTo, useGo } from '../../app/follow.tsx'
import { NotFound, Pending } from '../../app/pending.tsx'
import { useFormats, useText } from '../../i18n/index.tsx'
import { ChangeDialog } from '../../parts/change-dialog.tsx'
import { GuardedButton } from '../../parts/guarded-button.tsx'
import { allPages } from '../../parts/pages.ts'
import { ProblemAlert } from '../../parts/problem.tsx'
import { useChange } from '../../parts/use-change.ts'
import { Passkeys } from '../account/passkeys.tsx'
import { Sessions } from '../account/sessions.tsx'
import { Copyable } from '../keys/key-words.tsx'
import { Credentials } from './credentials.tsx'
import { PolicyChoice, useAllPolicies } from './policy-choice.tsx'
import { descriptionOf } from './policy-words.ts'
import { PrincipalState } from './principal-list.tsx'

type Principal = Answered<typeof listPrincipals>['principals'][number]
const touches = [[listPrincipals.name], ['right']]

/** There is no call for a single one; an account has some thousand at the most. */
const mostPages = 20

function usePrincipal(name: string) {
  return useQuery({
    queryKey: [listPrincipals.name, 'one', name],
    queryFn: async () => {
      const { pages } = await allPages(listPrincipals, { limit: 1000 }, mostPages)
      return pages.flatMap(({ principals }) => principals).find((principal) => principal.name === name) ?? null
    },
  })
}

export function PrincipalDetails() {
  const { principalName } = useParams({ strict: false }) as { readonly principalName: string }
  const { data, error, refetch } = usePrincipal(principalName)
  if (error !== null) return <ProblemAlert error={error} retry={() => void refetch()} />
  if (data === undefined) return <Pending />
  return data === null ? <NotFound /> : <Shown principal={data} />
}

function Shown({ principal }: { readonly principal: Principal }) {
  const text = useText()
  const formats = useFormats()
  const go = useGo()
  const { name, disabled } = principal
  const own = useSignedIn().principal.name === name
  const [deleting, setDeleting] = useState(false)
  const test = useButtonTo(`/access/explain?principalName=${encodeURIComponent(name)}`)
  const toggle = useChange({
    change: () => call(updatePrincipal, { principalName: name, disabled: !disabled }),
    told: disabled ? text.access.wasEnabled(name) : text.access.wasDisabled(name),
    touches,
  })
  const remove = useChange({
    change: () => call(deletePrincipal, { principalName: name }),
    told: text.access.wasDeleted(name),
    touches: [],
    afterwards: () => go('/principals'),
  })
  const why = own && text.access.notYourself
  return (
    <ContentLayout
      header={
        <Header
          variant="h1"
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <Button {...test}>{text.access.tester}</Button>
              <GuardedButton
                right="kms:UpdatePrincipal"
                why={why}
                loading={toggle.isPending}
                onClick={() => toggle.mutate()}
              >
                {disabled ? text.access.enable : text.access.disable}
              </GuardedButton>
              <GuardedButton right="kms:DeletePrincipal" why={why} onClick={() => setDeleting(true)}>
                {text.access.deletePrincipal}
              </GuardedButton>
            </SpaceBetween>
          }
        >
          {name}
        </Header>
      }
    >
      <SpaceBetween size="l">
        <ProblemAlert error={toggle.error} />
        <Container>
          <KeyValuePairs
            columns={3}
            items={[
              { label: text.access.state, value: <PrincipalState disabled={disabled} /> },
              {
                label: text.access.created,
                value: <time dateTime={principal.createdAt}>{formats.time(principal.createdAt)}</time>,
              },
              { label: text.access.arn, value: <Copyable value={principal.principalArn} /> },
            ]}
          />
        </Container>
        <Policies of={principal} />
        <Credentials principalName={name} />
        <Passkeys principalName={name} own={own} />
        <Sessions principalName={name} own={own} />
      </SpaceBetween>
      {deleting && (
        <ChangeDialog
          header={text.access.deletePrincipalFor(name)}
          action={text.access.deletePrincipal}
          close={() => setDeleting(false)}
          change={remove}
        >
          <Alert type="warning">{text.access.deletePrincipalEffect}</Alert>
        </ChangeDialog>
      )}
    </ContentLayout>
  )
}

function Policies({ of: { name, policies } }: { readonly of: Principal }) {
  const text = useText()
  const { data } = useAllPolicies()
  const [attaching, setAttaching] = useState(false)
  const [chosen, setChosen] = useState<readonly string[]>([])
  const [detached, setDetached] = useState('')
  const attach = useChange({
    change: () => call(updatePrincipal, { principalName: name, attachPolicies: [...chosen] }),
    told: text.access.wasAttached,
    touches,
    afterwards: () => {
      setAttaching(false)
      setChosen([])
    },
  })
  const detach = useChange({
    change: () => call(updatePrincipal, { principalName: name, detachPolicies: [detached] }),
    told: text.access.wasDetached(detached),
    touches,
    afterwards: () => setDetached(''),
  })
  return (
    <>
      <Table
        header={
          <Header
            variant="h2"
            actions={
              <GuardedButton right="kms:UpdatePrincipal" onClick={() => setAttaching(true)}>
                {text.access.attach}
              </GuardedButton>
            }
          >
            {text.access.attached}
          </Header>
        }
        ariaLabels={{ tableLabel: text.access.attached }}
        items={policies}
        columnDefinitions={[
          {
            id: 'name',
            header: text.access.policyName,
            cell: (policy) => (
              <>
                <ScreenLink to={`/policies/${encodeURIComponent(policy)}`}>{policy}</ScreenLink>{' '}
                {data?.policies.some(({ policyName, managed }) => policyName === policy && managed) && (
                  <Badge>{text.access.managed}</Badge>
                )}
              </>
            ),
            isRowHeader: true,
          },
          {
            id: 'description',
            header: text.access.description,
            cell: (policy) => {
              const found = data?.policies.find(({ policyName }) => policyName === policy)
              return (found && descriptionOf(found, text)) || '–'
            },
          },
          {
            id: 'actions',
            header: text.app.actions,
            cell: (policy) => (
              <GuardedButton
                right="kms:UpdatePrincipal"
                variant="inline-link"
                ariaLabel={text.access.detachPolicy(policy)}
                onClick={() => setDetached(policy)}
              >
                {text.access.detach}
              </GuardedButton>
            ),
          },
        ]}
        empty={<Box>{text.access.noPolicies}</Box>}
      />
      {attaching && (
        <ChangeDialog
          header={text.access.attach}
          action={text.access.attach}
          close={() => setAttaching(false)}
          change={attach}
          ready={chosen.length > 0}
        >
          <PolicyChoice label={text.access.policies} chosen={chosen} onChange={setChosen} except={policies} />
        </ChangeDialog>
      )}
      {detached !== '' && (
        <ChangeDialog
          header={text.access.detachPolicy(detached)}
          action={text.access.detach}
          close={() => setDetached('')}
          change={detach}
        >
          {text.access.reviewHint}
        </ChangeDialog>
      )}
    </>
  )
}

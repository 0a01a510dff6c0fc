import Box from '@cloudscape-design/components/box'
import Header from '@cloudscape-design/components/header'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Table from '@cloudscape-design/components/table'
import { useState } from 'react'
import type { KeyMetadata } from '../../../api/operations.ts'
import { useFormats, useText } from '../../../i18n/index.tsx'
import { GuardedButton } from '../../../parts/guarded-button.tsx'
import { ProblemAlert } from '../../../parts/problem.tsx'
import { CreateAlias, DeleteAlias, MoveAlias } from '../../aliases/alias-dialogs.tsx'
import type { Alias } from '../../aliases/alias-list.tsx'
import { useAliasesOf } from '../use-key.ts'

export function AliasesTab({ ofKey: key }: { readonly ofKey: KeyMetadata }) {
  const text = useText()
  const formats = useFormats()
  const words = text.keys.aliases
  const { keyId } = key
  const { data, error, isPending, refetch } = useAliasesOf(keyId)
  const [making, setMaking] = useState(false)
  const [moving, setMoving] = useState<Alias>()
  const [deleting, setDeleting] = useState<Alias>()
  const locked = key.defaultFor !== undefined && text.keys.details.defaultKey
  if (error !== null) return <ProblemAlert error={error} retry={() => void refetch()} />
  return (
    <>
      <Table
        loading={isPending}
        loadingText={text.app.loading}
        items={data ?? []}
        trackBy="aliasName"
        ariaLabels={{ tableLabel: words.title }}
        empty={<Box color="text-body-secondary">{words.none}</Box>}
        header={
          <Header
            counter={data === undefined ? '' : text.keys.counter(formats.number(data.length))}
            description={words.hint}
            actions={
              <GuardedButton right="kms:CreateAlias" keyId={keyId} why={locked} onClick={() => setMaking(true)}>
                {words.create}
              </GuardedButton>
            }
          >
            {words.title}
          </Header>
        }
        columnDefinitions={[
          { id: 'name', header: words.name, isRowHeader: true, cell: ({ aliasName }) => aliasName },
          { id: 'updated', header: words.updated, cell: ({ updatedAt }) => formats.time(updatedAt) },
          {
            id: 'actions',
            header: text.app.actions,
            minWidth: 260,
            cell: (alias) => (
              <SpaceBetween direction="horizontal" size="xs">
                <GuardedButton
                  variant="inline-link"
                  right="kms:UpdateAlias"
                  keyId={keyId}
                  why={locked}
                  ariaLabel={`${words.point} ${alias.aliasName}`}
                  onClick={() => setMoving(alias)}
                >
                  {words.point}
                </GuardedButton>
                <GuardedButton
                  variant="inline-link"
                  right="kms:DeleteAlias"
                  keyId={keyId}
                  why={locked}
                  ariaLabel={`${words.delete} ${alias.aliasName}`}
                  onClick={() => setDeleting(alias)}
                >
                  {words.delete}
                </GuardedButton>
              </SpaceBetween>
            ),
          },
        ]}
      />
      {making && <CreateAlias keyId={keyId} close={() => setMaking(false)} />}
      {moving !== undefined && <MoveAlias alias={moving} close={() => setMoving(undefined)} />}
      {deleting !== undefined && <DeleteAlias alias={deleting} close={() => setDeleting(undefined)} />}
    </>
  )
}

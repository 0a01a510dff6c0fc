import Badge from '@cloudscape-design/components/badge'
import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import ButtonDropdown from '@cloudscape-design/components/button-dropdown'
import Header from '@cloudscape-design/components/header'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Table from '@cloudscape-design/components/table'
import { useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import type { Answered } from '../../api/client.ts'
import { listAliases } from '../../api/operations.ts'
import { ScreenLink } from '../../app/follow.tsx'
import { useFormats, useText } from '../../i18n/index.tsx'
import { GuardedButton, useObstacle } from '../../parts/guarded-button.tsx'
import { More } from '../../parts/more.tsx'
import { usePages } from '../../parts/pages.ts'
import { ProblemAlert } from '../../parts/problem.tsx'
import { CreateAlias, DeleteAlias, MoveAlias } from './alias-dialogs.tsx'

export type Alias = Answered<typeof listAliases>['aliases'][number]
type Dialog = { readonly is: 'create' } | { readonly is: 'move' | 'delete'; readonly alias: Alias }

export function AliasList() {
  const text = useText()
  const formats = useFormats()
  const search = useSearch({ strict: false }) as { readonly keyId?: string }
  const pages = usePages(listAliases, search.keyId === undefined ? {} : { keyId: search.keyId })
  const [dialog, setDialog] = useState<Dialog>()
  const items = pages.data?.pages.flatMap(({ aliases }) => aliases) ?? []
  const close = () => setDialog(undefined)
  return (
    <>
      <Table
        variant="full-page"
        items={items}
        trackBy="aliasName"
        loading={pages.isPending}
        loadingText={text.app.loading}
        ariaLabels={{ tableLabel: text.aliases.title }}
        header={
          <Header
            variant="awsui-h1-sticky"
            description={search.keyId === undefined ? text.aliases.description : text.aliases.ofKey(search.keyId)}
            actions={
              <SpaceBetween direction="horizontal" size="xs">
                {search.keyId !== undefined && <ScreenLink to="/aliases">{text.aliases.showAll}</ScreenLink>}
                <Button iconName="refresh" ariaLabel={text.app.refresh} onClick={() => void pages.refetch()} />
                <GuardedButton
                  right="kms:CreateAlias"
                  keyId={search.keyId}
                  variant="primary"
                  onClick={() => setDialog({ is: 'create' })}
                >
                  {text.aliases.create}
                </GuardedButton>
              </SpaceBetween>
            }
          >
            {text.aliases.title}
          </Header>
        }
        columnDefinitions={[
          {
            id: 'name',
            header: text.aliases.name,
            cell: ({ aliasName }) => (
              <>
                {aliasName} {isReserved(aliasName) && <Badge>{text.aliases.default}</Badge>}
              </>
            ),
            isRowHeader: true,
            minWidth: 200,
          },
          {
            id: 'key',
            header: text.aliases.key,
            cell: ({ keyId }) => <ScreenLink to={`/keys/${encodeURIComponent(keyId)}`}>{keyId}</ScreenLink>,
            minWidth: 200,
          },
          {
            id: 'created',
            header: text.aliases.created,
            cell: ({ createdAt }) => formats.time(createdAt),
            minWidth: 160,
          },
          {
            id: 'updated',
            header: text.aliases.updated,
            cell: ({ updatedAt }) => formats.time(updatedAt),
            minWidth: 160,
          },
          {
            id: 'actions',
            header: text.app.actions,
            cell: (alias) => <Actions alias={alias} open={(is) => setDialog({ is, alias })} />,
            minWidth: 110,
          },
        ]}
        footer={<More of={pages} />}
        empty={
          pages.error !== null ? (
            <ProblemAlert error={pages.error} retry={() => void pages.refetch()} />
          ) : (
            <Box textAlign="center" padding="l">
              <b>{search.keyId === undefined ? text.aliases.empty : text.aliases.noneOfKey}</b>
              <Box color="text-body-secondary">{text.aliases.emptyHint}</Box>
            </Box>
          )
        }
      />
      {dialog?.is === 'create' && <CreateAlias keyId={search.keyId ?? ''} close={close} />}
      {dialog?.is === 'move' && <MoveAlias alias={dialog.alias} close={close} />}
      {dialog?.is === 'delete' && <DeleteAlias alias={dialog.alias} close={close} />}
    </>
  )
}

function Actions({ alias, open }: { readonly alias: Alias; readonly open: (is: 'move' | 'delete') => void }) {
  const text = useText()
  const why = isReserved(alias.aliasName) && text.aliases.locked
  const obstacles = {
    move: useObstacle({ right: 'kms:UpdateAlias', keyId: alias.keyId, why }),
    delete: useObstacle({ right: 'kms:DeleteAlias', keyId: alias.keyId, why }),
  }
  const item = (id: 'move' | 'delete', words: string) => {
    const obstacle = obstacles[id]
    return { id, text: words, ...(obstacle === undefined ? {} : { disabled: true, disabledReason: obstacle }) }
  }
  return (
    <ButtonDropdown
      variant="inline-icon"
      ariaLabel={text.aliases.actionsFor(alias.aliasName)}
      expandToViewport
      items={[item('move', text.aliases.move), item('delete', text.aliases.remove)]}
      onItemClick={({ detail }) => open(detail.id as 'move' | 'delete')}
    />
  )
}

/** Of a default key: it belongs to the service (R63, R64). */
function isReserved(aliasName: string): boolean {
  return /^alias\/(?:acs|aws)\//.test(aliasName)
}

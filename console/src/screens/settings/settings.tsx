/** What the operator has set, where it comes from, and what this is. Settings are made on the host, never here. */
import Box from '@cloudscape-design/components/box'
import Container from '@cloudscape-design/components/container'
import Header from '@cloudscape-design/components/header'
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs'
import Link from '@cloudscape-design/components/link'
import SpaceBetween from '@cloudscape-design/components/space-between'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import Table from '@cloudscape-design/components/table'
import TextFilter from '@cloudscape-design/components/text-filter'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { listSettings as ListSettings } from '../../../../src/operations/access/list-settings.ts'
import { call, endpoint } from '../../api/client.ts'
import { useSignedIn } from '../../api/session.ts'
import { useText } from '../../i18n/index.tsx'
import { ProblemAlert } from '../../parts/problem.tsx'

const listSettings = endpoint<typeof ListSettings>('ListSettings', 'GET /v1/settings', 'access settings')

export function Settings() {
  const text = useText()
  const session = useSignedIn()
  const [wanted, setWanted] = useState('')
  const { data, error, isPending } = useQuery({ queryKey: ['settings'], queryFn: () => call(listSettings, {}) })
  const items = (data?.settings ?? []).filter((setting) =>
    Object.values(setting).join('\n').toLowerCase().includes(wanted.toLowerCase()),
  )
  return (
    <SpaceBetween size="l">
      <Header variant="h1">{text.settings.title}</Header>
      <Container header={<Header variant="h2">{text.settings.about}</Header>}>
        <KeyValuePairs
          columns={4}
          items={[
            { label: text.settings.version, value: session.version },
            { label: text.settings.defaultRegion, value: session.defaultRegion },
            { label: text.settings.licence, value: 'Apache-2.0' },
            {
              label: text.settings.apiDocumentation,
              value: (
                <Link href="/docs/" external externalIconAriaLabel={text.settings.newTab}>
                  OpenAPI
                </Link>
              ),
            },
          ]}
        />
      </Container>
      <Container header={<Header variant="h2">{text.settings.signIn}</Header>}>
        <KeyValuePairs
          columns={3}
          items={[
            { label: text.account.methods.passkey, value: <OnOff on={session.methods.passkey} /> },
            {
              label: text.account.methods.oidc,
              value: session.methods.oidc === undefined ? <OnOff on={false} /> : session.methods.oidc.label,
            },
            { label: text.account.methods.token, value: <OnOff on={session.methods.token} /> },
          ]}
        />
      </Container>
      {error === null ? (
        <Table
          items={items}
          trackBy="name"
          loading={isPending}
          loadingText={text.app.loading}
          empty={text.app.none}
          wrapLines
          ariaLabels={{ tableLabel: text.settings.all }}
          header={<Header description={text.settings.allHelp}>{text.settings.all}</Header>}
          filter={
            <TextFilter
              filteringText={wanted}
              filteringAriaLabel={text.settings.find}
              filteringPlaceholder={text.settings.find}
              onChange={({ detail }) => setWanted(detail.filteringText)}
            />
          }
          columnDefinitions={[
            {
              id: 'name',
              header: `${text.settings.name} / ${text.settings.environment}`,
              isRowHeader: true,
              cell: ({ name, environment }) => (
                <>
                  <div>
                    <code>{name}</code>
                  </div>
                  <Box color="text-body-secondary">
                    <code>{environment}</code>
                  </Box>
                </>
              ),
            },
            {
              id: 'value',
              header: text.settings.value,
              cell: ({ value }) => (value === '' ? <Box color="text-body-secondary">{text.app.none}</Box> : value),
            },
            { id: 'summary', header: text.settings.meaning, cell: ({ summary }) => <span lang="en">{summary}</span> },
          ]}
        />
      ) : (
        <ProblemAlert error={error} />
      )}
    </SpaceBetween>
  )
}

function OnOff({ on }: { readonly on: boolean }) {
  const text = useText()
  return (
    <StatusIndicator type={on ? 'success' : 'stopped'}>{on ? text.settings.on : text.settings.off}</StatusIndicator>
  )
}

/** One key: what it is, what can be done with it, and everything about it in tabs. The tab stands in the URL. */
import Box from '@cloudscape-design/components/box'
import ButtonDropdown, { type ButtonDropdownProps } from '@cloudscape-design/components/button-dropdown'
import Container from '@cloudscape-design/components/container'
import ContentLayout from '@cloudscape-design/components/content-layout'
import Header from '@cloudscape-design/components/header'
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Tabs from '@cloudscape-design/components/tabs'
import { useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { specs } from '../../../../../src/domain/specs.ts'
import { call } from '../../../api/client.ts'
import { createKeyVersion, disableKey, enableKey, type KeyMetadata, rotateKey } from '../../../api/operations.ts'
import { useGo } from '../../../app/follow.tsx'
import { Pending } from '../../../app/pending.tsx'
import { useFormats, useText } from '../../../i18n/index.tsx'
import { useObstacles } from '../../../parts/guarded-button.tsx'
import { ProblemAlert } from '../../../parts/problem.tsx'
import { DeletionDialog } from '../deletion-dialog.tsx'
import { KeyBanner } from '../key-banner.tsx'
import { Copyable, KeyStateIndicator } from '../key-words.tsx'
import { useAliasesOf, useKey, useKeyChange } from '../use-key.ts'
import { AccessTab } from './access-tab.tsx'
import { AliasesTab } from './aliases-tab.tsx'
import { AuditTab } from './audit-tab.tsx'
import { DescriptionDialog, ProtectionDialog } from './dialogs.tsx'
import { MaterialTab } from './material-tab.tsx'
import { PublicKeyTab } from './public-key-tab.tsx'
import { RotationTab } from './rotation-tab.tsx'
import { TagsTab } from './tags-tab.tsx'
import { UsageTab } from './usage-tab.tsx'
import { VersionsTab } from './versions-tab.tsx'

export function KeyDetails() {
  const { keyId } = useParams({ strict: false }) as { readonly keyId: string }
  const { data: key, error, refetch } = useKey(keyId)
  if (error !== null) return <ProblemAlert error={error} retry={() => void refetch()} />
  if (key === undefined) return <Pending />
  return <Details ofKey={key} />
}

function Details({ ofKey: key }: { readonly ofKey: KeyMetadata }) {
  const text = useText()
  const aliases = useAliasesOf(key.keyId).data
  return (
    <ContentLayout
      header={
        <SpaceBetween size="m">
          <Header variant="h1" description={key.description || undefined} actions={<Actions ofKey={key} />}>
            {aliases?.[0]?.aliasName ?? key.keyId}
          </Header>
          <KeyBanner ofKey={key} />
        </SpaceBetween>
      }
    >
      <SpaceBetween size="l">
        <Container header={<Header variant="h2">{text.keys.details.overview}</Header>}>
          <Overview ofKey={key} aliases={aliases?.map(({ aliasName }) => aliasName)} />
        </Container>
        <KeyTabs ofKey={key} />
      </SpaceBetween>
    </ContentLayout>
  )
}

function Overview({
  ofKey: key,
  aliases,
}: {
  readonly ofKey: KeyMetadata
  readonly aliases: readonly string[] | undefined
}) {
  const text = useText()
  const formats = useFormats()
  const { columns } = text.keys
  return (
    <SpaceBetween size="l">
      <KeyValuePairs
        columns={2}
        minColumnWidth={300}
        items={[
          { label: columns.keyId, value: <Copyable value={key.keyId} /> },
          { label: text.keys.details.arn, value: <Copyable value={key.keyArn} /> },
        ]}
      />
      <KeyValuePairs
        columns={4}
        items={[
          { label: columns.state, value: <KeyStateIndicator state={key.keyState} /> },
          { label: columns.spec, value: key.keySpec },
          { label: columns.usage, value: text.keys.usages[key.keyUsage] },
          { label: columns.origin, value: text.keys.origins[key.origin] },
          { label: columns.protection, value: text.keys.protections[key.protectionLevel] },
          { label: columns.created, value: formats.time(key.createdAt) },
          { label: text.keys.details.createdBy, value: key.createdBy.split(':').at(-1) ?? key.createdBy },
          {
            label: text.keys.rotation.automatic,
            value:
              key.rotation === undefined || key.rotation.status === 'Disabled'
                ? text.app.no
                : text.keys.rotation.every(formats.number(key.rotation.periodDays)),
          },
          {
            label: text.keys.deletion.protection,
            value: key.deletionProtection === undefined ? text.app.no : key.deletionProtection.reason || text.app.yes,
          },
          ...(aliases === undefined || aliases.length < 2
            ? []
            : [{ label: text.keys.aliases.title, value: aliases.join(', ') }]),
          ...(key.materialExpiresAt === undefined
            ? []
            : [{ label: columns.expires, value: formats.exactly(key.materialExpiresAt) }]),
          ...(key.multiRegion === undefined
            ? []
            : [
                {
                  label: text.keys.details.regions,
                  value: [key.multiRegion.primary, ...key.multiRegion.replicas].map(({ region }) => region).join(', '),
                },
              ]),
        ]}
      />
      <KeyValuePairs items={[{ label: text.keys.creation.algorithms, value: key.algorithms.join(', ') }]} />
    </SpaceBetween>
  )
}

const rights = [
  'kms:CreateKeyVersion',
  'kms:DisableKey',
  'kms:EnableKey',
  'kms:ImportKeyMaterial',
  'kms:RotateKey',
  'kms:ScheduleKeyDeletion',
  'kms:SetDeletionProtection',
  'kms:UpdateKeyDescription',
] as const

type Dialog = 'deletion' | 'description' | 'protection'

function Actions({ ofKey: key }: { readonly ofKey: KeyMetadata }) {
  const text = useText()
  const go = useGo()
  const { keyId, keyState } = key
  const [dialog, setDialog] = useState<Dialog>()
  const close = () => setDialog(undefined)
  const enable = useKeyChange(() => call(enableKey, { keyId }), { done: text.keys.details.enabled })
  const disable = useKeyChange(() => call(disableKey, { keyId }), { done: text.keys.details.disabled })
  const rotate = useKeyChange(() => call(rotateKey, { keyId }), { done: text.keys.rotation.rotated })
  const newVersion = useKeyChange(() => call(createKeyVersion, { keyId }), { done: text.keys.versions.made })

  const { family } = specs[key.keySpec]
  const inState = (...states: readonly KeyMetadata['keyState'][]) =>
    !states.includes(keyState) && text.keys.details.notInState(text.keys.states[keyState])
  const notOwn = key.defaultFor !== undefined && text.keys.details.defaultKey
  const alive = notOwn || inState('Enabled', 'Disabled', 'PendingImport')
  const guard = useObstacles(rights, keyId)

  const actions: readonly (readonly [string, string, string | undefined, () => void] | false)[] = [
    keyState === 'Disabled'
      ? ['enable', text.keys.enable, guard('kms:EnableKey', notOwn), () => enable.mutate()]
      : ['disable', text.keys.disable, guard('kms:DisableKey', notOwn || inState('Enabled')), () => disable.mutate()],
    family === 'asymmetric'
      ? [
          'new-version',
          text.keys.versions.make,
          guard(
            'kms:CreateKeyVersion',
            notOwn || inState('Enabled') || (key.origin !== 'KEYWARD' && text.keys.rotation.notForExternal),
          ),
          () => newVersion.mutate(),
        ]
      : [
          'rotate',
          text.keys.rotation.now,
          guard(
            'kms:RotateKey',
            notOwn ||
              inState('Enabled') ||
              (key.origin !== 'KEYWARD' && text.keys.rotation.notForExternal) ||
              (!specs[key.keySpec].rotates && text.keys.rotation.notForSpec),
          ),
          () => rotate.mutate(),
        ],
    key.origin === 'EXTERNAL' && [
      'import',
      text.keys.import.title,
      guard('kms:ImportKeyMaterial', alive),
      () => go(`/keys/${keyId}/import`),
    ],
    [
      'description',
      text.keys.details.editDescription,
      guard('kms:UpdateKeyDescription', alive),
      () => setDialog('description'),
    ],
    [
      'protection',
      key.deletionProtection === undefined ? text.keys.deletion.protect : text.keys.deletion.unprotect,
      guard('kms:SetDeletionProtection', alive),
      () => setDialog('protection'),
    ],
    [
      'deletion',
      text.keys.scheduleDeletion,
      guard(
        'kms:ScheduleKeyDeletion',
        alive || (key.deletionProtection !== undefined && text.keys.deletion.protected(key.deletionProtection.reason)),
      ),
      () => setDialog('deletion'),
    ],
  ]
  const offered = actions.filter((action) => action !== false)
  const items: ButtonDropdownProps.Items = offered.map(([id, words, obstacle]) => ({
    id,
    text: words,
    ...(obstacle === undefined ? {} : { disabled: true, disabledReason: obstacle }),
  }))
  return (
    <>
      <ButtonDropdown
        variant="primary"
        items={items}
        loading={[enable, disable, rotate, newVersion].some(({ isPending }) => isPending)}
        onItemClick={({ detail }) => offered.find(([id]) => id === detail.id)?.[3]()}
      >
        {text.keys.details.actions}
      </ButtonDropdown>
      {dialog === 'deletion' && <DeletionDialog keys={[key]} onClose={close} />}
      {dialog === 'description' && <DescriptionDialog ofKey={key} onClose={close} />}
      {dialog === 'protection' && <ProtectionDialog ofKey={key} onClose={close} />}
    </>
  )
}

function KeyTabs({ ofKey: key }: { readonly ofKey: KeyMetadata }) {
  const text = useText()
  const navigate = useNavigate()
  const { tab } = useSearch({ strict: false }) as { readonly tab?: string }
  const asymmetric = specs[key.keySpec].family === 'asymmetric'
  const tabs = [
    { id: 'usage', label: text.keys.usage.title, content: <UsageTab ofKey={key} /> },
    { id: 'versions', label: text.keys.versions.title, content: <VersionsTab ofKey={key} /> },
    ...(asymmetric ? [] : [{ id: 'rotation', label: text.keys.rotation.title, content: <RotationTab ofKey={key} /> }]),
    ...(key.origin === 'EXTERNAL'
      ? [{ id: 'material', label: text.keys.creation.material, content: <MaterialTab ofKey={key} /> }]
      : []),
    ...(asymmetric
      ? [{ id: 'public-key', label: text.keys.publicKey.title, content: <PublicKeyTab ofKey={key} /> }]
      : []),
    { id: 'aliases', label: text.keys.aliases.title, content: <AliasesTab ofKey={key} /> },
    { id: 'access', label: text.keys.access.title, content: <AccessTab ofKey={key} /> },
    { id: 'audit', label: text.keys.audit.title, content: <AuditTab ofKey={key} /> },
    { id: 'tags', label: text.keys.columns.tags, content: <TagsTab ofKey={key} /> },
  ]
  const active = tabs.find(({ id }) => id === tab) ?? tabs[0]
  return (
    <Tabs
      ariaLabel={text.keys.details.tabs}
      activeTabId={active?.id ?? 'usage'}
      onChange={({ detail }) =>
        void navigate({ to: `/keys/${key.keyId}`, search: { tab: detail.activeTabId } as never, replace: true })
      }
      // Only the open one is asked for.
      tabs={tabs.map(({ content, ...one }) => ({ ...one, content: one.id === active?.id ? content : <Box /> }))}
    />
  )
}

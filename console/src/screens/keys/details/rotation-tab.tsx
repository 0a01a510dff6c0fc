import Box from '@cloudscape-design/components/box'
import Container from '@cloudscape-design/components/container'
import FormField from '@cloudscape-design/components/form-field'
import Header from '@cloudscape-design/components/header'
import Input from '@cloudscape-design/components/input'
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Table from '@cloudscape-design/components/table'
import Toggle from '@cloudscape-design/components/toggle'
import { useState } from 'react'
import { specs } from '../../../../../src/domain/specs.ts'
import { call } from '../../../api/client.ts'
import { type KeyMetadata, listKeyRotations, rotateKey, updateRotationPolicy } from '../../../api/operations.ts'
import { useFormats, useText } from '../../../i18n/index.tsx'
import { asCall } from '../../../parts/copy-as.tsx'
import { Dialog } from '../../../parts/dialog.tsx'
import { GuardedButton } from '../../../parts/guarded-button.tsx'
import { More } from '../../../parts/more.tsx'
import { usePages } from '../../../parts/pages.ts'
import { ProblemAlert } from '../../../parts/problem.tsx'
import { useKeyChange } from '../use-key.ts'

export function RotationTab({ ofKey: key }: { readonly ofKey: KeyMetadata }) {
  const text = useText()
  const formats = useFormats()
  const words = text.keys.rotation
  const { keyId, rotation } = key
  const [editing, setEditing] = useState(false)
  const rotate = useKeyChange(() => call(rotateKey, { keyId }), { done: words.rotated })
  const why =
    key.origin !== 'KEYWARD'
      ? words.notForExternal
      : !specs[key.keySpec].rotates
        ? words.notForSpec
        : key.defaultFor !== undefined
          ? text.keys.details.defaultKey
          : key.keyState !== 'Enabled' && text.keys.details.notInState(text.keys.states[key.keyState])
  return (
    <SpaceBetween size="l">
      <Container
        header={
          <Header
            variant="h2"
            description={words.hint}
            actions={
              <SpaceBetween direction="horizontal" size="xs">
                <GuardedButton
                  right="kms:UpdateRotationPolicy"
                  keyId={keyId}
                  why={why}
                  onClick={() => setEditing(true)}
                >
                  {text.app.edit}
                </GuardedButton>
                <GuardedButton
                  right="kms:RotateKey"
                  keyId={keyId}
                  why={why}
                  loading={rotate.isPending}
                  onClick={() => rotate.mutate()}
                >
                  {words.now}
                </GuardedButton>
              </SpaceBetween>
            }
          >
            {words.automatic}
          </Header>
        }
      >
        <KeyValuePairs
          columns={4}
          items={[
            { label: words.status, value: words.statuses[rotation?.status ?? 'Disabled'] },
            { label: words.period, value: rotation === undefined ? '–' : formats.number(rotation.periodDays) },
            {
              label: text.keys.columns.rotation,
              value: rotation?.nextRotationAt === undefined ? '–' : formats.time(rotation.nextRotationAt),
            },
            { label: words.last, value: formats.time(key.lastRotatedAt) },
          ]}
        />
      </Container>
      <Rotations keyId={keyId} />
      {editing && <PolicyDialog ofKey={key} onClose={() => setEditing(false)} />}
    </SpaceBetween>
  )
}

function Rotations({ keyId }: { readonly keyId: string }) {
  const text = useText()
  const formats = useFormats()
  const words = text.keys.rotation
  const pages = usePages(listKeyRotations, { keyId, limit: 50 })
  const { data, error, isPending, refetch } = pages
  if (error !== null) return <ProblemAlert error={error} retry={() => void refetch()} />
  return (
    <SpaceBetween size="m">
      <Table
        loading={isPending}
        loadingText={text.app.loading}
        items={data?.pages.flatMap(({ rotations }) => rotations) ?? []}
        header={<Header>{words.history}</Header>}
        ariaLabels={{ tableLabel: words.history }}
        empty={<Box color="text-body-secondary">{words.never}</Box>}
        columnDefinitions={[
          {
            id: 'at',
            header: words.at,
            isRowHeader: true,
            cell: ({ rotatedAt }) => (rotatedAt === undefined ? '–' : formats.time(rotatedAt)),
          },
          {
            id: 'type',
            header: words.why,
            cell: ({ rotationType }) => (rotationType === undefined ? '–' : words.types[rotationType]),
          },
          { id: 'version', header: text.keys.versions.id, cell: ({ keyVersionId }) => keyVersionId },
        ]}
      />
      <More of={pages} />
    </SpaceBetween>
  )
}

function PolicyDialog({
  ofKey: { keyId, rotation },
  onClose,
}: {
  readonly ofKey: KeyMetadata
  readonly onClose: () => void
}) {
  const text = useText()
  const words = text.keys.rotation
  const [enabled, setEnabled] = useState(rotation === undefined || rotation.status !== 'Disabled')
  const [days, setDays] = useState(String(rotation?.periodDays ?? 365))
  const periodDays = Number(days)
  const fits = Number.isInteger(periodDays) && periodDays >= 7 && periodDays <= 730
  const input = enabled ? { keyId, enabled, periodDays } : { keyId, enabled }
  const change = useKeyChange(() => call(updateRotationPolicy, input), {
    done: words.saved,
    after: onClose,
    inDialog: true,
  })
  const aws = enabled
    ? `enable-key-rotation --key-id ${keyId} --rotation-period-in-days ${periodDays}`
    : `disable-key-rotation --key-id ${keyId}`
  return (
    <Dialog
      title={words.automatic}
      confirm={text.app.save}
      onConfirm={() => change.mutate()}
      onClose={onClose}
      busy={change.isPending}
      blocked={enabled && !fits ? text.keys.creation.periodRange : undefined}
      error={change.error}
      calls={[asCall(updateRotationPolicy, input, aws)]}
    >
      <Toggle checked={enabled} onChange={({ detail }) => setEnabled(detail.checked)}>
        {text.keys.creation.rotate}
      </Toggle>
      {enabled && (
        <FormField label={words.period} constraintText={text.keys.creation.periodRange}>
          <Input type="number" inputMode="numeric" value={days} onChange={({ detail }) => setDays(detail.value)} />
        </FormField>
      )}
    </Dialog>
  )
}

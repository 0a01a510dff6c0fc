import Alert from '@cloudscape-design/components/alert'
import Box from '@cloudscape-design/components/box'
import Checkbox from '@cloudscape-design/components/checkbox'
import ColumnLayout from '@cloudscape-design/components/column-layout'
import FormField from '@cloudscape-design/components/form-field'
import Input from '@cloudscape-design/components/input'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Table from '@cloudscape-design/components/table'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { call } from '../../api/client.ts'
import {
  createAlias,
  deleteAlias,
  getKeyUsage,
  type KeyMetadata,
  listAliases,
  updateAlias,
} from '../../api/operations.ts'
import { ScreenLink } from '../../app/follow.tsx'
import { useFormats, useText } from '../../i18n/index.tsx'
import { ChangeDialog } from '../../parts/change-dialog.tsx'
import { asCall, quoted } from '../../parts/copy-as.tsx'
import { KeyField, useNamedKey } from '../../parts/key-field.tsx'
import { PrincipalName } from '../../parts/principal-name.tsx'
import { useChange } from '../../parts/use-change.ts'
import { aliasComplaint } from '../keys/alias-name.ts'
import { KeyStateIndicator, Moment } from '../keys/key-words.tsx'
import type { Alias } from './alias-list.tsx'

const touches = [[listAliases.name], ['keys']]

export function CreateAlias({ keyId, close }: { readonly keyId: string; readonly close: () => void }) {
  const text = useText()
  const [name, setName] = useState('')
  const [reference, setReference] = useState(keyId)
  const input = { aliasName: `alias/${name}`, keyId: reference }
  const change = useChange({
    change: () => call(createAlias, input),
    told: text.aliases.wasCreated(input.aliasName),
    touches,
    afterwards: close,
  })
  const complaint = name === '' ? undefined : aliasComplaint(text, name)
  return (
    <ChangeDialog
      header={text.aliases.create}
      action={text.aliases.create}
      close={close}
      change={change}
      ready={name !== '' && complaint === undefined && reference !== ''}
      calls={[
        asCall(createAlias, input, `create-alias --alias-name ${input.aliasName} --target-key-id ${quoted(reference)}`),
      ]}
    >
      <FormField label={text.aliases.name} constraintText={text.aliases.createNote} errorText={complaint}>
        <InputBehindPrefix value={name} onChange={setName} />
      </FormField>
      <KeyField label={text.aliases.key} value={reference} onChange={setReference} />
    </ChangeDialog>
  )
}

/** What is typed or pasted with the prefix counts all the same. */
function InputBehindPrefix({ value, onChange }: { readonly value: string; readonly onChange: (name: string) => void }) {
  const text = useText()
  return (
    <SpaceBetween direction="horizontal" size="xxs" alignItems="center">
      <Box variant="code">alias/</Box>
      <Input
        value={value}
        onChange={({ detail }) => onChange(detail.value.replace(/^alias\//, ''))}
        ariaLabel={text.aliases.name}
        autoFocus
        spellcheck={false}
      />
    </SpaceBetween>
  )
}

export function MoveAlias({ alias, close }: { readonly alias: Alias; readonly close: () => void }) {
  const text = useText()
  const [reference, setReference] = useState('')
  const { key: before } = useNamedKey(alias.keyId)
  const { key: after } = useNamedKey(reference)
  const change = useChange({
    change: () => call(updateAlias, { aliasName: alias.aliasName, keyId: reference }),
    told: text.aliases.moved(alias.aliasName),
    touches,
    afterwards: close,
  })
  const same = after?.keyId === alias.keyId
  const otherUsage = before !== undefined && after !== undefined && before.keyUsage !== after.keyUsage
  const error = same
    ? text.aliases.sameKey
    : otherUsage
      ? text.aliases.otherUsage(text.keys.usages[before.keyUsage], text.keys.usages[after.keyUsage])
      : undefined
  return (
    <ChangeDialog
      header={text.aliases.moveFor(alias.aliasName)}
      action={text.aliases.move}
      close={close}
      change={change}
      ready={after !== undefined && error === undefined}
      calls={
        after === undefined
          ? []
          : [
              asCall(
                updateAlias,
                { aliasName: alias.aliasName, keyId: after.keyId },
                `update-alias --alias-name ${alias.aliasName} --target-key-id ${after.keyId}`,
              ),
            ]
      }
    >
      <KeyField
        label={text.aliases.moveTo}
        value={reference}
        onChange={setReference}
        usage={before?.keyUsage}
        error={error}
      />
      <ColumnLayout columns={2} variant="text-grid">
        <KeyInShort title={text.aliases.from} ofKey={before} />
        <KeyInShort title={text.aliases.to} ofKey={after} />
      </ColumnLayout>
      <Alert type="info" header={text.aliases.effect}>
        <ul>
          <li>{text.aliases.effectNew}</li>
          <li>{before?.primaryVersionId === undefined ? text.aliases.effectPair : text.aliases.effectOld}</li>
          <li>{text.aliases.effectNone}</li>
        </ul>
      </Alert>
      <Calls by={alias} />
    </ChangeDialog>
  )
}

function KeyInShort({ title, ofKey }: { readonly title: string; readonly ofKey: KeyMetadata | undefined }) {
  return (
    <div>
      <Box variant="awsui-key-label">{title}</Box>
      {ofKey === undefined ? (
        '–'
      ) : (
        <>
          <div>{ofKey.description || ofKey.keyId}</div>
          <div>{ofKey.keySpec}</div>
          <KeyStateIndicator state={ofKey.keyState} />
        </>
      )}
    </div>
  )
}

export function DeleteAlias({ alias, close }: { readonly alias: Alias; readonly close: () => void }) {
  const text = useText()
  const [understood, setUnderstood] = useState(false)
  const change = useChange({
    change: () => call(deleteAlias, { aliasName: alias.aliasName }),
    told: text.aliases.removed(alias.aliasName),
    touches,
    afterwards: close,
  })
  return (
    <ChangeDialog
      header={text.aliases.removeFor(alias.aliasName)}
      action={text.aliases.remove}
      close={close}
      change={change}
      ready={understood}
      calls={[asCall(deleteAlias, { aliasName: alias.aliasName }, `delete-alias --alias-name ${alias.aliasName}`)]}
    >
      <Alert type="warning">{text.aliases.removeEffect}</Alert>
      <Calls by={alias} />
      <Checkbox checked={understood} onChange={({ detail }) => setUnderstood(detail.checked)}>
        {text.aliases.understood}
      </Checkbox>
    </ChangeDialog>
  )
}

/** Who would notice. */
function Calls({ by: { aliasName, keyId } }: { readonly by: Alias }) {
  const text = useText()
  const formats = useFormats()
  const { data, error, isPending } = useQuery({
    queryKey: ['keys', 'usage', keyId],
    queryFn: () => call(getKeyUsage, { keyId }),
    retry: false,
  })
  if (error !== null) return <Box color="text-body-secondary">{text.aliases.callsUnknown}</Box>
  return (
    <Table
      variant="embedded"
      loading={isPending}
      loadingText={text.app.loading}
      header={
        <Box variant="h3">
          {text.aliases.calls}{' '}
          <ScreenLink to={`/audit/records?alias=${encodeURIComponent(aliasName)}`} fontSize="body-s">
            {text.aliases.inAudit}
          </ScreenLink>
        </Box>
      }
      ariaLabels={{ tableLabel: text.aliases.calls }}
      items={(data?.uses ?? []).filter(({ alias }) => alias === aliasName)}
      columnDefinitions={[
        {
          id: 'principal',
          header: text.aliases.principal,
          cell: ({ principal }) => <PrincipalName arn={principal} />,
          isRowHeader: true,
        },
        { id: 'operation', header: text.aliases.operation, cell: ({ operation }) => operation },
        { id: 'count', header: text.aliases.count, cell: ({ count }) => formats.number(count) },
        { id: 'last', header: text.aliases.last, cell: ({ lastAt }) => <Moment at={lastAt} /> },
      ]}
      empty={<Box color="text-body-secondary">{text.aliases.noCalls}</Box>}
    />
  )
}

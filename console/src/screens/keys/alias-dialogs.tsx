/** Giving a key another name, pointing a name at another key, taking a name away. */
import Alert from '@cloudscape-design/components/alert'
import FormField from '@cloudscape-design/components/form-field'
import Input from '@cloudscape-design/components/input'
import Select from '@cloudscape-design/components/select'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { call } from '../../api/client.ts'
import { createAlias, deleteAlias, getKeyUsage, type ListedKey, listKeys, updateAlias } from '../../api/operations.ts'
import { useFormats, useText } from '../../i18n/index.tsx'
import { asCall } from '../../parts/copy-as.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { aliasComplaint } from './alias-name.ts'
import { useChange, useKey } from './use-key.ts'

export function NewAliasDialog({ keyId, onClose }: { readonly keyId: string; readonly onClose: () => void }) {
  const text = useText()
  const [name, setName] = useState('')
  const input = { aliasName: `alias/${name}`, keyId }
  const create = useChange(() => call(createAlias, input), {
    done: text.keys.aliases.created(input.aliasName),
    after: onClose,
    quietly: true,
  })
  return (
    <Dialog
      title={text.keys.aliases.create}
      confirm={text.keys.aliases.create}
      onConfirm={() => create.mutate()}
      onClose={onClose}
      busy={create.isPending}
      blocked={aliasComplaint(text, name)}
      error={create.error}
      calls={[asCall(createAlias, input, `create-alias --alias-name ${input.aliasName} --target-key-id ${keyId}`)]}
    >
      <FormField label={text.keys.creation.alias} constraintText={text.keys.creation.aliasRule} stretch>
        <Input value={name} onChange={({ detail }) => setName(detail.value.replace(/^alias\//, ''))} autoFocus />
      </FormField>
    </Dialog>
  )
}

/** `keyId` is the key that the alias stands for now. */
export function PointAliasDialog({
  aliasName,
  keyId,
  onClose,
}: {
  readonly aliasName: string
  readonly keyId: string
  readonly onClose: () => void
}) {
  const text = useText()
  const words = text.keys.aliases
  const { data: before } = useKey(keyId)
  const [target, setTarget] = useState<string>()
  const [find, setFind] = useState('')
  // Only a key of the same usage can take the name over.
  const { data: found, isFetching } = useQuery({
    queryKey: ['keys', 'targets', before?.keyUsage, find],
    queryFn: () =>
      call(listKeys, {
        keyUsage: before?.keyUsage,
        keyState: 'Enabled',
        order: 'newest',
        limit: 50,
        include: 'aliases',
        ...(find === '' ? {} : { text: find }),
      }),
    enabled: before !== undefined,
    placeholderData: keepPreviousData,
  })
  const options = (found?.keys ?? [])
    .filter((key) => key.keyId !== keyId)
    .map((key) => ({ value: key.keyId, label: labelOf(key), description: key.description, tags: [key.keySpec] }))
  const input = { aliasName, keyId: target ?? '' }
  const move = useChange(() => call(updateAlias, input), {
    done: words.pointed(aliasName),
    after: onClose,
    quietly: true,
  })
  return (
    <Dialog
      title={words.pointTitle(aliasName)}
      confirm={words.point}
      onConfirm={() => move.mutate()}
      onClose={onClose}
      busy={move.isPending}
      blocked={target === undefined ? words.chooseTarget : undefined}
      error={move.error}
      calls={
        target === undefined
          ? []
          : [asCall(updateAlias, input, `update-alias --alias-name ${aliasName} --target-key-id ${target}`)]
      }
    >
      <FormField
        label={words.target}
        description={before && words.sameUsage(text.keys.usages[before.keyUsage])}
        stretch
      >
        <Select
          selectedOption={options.find(({ value }) => value === target) ?? null}
          options={options}
          filteringType="manual"
          filteringPlaceholder={text.keys.find}
          filteringAriaLabel={text.keys.find}
          placeholder={words.chooseTarget}
          statusType={isFetching ? 'loading' : 'finished'}
          empty={words.noTarget}
          expandToViewport
          onLoadItems={({ detail }) => setFind(detail.filteringText)}
          onChange={({ detail }) => setTarget(detail.selectedOption.value)}
        />
      </FormField>
      {target !== undefined && (
        <Alert type="info" header={words.effect}>
          {words.effectText(aliasName, target, keyId)}
        </Alert>
      )}
    </Dialog>
  )
}

function labelOf(key: ListedKey): string {
  return key.aliases?.[0] === undefined ? key.keyId : `${key.aliases[0]} (${key.keyId})`
}

export function DeleteAliasDialog({
  aliasName,
  keyId,
  onClose,
}: {
  readonly aliasName: string
  readonly keyId: string
  readonly onClose: () => void
}) {
  const text = useText()
  const formats = useFormats()
  const words = text.keys.aliases
  const { data: usage } = useQuery({
    queryKey: ['keys', keyId, 'usage'],
    queryFn: () => call(getKeyUsage, { keyId }),
  })
  const calls = usage?.uses.filter((use) => use.alias === aliasName).reduce((sum, { count }) => sum + count, 0)
  const input = { aliasName }
  const remove = useChange(() => call(deleteAlias, input), {
    done: words.deleted(aliasName),
    after: onClose,
    quietly: true,
  })
  return (
    <Dialog
      title={words.deleteTitle(aliasName)}
      confirm={words.delete}
      onConfirm={() => remove.mutate()}
      onClose={onClose}
      busy={remove.isPending}
      error={remove.error}
      calls={[asCall(deleteAlias, input, `delete-alias --alias-name ${aliasName}`)]}
    >
      <Alert type="warning">
        {words.deleteText} {calls !== undefined && words.callsThrough(formats.number(calls))}
      </Alert>
    </Dialog>
  )
}

/** Names a key: by alias, id or ARN, with those that match offered while one types. */
import Autosuggest from '@cloudscape-design/components/autosuggest'
import FormField from '@cloudscape-design/components/form-field'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { type ReactNode, useState } from 'react'
import type { KeyUsage } from '../../../src/domain/specs.ts'
import { type ApiProblem, call } from '../api/client.ts'
import { describeKey, type KeyMetadata, listKeys } from '../api/operations.ts'
import { useText } from '../i18n/index.tsx'

/** So many are offered; whoever types more letters sees others. */
const mostOffered = 25

export type KeyFieldProps = {
  readonly label: string
  readonly description?: ReactNode
  readonly value: string
  readonly onChange: (reference: string) => void
  /** Only keys for this are offered. */
  readonly usage?: KeyUsage | undefined
  readonly error?: string | undefined
}

export function KeyField({ label, description, value, onChange, usage, error }: KeyFieldProps) {
  const text = useText()
  const [typed, setTyped] = useState(value)
  const { data, isFetching, isError } = useQuery({
    queryKey: ['keys', 'offered', typed, usage],
    queryFn: () =>
      call(listKeys, {
        limit: mostOffered,
        order: 'newest',
        include: 'aliases',
        ...(usage === undefined ? {} : { keyUsage: usage }),
        ...(typed === '' ? {} : { text: typed }),
      }),
    placeholderData: keepPreviousData,
  })
  const { key, refusal } = useNamedKey(value)
  const wrongUsage = key !== undefined && usage !== undefined && key.keyUsage !== usage
  return (
    <FormField
      label={label}
      description={description}
      errorText={error ?? (wrongUsage ? text.app.keyIsFor(text.keys.usages[key.keyUsage]) : refusal?.message)}
      constraintText={
        key === undefined || wrongUsage ? text.app.keyHint : `${key.keySpec} · ${text.keys.states[key.keyState]}`
      }
    >
      <Autosuggest
        value={value}
        onChange={({ detail }) => onChange(detail.value)}
        onLoadItems={({ detail }) => setTyped(detail.filteringText.trim())}
        options={(data?.keys ?? []).flatMap((offered) => {
          const option = {
            description: offered.description,
            tags: [offered.keySpec, text.keys.states[offered.keyState]],
          }
          const aliases = offered.aliases ?? []
          return aliases.length === 0
            ? [{ ...option, value: offered.keyId }]
            : aliases.map((alias) => ({ ...option, value: alias, labelTag: offered.keyId.slice(0, 8) }))
        })}
        filteringType="manual"
        statusType={isError ? 'error' : isFetching && data === undefined ? 'loading' : 'finished'}
        loadingText={text.app.loading}
        errorText={text.app.keysNotListed}
        empty={text.app.noSuchKey}
        enteredTextLabel={(entered) => text.app.takeEntered(entered)}
        placeholder="alias/…"
      />
    </FormField>
  )
}

/** The key that somebody named; while it is being typed there is none. */
export function useNamedKey(reference: string): {
  readonly key: KeyMetadata | undefined
  readonly refusal: ApiProblem | undefined
} {
  const complete = /^(?:alias\/.+|arn:.+|mrk-[0-9a-f]{32}|[0-9a-f-]{36})$/.test(reference)
  const { data, error } = useQuery({
    queryKey: ['keys', 'named', reference],
    queryFn: () => call(describeKey, { keyId: reference }),
    enabled: complete,
    retry: false,
  })
  return {
    key: complete ? data?.key : undefined,
    refusal: complete ? ((error as ApiProblem | null) ?? undefined) : undefined,
  }
}

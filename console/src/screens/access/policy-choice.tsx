import FormField from '@cloudscape-design/components/form-field'
import Multiselect from '@cloudscape-design/components/multiselect'
import { useQuery } from '@tanstack/react-query'
import { call } from '../../api/client.ts'
import { listPolicies } from '../../api/operations.ts'
import { useText } from '../../i18n/index.tsx'
import { descriptionOf } from './policy-words.ts'

/** An account has some dozens; the page of the API that holds the most. */
const mostOffered = 1000

export function useAllPolicies() {
  return useQuery({
    queryKey: [listPolicies.name, 'all'],
    queryFn: () => call(listPolicies, { limit: mostOffered }),
  })
}

export function PolicyChoice({
  label,
  description,
  chosen,
  onChange,
  except = [],
}: {
  readonly label: string
  readonly description?: string
  readonly chosen: readonly string[]
  readonly onChange: (names: readonly string[]) => void
  /** Those that are attached already. */
  readonly except?: readonly string[]
}) {
  const text = useText()
  const { data, isPending } = useAllPolicies()
  const options = (data?.policies ?? [])
    .filter(({ policyName }) => !except.includes(policyName))
    .map((policy) => ({
      value: policy.policyName,
      label: policy.policyName,
      description: descriptionOf(policy, text),
      tags: [policy.managed ? text.access.managed : text.access.own],
    }))
  return (
    <FormField label={label} description={description}>
      <Multiselect
        selectedOptions={options.filter(({ value }) => chosen.includes(value))}
        onChange={({ detail }) => onChange(detail.selectedOptions.map(({ value }) => value as string))}
        options={options}
        placeholder={text.access.choosePolicies}
        statusType={isPending ? 'loading' : 'finished'}
        loadingText={text.app.loading}
        filteringType="auto"
        expandToViewport
      />
    </FormField>
  )
}

import type { Catalogue } from '../../i18n/index.tsx'

type Described = { readonly policyName: string; readonly description: string; readonly managed: boolean }

/** What a policy is for: of the service's own ones in the language of the reader. */
export function descriptionOf({ policyName, description, managed }: Described, text: Catalogue): string {
  return (managed ? text.access.managedPolicies[policyName] : undefined) ?? description
}

/** The filter of the key list: as it stands in the URL, in the property filter, and in the call of ListKeys. */
import type { PropertyFilterProps } from '@cloudscape-design/components/property-filter'
import { keySpecs, keyUsages } from '../../../../src/domain/specs.ts'
import type { Asked } from '../../api/client.ts'
import type { listKeys } from '../../api/operations.ts'
import type { Catalogue } from '../../i18n/index.tsx'

/** Members of the query string; several values are separated by commas. */
export type KeySearch = Partial<Record<Property | 'text', string>>

const properties = ['state', 'spec', 'usage', 'origin', 'protection', 'tag', 'used'] as const
type Property = (typeof properties)[number]

/** Days since the last use that can be asked for. */
const usedDays = [7, 30, 90, 365]

export function keySearchFrom(search: Readonly<Record<string, unknown>>): KeySearch {
  const known: KeySearch = {}
  for (const name of [...properties, 'text'] as const) {
    const value = search[name]
    if (typeof value === 'string' && value !== '') known[name] = value
  }
  return known
}

/** Each value of a property, as the property filter shows it. */
function valuesOf(text: Catalogue, property: Property): Readonly<Record<string, string>> {
  const named = (words: readonly string[]) => Object.fromEntries(words.map((word) => [word, word]))
  switch (property) {
    case 'state':
      return text.keys.states
    case 'spec':
      return named(keySpecs)
    case 'usage':
      return Object.fromEntries(keyUsages.map((usage) => [usage, text.keys.usages[usage]]))
    case 'origin':
      return text.keys.origins
    case 'protection':
      return text.keys.protections
    case 'tag':
      return {}
    case 'used':
      return Object.fromEntries([
        ...usedDays.map((days) => [`within-${days}`, text.keys.filters.usedWithin(days)]),
        ...usedDays.map((days) => [`not-for-${days}`, text.keys.filters.usedNotFor(days)]),
      ])
  }
}

export function filterProperties(text: Catalogue): PropertyFilterProps.FilteringProperty[] {
  return properties.map((key) => ({
    key,
    propertyLabel: text.keys.filters[key],
    groupValuesLabel: key === 'tag' ? text.keys.filters.tagHint : text.keys.filters[key],
    operators: [{ operator: '=', format: (value) => valuesOf(text, key)[value] ?? value }],
  }))
}

export function filterOptions(text: Catalogue): PropertyFilterProps.FilteringOption[] {
  return properties.flatMap((propertyKey) =>
    Object.entries(valuesOf(text, propertyKey)).map(([value, label]) => ({ propertyKey, value, label })),
  )
}

/** Values that no key could have are left out, so that what stands in the filter is what is asked for. */
export function queryFrom(text: Catalogue, search: KeySearch): PropertyFilterProps.Query {
  const tokens: PropertyFilterProps.Token[] = properties.flatMap((propertyKey) =>
    (search[propertyKey] ?? '')
      .split(',')
      .filter((value) => value !== '' && (propertyKey === 'tag' || value in valuesOf(text, propertyKey)))
      .map((value) => ({
        propertyKey,
        operator: '=' as const,
        value: propertyKey === 'tag' ? decodeURIComponent(value) : value,
      })),
  )
  if (search.text !== undefined) tokens.push({ operator: ':', value: search.text })
  return { tokens, operation: 'and' }
}

export function searchFrom({ tokens }: PropertyFilterProps.Query): KeySearch {
  const search: KeySearch = {}
  for (const { propertyKey, value } of tokens) {
    const name = propertyKey as Property | undefined
    // One text, one time of the last use: the newer word counts. Of the others any, and of tags all.
    if (name === undefined) search.text = String(value)
    else if (name === 'used') search.used = String(value)
    else {
      const written = name === 'tag' ? String(value).replaceAll(/[%,]/g, encodeURIComponent) : String(value)
      search[name] = search[name] === undefined ? written : `${search[name]},${written}`
    }
  }
  return search
}

/** What ListKeys is asked. */
export function filterOfCall(search: KeySearch): Asked<typeof listKeys> {
  const [, kind, days] = /^(within|not-for)-(\d{1,5})$/.exec(search.used ?? '') ?? []
  const since = days === undefined ? undefined : new Date(Date.now() - Number(days) * 86_400_000).toISOString()
  return {
    ...(search.state === undefined ? {} : { keyState: search.state }),
    ...(search.spec === undefined ? {} : { keySpec: search.spec }),
    ...(search.usage === undefined ? {} : { keyUsage: search.usage }),
    ...(search.origin === undefined ? {} : { origin: search.origin }),
    ...(search.protection === undefined ? {} : { protectionLevel: search.protection }),
    ...(search.tag === undefined ? {} : { tag: search.tag }),
    ...(search.text === undefined ? {} : { text: search.text }),
    ...(since === undefined ? {} : kind === 'within' ? { lastUsedAfter: since } : { lastUsedBefore: since }),
  }
}

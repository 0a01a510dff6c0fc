/** The filter of the audit log: as it stands in the URL, in the property filter, and in the call of ListAuditRecords. */
import type { DateRangePickerProps } from '@cloudscape-design/components/date-range-picker'
import type { PropertyFilterProps } from '@cloudscape-design/components/property-filter'
import { problemCodes } from '../../../../src/domain/errors.ts'
import type { Asked } from '../../api/client.ts'
import type { listAuditRecords } from '../../api/operations.ts'
import type { Catalogue } from '../../i18n/index.tsx'

const properties = ['operation', 'outcome', 'principal', 'keyId', 'alias', 'requestId'] as const
type Property = (typeof properties)[number]
/** `last`: a number of hours, ending now. `from` and `to`: RFC 3339. */
export type AuditSearch = Partial<Record<Property | 'last' | 'from' | 'to', string>>

const members = [...properties, 'last', 'from', 'to'] as const
const hourMs = 3_600_000

export function auditSearchFrom(search: Readonly<Record<string, unknown>>): AuditSearch {
  const known: AuditSearch = {}
  for (const name of members) {
    const value = search[name]
    if (typeof value === 'string' && value !== '') known[name] = value
  }
  return known
}

export function filterProperties(text: Catalogue): PropertyFilterProps.FilteringProperty[] {
  return properties.map((key) => ({
    key,
    propertyLabel: text.audit.filters[key],
    groupValuesLabel: text.audit.filters[key],
    operators: [{ operator: '=', format: (value) => outcomeWords(text, key, value) }],
  }))
}

export function filterOptions(text: Catalogue, operations: readonly string[]): PropertyFilterProps.FilteringOption[] {
  return [
    ...['failed', 'ok', ...problemCodes].map((value) => ({
      propertyKey: 'outcome',
      value,
      label: outcomeWords(text, 'outcome', value),
    })),
    ...operations.map((value) => ({ propertyKey: 'operation', value })),
  ]
}

function outcomeWords(text: Catalogue, property: Property, value: string): string {
  return property !== 'outcome'
    ? value
    : value === 'failed'
      ? text.audit.failed
      : value === 'ok'
        ? text.audit.ok
        : value
}

export function queryFrom(search: AuditSearch): PropertyFilterProps.Query {
  return {
    tokens: properties.flatMap((propertyKey) => {
      const value = search[propertyKey]
      return value === undefined ? [] : [{ propertyKey, operator: '=', value }]
    }),
    operation: 'and',
  }
}

/** One value of each property; the newer word counts. A free text is taken for an operation. */
export function searchFrom({ tokens }: PropertyFilterProps.Query, { last, from, to }: AuditSearch): AuditSearch {
  const search: AuditSearch = {
    ...(last === undefined ? {} : { last }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
  }
  for (const { propertyKey, value } of tokens)
    search[(propertyKey as Property | undefined) ?? 'operation'] = String(value)
  return search
}

export const relativeHours = [1, 24, 168, 720]

export function periodFrom({ last, from, to }: AuditSearch): DateRangePickerProps.Value | null {
  if (last !== undefined) return { type: 'relative', key: last, unit: 'hour', amount: Number(last) }
  if (from === undefined || to === undefined) return null
  return { type: 'absolute', startDate: from, endDate: to }
}

export function withPeriod(search: AuditSearch, period: DateRangePickerProps.Value | null): AuditSearch {
  const { last: _, from: __, to: ___, ...rest } = search
  if (period === null) return rest
  if (period.type === 'relative') {
    const hours = { hour: 1, day: 24 }[period.unit as 'hour' | 'day'] ?? 24
    return { ...rest, last: String(period.amount * hours) }
  }
  return { ...rest, from: new Date(period.startDate).toISOString(), to: new Date(period.endDate).toISOString() }
}

/** What ListAuditRecords is asked. */
export function filterOfCall({ last, ...search }: AuditSearch): Asked<typeof listAuditRecords> {
  const hours = Number(last)
  return {
    ...search,
    ...(last !== undefined && hours > 0 ? { from: new Date(Date.now() - hours * hourMs).toISOString() } : {}),
  }
}

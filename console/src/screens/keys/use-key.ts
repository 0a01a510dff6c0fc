/** One key, as several screens look at it; and doing something to it. */
import { useQuery } from '@tanstack/react-query'
import { call } from '../../api/client.ts'
import {
  describeKey,
  listAliases,
  listAuditRecords,
  listGrants,
  listKeyRotations,
  listKeyVersions,
} from '../../api/operations.ts'
import { useChange } from '../../parts/use-change.ts'

export function useKey(keyId: string) {
  return useQuery({
    queryKey: ['keys', keyId, 'key'],
    queryFn: async () => (await call(describeKey, { keyId })).key,
  })
}

/** Names of the key, without reading all aliases of the account. A key has at most 50. */
export function useAliasesOf(keyId: string) {
  return useQuery({
    queryKey: ['keys', keyId, 'aliases'],
    queryFn: async () => (await call(listAliases, { keyId, limit: 100 })).aliases,
  })
}

/** Does something to keys; then everything about keys is shown anew. In a dialog the dialog shows a refusal. */
export function useKeyChange(
  change: () => Promise<unknown>,
  {
    done,
    after,
    inDialog = false,
  }: { readonly done: string; readonly after?: () => void; readonly inDialog?: boolean },
) {
  return useChange({ change, told: done, touches, afterwards: after, tellsRefusal: !inDialog })
}

const touches = [
  ['keys'],
  ...[listAliases, listAuditRecords, listGrants, listKeyRotations, listKeyVersions].map(({ name }) => [name]),
]

/** What the audit screens ask of the server. */
import { useQuery } from '@tanstack/react-query'
import { type Answered, call } from '../../api/client.ts'
import { getAuditCheckpoint, getAuditConsistency, type listAuditRecords } from '../../api/operations.ts'
import { compareWith } from './remembered-checkpoint.ts'

export type AuditRecord = Answered<typeof listAuditRecords>['records'][number]

/** Holds the logs of now to those this browser remembers. */
export function useIntegrity() {
  return useQuery({
    queryKey: ['audit', 'integrity'],
    queryFn: () =>
      compareWith(
        localStorage,
        {
          checkpoints: async () => (await call(getAuditCheckpoint, {})).logs,
          consistency: (log, olderSize) => call(getAuditConsistency, { log, olderSize }),
        },
        () => new Date().toISOString(),
      ),
    enabled: isSecureContext,
    staleTime: 30_000,
    retry: false,
  })
}

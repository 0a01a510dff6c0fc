/** Settings of the installation that the chores keep and the next start reads. */
export const choreSettings = {
  /** Milliseconds since 1970: no later start tells an earlier time. */
  clockHighWater: 'clock-high-water',
  /** Up to where in the audit logs the store knows the effects of records. A backup that is restored knows fewer. */
  auditNoted: 'audit-noted',
  /** The checkpoint of an audit log back then: a log that does not begin with it is not gone on with. */
  auditCheckpoint: (log: number) => (log === 0 ? 'audit-checkpoint' : `audit-checkpoint-${log}`),
} as const

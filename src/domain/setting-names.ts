/** Settings of the installation that the chores keep and the next start reads. */
export const choreSettings = {
  /** Milliseconds since 1970: no later start tells an earlier time. */
  clockHighWater: 'clock-high-water',
  /** Records of the audit log that the store knows the effects of. A backup that is restored knows fewer. */
  auditNoted: 'audit-noted',
  /** The checkpoint of the audit log back then: a log that does not begin with it is not gone on with. */
  auditCheckpoint: 'audit-checkpoint',
} as const

/**
 * Settings of the installation that the chores keep and the next start reads. Where several nodes share the store, each has
 * audit logs of its own, and notes of its own about them.
 */
export const choreSettings = {
  /** Milliseconds since 1970: no later start tells an earlier time. */
  clockHighWater: 'clock-high-water',
  /** Up to where in the audit logs the store knows the effects of records. A backup that is restored knows fewer. */
  auditNoted: (node: string | undefined) => ofNode('audit-noted', node),
  /** The checkpoint of an audit log back then: a log that does not begin with it is not gone on with. */
  auditCheckpoint: (log: number, node: string | undefined) =>
    ofNode(log === 0 ? 'audit-checkpoint' : `audit-checkpoint-${log}`, node),
} as const

function ofNode(name: string, node: string | undefined): string {
  return node === undefined ? name : `${name}/${node}`
}

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

/** Of a node that was given no name. An installation of one node that grows to several goes on under it. */
export const defaultNode = 'keyward'

/** What is a node's own has its name in it: not where there is just one, which has none or the default one. */
export function ofNode(name: string, node: string | undefined): string {
  return node === undefined || node === defaultNode ? name : `${name}/${node}`
}

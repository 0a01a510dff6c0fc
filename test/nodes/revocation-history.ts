/**
 * Is a history of keys linearizable, as far as this one property goes: once the revocation of a key was answered, nobody
 * uses it, until it is restored? A history is what the clients of one machine saw, by one monotonic clock: when each asked
 * and when it was answered. What lies between the two may have happened at any moment between.
 *
 * Changes of one key must have been asked one after the other; then the check finds each use for which no order of the
 * events explains that the key was alive, and no other.
 */
export type Event = {
  readonly key: string
  readonly kind: 'use' | 'revoke' | 'restore'
  readonly node: string
  readonly askedAt: number
  /** Infinity where no answer came. */
  readonly answeredAt: number
  /** `refused`: it is known that nothing was done. `unknown`: it may have happened at any moment since, or never. */
  readonly outcome: 'done' | 'refused' | 'unknown'
}

export type Violation = { readonly use: Event; readonly after: Event }

export function violationsOf(history: readonly Event[]): readonly Violation[] {
  const byKey = Map.groupBy(history, ({ key }) => key)
  return [...byKey.values()].flatMap((events) => {
    const revocations = events.filter(({ kind, outcome }) => kind === 'revoke' && outcome === 'done')
    const restorations = events.filter(({ kind, outcome }) => kind === 'restore' && outcome !== 'refused')
    return events
      .filter(({ kind, outcome }) => kind === 'use' && outcome === 'done')
      .flatMap((use): Violation | [] => {
        const after = revocations.find(
          (revocation) =>
            revocation.answeredAt < use.askedAt &&
            !restorations.some(
              (restoration) => latest(restoration) >= revocation.askedAt && restoration.askedAt <= use.answeredAt,
            ),
        )
        return after === undefined ? [] : { use, after }
      })
  })
}

/** By when it happened, if it did. */
function latest({ outcome, answeredAt }: Event): number {
  return outcome === 'unknown' ? Number.POSITIVE_INFINITY : answeredAt
}

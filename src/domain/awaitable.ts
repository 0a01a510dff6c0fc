/**
 * What may be there already. On the road of a request nearly everything is, and a wait for it would cost a promise and a
 * turn of the event loop's queue: `found instanceof Promise ? await found : found` waits only where there is something to
 * wait for. Whoever does not care writes `await`.
 */
export type Awaitable<T> = T | Promise<T>

export function andThen<T, R>(found: Awaitable<T>, next: (value: T) => Awaitable<R>): Awaitable<R> {
  return found instanceof Promise ? found.then(next) : next(found)
}

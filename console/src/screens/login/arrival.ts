/**
 * With what somebody arrived: read once, before anything else looks at the address, and taken out of the address bar, the
 * history and whatever is copied from there.
 */
export type Arrival = {
  readonly setupCode?: string
  /** Why the company's identity provider sent them back in vain. */
  readonly companyRefusal?: string
}

export const arrival: Arrival = read()

function read(): Arrival {
  const setupCode = location.pathname === '/ui/setup' && location.hash.length > 1 ? location.hash.slice(1) : undefined
  const companyRefusal = new URLSearchParams(location.search).get('refused') ?? undefined
  if (setupCode === undefined && companyRefusal === undefined) return {}
  history.replaceState(history.state, '', '/ui/')
  return {
    ...(setupCode === undefined ? {} : { setupCode }),
    ...(companyRefusal === undefined ? {} : { companyRefusal }),
  }
}

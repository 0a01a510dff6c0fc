/** Signing in, and confirming, at the company's identity provider: the browser goes there and comes back. */
import { request } from '../../api/client.ts'
import type { Catalogue } from '../../i18n/index.tsx'

/** In words of our own: what stands in an address, anybody can have written. */
export function companyRefusalIn(text: Catalogue, reason: string): string {
  const { companyRefusals } = text.signIn
  return reason in companyRefusals
    ? companyRefusals[reason as keyof typeof companyRefusals]
    : companyRefusals.notVouched
}

/** One comes back to where one was. */
export async function goToProvider(purpose: 'sign-in' | 'step-up'): Promise<void> {
  const returnTo = location.pathname + location.search
  const { url } = await request<{ url: string }>({
    method: 'POST',
    path: '/ui/api/oidc/start',
    body: { purpose, returnTo },
  })
  location.assign(url)
}

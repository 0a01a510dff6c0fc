/** Signing in, and confirming, at the company's identity provider: the browser goes there and comes back. */
import { request } from '../../api/client.ts'

export async function goToProvider(purpose: 'sign-in' | 'step-up'): Promise<void> {
  const { url } = await request<{ url: string }>({ method: 'POST', path: '/ui/api/oidc/start', body: { purpose } })
  location.assign(url)
}

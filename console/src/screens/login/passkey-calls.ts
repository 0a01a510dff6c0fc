/** What the browser's own passkey dialogs answer; the JSON of both sides is the browser's (Web Authentication, level 3). */
import { request } from '../../api/client.ts'

/** Why the browser did not answer, by the name of its exception. */
export class PasskeyRefusal extends Error {
  override readonly name: string
  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause })
    this.name = cause instanceof Error ? cause.name : 'UnknownError'
  }
}

/** Old browsers, and pages that came over plain HTTP from elsewhere, have none. */
export function knowsPasskeys(): boolean {
  return typeof PublicKeyCredential !== 'undefined' && 'parseRequestOptionsFromJSON' in PublicKeyCredential
}

export async function createPasskey(label: string): Promise<{ readonly recoveryCodes?: readonly string[] }> {
  const options = await request<PublicKeyCredentialCreationOptionsJSON>({
    method: 'POST',
    path: '/ui/api/passkey/register/options',
  })
  const made = await answered(() =>
    navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) }),
  )
  return request({
    method: 'POST',
    path: '/ui/api/passkey/register/verify',
    body: { response: made.toJSON(), label },
  })
}

export async function signInWithPasskey(): Promise<void> {
  const options = await request<PublicKeyCredentialRequestOptionsJSON>({
    method: 'POST',
    path: '/ui/api/passkey/login/options',
  })
  await request({ method: 'POST', path: '/ui/api/passkey/login/verify', body: { response: await assertion(options) } })
}

/** The digests are those of the requests that are to be confirmed. */
export async function confirmWithPasskey(digests: readonly string[]): Promise<void> {
  const options = await request<PublicKeyCredentialRequestOptionsJSON>({
    method: 'POST',
    path: '/ui/api/step-up/options',
    body: { digests },
  })
  const response = await assertion(options)
  await request({ method: 'POST', path: '/ui/api/step-up/verify', body: { digests, response } })
}

async function assertion(options: PublicKeyCredentialRequestOptionsJSON): Promise<unknown> {
  const made = await answered(() =>
    navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) }),
  )
  return made.toJSON()
}

async function answered(ask: () => Promise<Credential | null>): Promise<PublicKeyCredential> {
  let made: Credential | null
  try {
    made = await ask()
  } catch (error) {
    throw new PasskeyRefusal(error)
  }
  if (!(made instanceof PublicKeyCredential)) throw new PasskeyRefusal(new Error('no passkey'))
  return made
}

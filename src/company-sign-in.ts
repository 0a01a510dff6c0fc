/** The identity provider that the settings name. What is wrong with them refuses the start: nothing weaker takes its place. */
import { readFileSync } from 'node:fs'
import type { Config } from './config.ts'
import { problem } from './domain/errors.ts'
import { managedPolicies } from './domain/managed-policies.ts'
import type { Random, Store } from './domain/ports.ts'
import { type IdentityProvider, openIdentityProvider } from './protocols/console/identity-provider.ts'

/** Undefined where the settings name none. */
export async function companySignIn(
  config: Config,
  operatorAccount: string,
  { store, random }: { readonly store: Store; readonly random: Random },
): Promise<IdentityProvider | undefined> {
  const { oidcIssuer: issuer, oidcClientId: clientId, oidcClientSecretFile: secretFile } = config
  const { oidcGroupPolicies: groupPolicies } = config
  if (issuer === undefined) {
    if (clientId !== undefined || secretFile !== undefined || groupPolicies !== undefined)
      throw refusal('There are oidc_ settings, but no KEYWARD_OIDC_ISSUER.', 'Set it, or leave the others out.')
    return undefined
  }
  if (!config.console)
    throw refusal('KEYWARD_OIDC_ISSUER is set, and the console is off.', 'Set KEYWARD_CONSOLE=true, or leave it out.')
  if (clientId === undefined)
    throw refusal('KEYWARD_OIDC_CLIENT_ID is not set.', 'Register this service at the provider.')
  if (groupPolicies === undefined)
    throw refusal(
      'KEYWARD_OIDC_GROUP_POLICIES is not set: nobody who signs in would have a right.',
      'Name a group: admins=KeywardAdministrator.',
    )
  for (const policy of new Set([...groupPolicies.values()].flat()))
    if (!(policy in managedPolicies) && (await store.get('policy', operatorAccount, policy)) === undefined)
      throw refusal(
        `KEYWARD_OIDC_GROUP_POLICIES names the policy ${policy}, which is not there.`,
        `Create it first, or name a managed one: ${Object.keys(managedPolicies).join(', ')}.`,
      )
  if (!config.oidcScopes.split(' ').includes('openid'))
    throw refusal('KEYWARD_OIDC_SCOPES does not contain openid.', 'Begin it with openid.')
  return openIdentityProvider(
    {
      issuer,
      clientId,
      clientSecret: secretFile === undefined ? undefined : readSecret(secretFile),
      label: config.oidcLabel,
      scopes: config.oidcScopes,
      nameClaim: config.oidcNameClaim,
      groupsClaim: config.oidcGroupsClaim,
      groupPolicies,
    },
    random,
  )
}

function readSecret(path: string): string {
  let secret: string
  try {
    secret = readFileSync(path, 'utf8').trim()
  } catch (error) {
    throw refusal(`The file of KEYWARD_OIDC_CLIENT_SECRET_FILE cannot be read: ${(error as Error).message}`, 'Mend it.')
  }
  if (secret === '') throw refusal('The file of KEYWARD_OIDC_CLIENT_SECRET_FILE is empty.', 'Write the secret into it.')
  return secret
}

function refusal(message: string, mend: string) {
  return problem('InvalidRequest', { message, mend })
}

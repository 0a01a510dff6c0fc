import { problem } from './errors.ts'
import { accountPattern, regionPattern, type Scope } from './scope.ts'

/** How a caller names a key: by id or alias, bare (then in the request's own scope) or in a resource name. */
export type KeyReference =
  | { readonly by: 'keyId'; readonly keyId: string; readonly scope?: Scope }
  | { readonly by: 'alias'; readonly aliasName: string; readonly scope?: Scope }

export const keyIdPattern = /^(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|mrk-[0-9a-f]{32})$/
/** With `alias/` before it. No dots, spaces, percent signs or look-alikes: one spelling of every name. */
export const aliasNamePattern = /^alias\/[a-zA-Z0-9/_-]{1,249}$/
const resourceName = /^(?:arn:aws:kms|acs:kms):([^:]*):([^:]*):((?:key|alias)\/.+)$/

/** Resource names follow IAM's: tools and policies written for AWS read them unchanged (docs/decisions/resource-names.md). */
export function keyArn(key: Scope & { readonly keyId: string }): string {
  return `arn:aws:kms:${key.region}:${key.account}:key/${key.keyId}`
}

export function aliasArn(alias: Scope & { readonly aliasName: string }): string {
  return `arn:aws:kms:${alias.region}:${alias.account}:${alias.aliasName}`
}

/** A text that names no key in any way is told so; whether the key exists is another question. */
export function parseKeyReference(text: string): KeyReference {
  const named = resourceName.exec(text)
  if (named !== null) {
    const [, region = '', account = '', resource = ''] = named
    if (!regionPattern.test(region) || !accountPattern.test(account)) throw notAReference(text)
    const scope = { account, region }
    if (resource.startsWith('key/')) {
      const keyId = resource.slice(4)
      if (!keyIdPattern.test(keyId)) throw notAReference(text)
      return { by: 'keyId', keyId, scope }
    }
    return { by: 'alias', aliasName: checkAliasName(resource), scope }
  }
  if (keyIdPattern.test(text)) return { by: 'keyId', keyId: text }
  if (text.startsWith('alias/')) return { by: 'alias', aliasName: checkAliasName(text) }
  throw notAReference(text)
}

export function checkAliasName(name: string): string {
  if (!aliasNamePattern.test(name) || name.includes('//') || name.endsWith('/'))
    throw problem('InvalidAliasName', {
      mend: 'Write alias/ and then 1 to 249 letters, digits, slashes, underscores or hyphens.',
      facts: { aliasName: name },
    })
  return name
}

/** Names that only the service gives out: its default keys answer to them (R64). */
export function isReservedAlias(name: string): boolean {
  return name.startsWith('alias/acs/') || name.startsWith('alias/aws/')
}

function notAReference(text: string) {
  return problem('KeyNotFound', {
    message: 'This names no key.',
    mend: 'Give a key id, a key ARN, alias/NAME or an alias ARN.',
    facts: { reference: text, malformed: true },
  })
}

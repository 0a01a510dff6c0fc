/** Of a resource name such as `arn:aws:iam::111122223333:user/alice` what people call it; the whole on hover. */

import { useSession } from '../api/session.ts'
import { ScreenLink } from '../app/follow.tsx'
import { useText } from '../i18n/index.tsx'

export function PrincipalName({ arn }: { readonly arn: string | undefined }) {
  const text = useText()
  const { data } = useSession()
  if (arn === undefined || arn === '') return <>{text.app.theService}</>
  const [, account, name] = /^arn:aws:iam::(\d+):user\/(.+)$/.exec(arn) ?? []
  if (name === undefined) return <span title={arn}>{arn}</span>
  // Those of other accounts are not to be looked up here.
  if (account !== data?.principal?.account) return <span title={arn}>{`${account}/${name}`}</span>
  return <ScreenLink to={`/principals/${encodeURIComponent(name)}`}>{name}</ScreenLink>
}

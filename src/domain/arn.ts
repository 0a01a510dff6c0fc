/** The account of a resource name; empty where the name has none, undefined where it is no resource name. */
export function accountOfArn(arn: string): string | undefined {
  let from = 0
  for (let index = 0; index < 4; index += 1) {
    from = arn.indexOf(':', from) + 1
    if (from === 0) return undefined
  }
  const to = arn.indexOf(':', from)
  return to < 0 ? undefined : arn.slice(from, to)
}

/** docs/compatibility/aws.md, made from the table of actions: what is honoured, what is not, and why. */
import { actions } from '../../src/protocols/aws/actions.ts'
import type { Give, Take } from '../../src/protocols/aws/binding.ts'
import { type Action, actionNames, model } from '../../src/protocols/aws/model.ts'

type AnyRow = {
  readonly operation: string | ((given: Readonly<Record<string, unknown>>) => string)
  readonly takes: Readonly<Record<string, Take>>
  readonly gives: Readonly<Record<string, Give>>
}

export type Member = { readonly name: string; readonly honoured: boolean; readonly how?: string }

export type ActionFacts =
  | { readonly action: Action; readonly unsupported: string }
  | {
      readonly action: Action
      /** Ours; more than one where it depends on the request. */
      readonly operations: readonly string[]
      readonly takes: readonly Member[]
      readonly gives: readonly Member[]
    }

export function factsOf(action: Action): ActionFacts {
  const row = actions[action] as unknown as AnyRow | { readonly unsupported: string }
  if ('unsupported' in row) return { action, unsupported: row.unsupported }
  const { operation } = row
  const operations =
    typeof operation === 'string'
      ? [operation]
      : [operation({}), operation({ EncryptionAlgorithm: 'RSAES_OAEP_SHA_256' })]
  return {
    action,
    operations,
    takes: Object.keys(model.operations[action].in).map((name) => takenMember(name, row.takes[name])),
    gives: Object.keys(model.operations[action].out).map((name) => givenMember(name, row.gives[name])),
  }
}

function takenMember(name: string, take: Take | undefined): Member {
  if (take === undefined) return { name, honoured: false, how: 'nobody has thought of it' }
  if (typeof take === 'string' || 'as' in take) return { name, honoured: true }
  return 'heeded' in take ? { name, honoured: true, how: take.heeded } : { name, honoured: false, how: take.refused }
}

function givenMember(name: string, give: Give | undefined): Member {
  if (give === undefined) return { name, honoured: false, how: 'nobody has thought of it' }
  return typeof give === 'object' ? { name, honoured: false, how: give.never } : { name, honoured: true }
}

const introduction = `# AWS KMS

Made from the table of actions by \`node test/aws/model.test.ts --write\`. A test fails when this page is stale.

Every tool that speaks to AWS KMS speaks to Keyward when its endpoint is changed:

\`\`\`sh
export AWS_ENDPOINT_URL_KMS=http://localhost:8480    # or the HTTPS address; AWS_ENDPOINT_URL adds STS
export AWS_ACCESS_KEY_ID=... AWS_SECRET_ACCESS_KEY=...
export AWS_REGION=local AWS_DEFAULT_REGION=local
\`\`\`

| client | how |
| --- | --- |
| AWS CLI, boto3, SDKs for JavaScript 3, Go 2, Java 2, Rust, .NET | the variables above |
| in code | \`endpoint\` (JavaScript), \`endpoint_url\` (Python), \`BaseEndpoint\` (Go), \`endpointOverride\` (Java) |
| Terraform, OpenTofu | \`endpoints { kms = "..." }\` in the provider, with \`skip_requesting_account_id\` or \`sts\` too |
| AWS Encryption SDK, SOPS, signers | those of the SDK they are built on |
| OpenBao, Vault | \`AWS_KMS_ENDPOINT\`, or \`endpoint\` of the seal |

AWS CLI 2 before 2.13 does not know these variables, and asks the real cloud: give it \`--endpoint-url\`. With the region
\`local\` it fails instead, since AWS has none of that name. AWS CLI 1 encodes text blobs once more; pass files with
\`fileb://\`.

## What is otherwise than on AWS

- A region is whatever the signature is scoped to: \`local\` is as good as \`eu-central-1\`. Keys of one are unknown in others.
- Signatures are Signature Version 4 with long-term access keys. Session tokens and presigned URLs are refused.
- Rotation periods are 90 to 730 days; AWS goes up to 2,560.
- A member of a request that the model does not have is refused, where AWS passes it over.
- A ciphertext without KeyId means a key of the caller's own account. Another account's key is named by its ARN.
- Custom key stores are external ones (docs/operating/external-key-stores.md), at addresses that the operator allows, over
  PUBLIC_ENDPOINT; there are no CloudHSM key stores. Connecting is done when it is answered: CONNECTED, or FAILED.
- Inside answers there is never a CloudHsmClusterId, a VPC endpoint service, a service principal, or a CloudTrailEventId
  (the audit log has the request ids).
- Where AWS says only that something is not valid, the message here may go on with what to do about it. The code of the
  error is always that of AWS.
- Automatic and on-demand rotation are done when they are answered; states such as Creating and Updating do not occur.
- Policies may name rights as AWS does (\`kms:EnableKeyRotation\`) or as this service does (\`kms:UpdateRotationPolicy\`): an
  Allow under either allows, a Deny under either denies.

## Actions
`

export function compatibilityPage(): string {
  const facts = actionNames.map(factsOf)
  const supported = facts.filter((entry) => !('unsupported' in entry))
  const lines = [
    introduction,
    `${supported.length} of ${facts.length}. The right to each is \`kms:\` and its name; the operation is the one that the REST API and the audit log know.`,
    '',
    '| action | operation | members refused or never answered |',
    '| --- | --- | --- |',
    ...facts.map(line),
    '',
    '## Members',
    '',
    'Every member of every request, and what becomes of it where that is more than being passed on.',
  ]
  for (const entry of facts) {
    if ('unsupported' in entry) continue
    lines.push('', `### ${entry.action}`, '')
    for (const { name, honoured, how } of entry.takes)
      lines.push(`- ${name}${how === undefined ? '' : honoured ? `: ${how}` : `: **refused.** ${how}`}`)
    if (entry.takes.length === 0) lines.push('- none')
    const answered = entry.gives.filter(({ honoured }) => honoured).map(({ name }) => name)
    lines.push('', answered.length === 0 ? 'The answer is empty.' : `Answers ${answered.join(', ')}.`)
    for (const { name, honoured, how } of entry.gives) if (!honoured) lines.push(`Never ${name}: ${how}.`)
  }
  return `${lines.join('\n')}\n`
}

function line(entry: ActionFacts): string {
  if ('unsupported' in entry) return `| ${entry.action} | none | refused: ${entry.unsupported} |`
  const missing = [...entry.takes, ...entry.gives].filter(({ honoured }) => !honoured).map(({ name }) => name)
  return `| ${entry.action} | ${entry.operations.join(' or ')} | ${missing.join(', ')} |`
}

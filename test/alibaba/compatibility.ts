/** docs/compatibility/alibaba.md, made from the tables that the tests walk. */
import { problem, problemCodes } from '../../src/domain/errors.ts'
import type { Binding } from '../../src/protocols/alibaba/action.ts'
import { actions } from '../../src/protocols/alibaba/actions/index.ts'
import { wordsFor } from '../../src/protocols/alibaba/errors.ts'
import { states } from './keys.ts'
import { pairTable, type StateRow, stateTable } from './state-table.ts'

/** Members of documented answers that are never given, and why. */
export const neverGiven: Readonly<Record<string, string>> = {
  'KeyMetadata.DKMSInstanceId': 'there are no instances',
  CiphertextForRecipient: 'answers are not encrypted for enclaves',
}

export type Documented = Readonly<
  Record<string, { readonly parameters: readonly string[]; readonly answer: readonly string[] }>
>

const introduction = `# Compatibility with Alibaba Cloud KMS

<!-- Made by \`node test/alibaba/compatibility.test.ts --write\`; a test fails where this page is stale. -->

The API version 2016-01-20, RPC style, on the same port as the other protocols. Point an SDK at this service by its
endpoint; the access key is one that \`keyward access key create\` made.

## The wire

- Everything is on \`/\`, by GET or POST, parameters in the query or in a form (\`application/x-www-form-urlencoded\`, chunked
  too). A parameter that stands twice, or that the action does not know, is refused: a KMS that passes over a parameter does
  something else than it was asked. An empty value is as good as none.
- URL and headers together are at most 64 KB: the largest plaintext fits with an encryption context of 8,192 ASCII letters and
  digits. What is longer when it is percent-encoded goes in a form.
- Signature V1 (\`HMAC-SHA1\`), with or without nonce, timestamps in seconds or milliseconds; ACS3-HMAC-SHA256 and
  ACS3-HMAC-SM3. Under ACS3 the headers host, x-acs-action, x-acs-version, x-acs-date, x-acs-signature-nonce,
  x-acs-content-sha256 and every other x-acs- header must be signed. Security tokens (STS), bearer tokens and ACS4 are not
  taken.
- A timestamp may be 15 minutes off. A nonce is taken once for each access key for as long as its timestamp is accepted; it is
  kept in the memory of one process, up to 131,072 for an access key: who signs more within 30 minutes has a shorter window, in
  which no request is ever taken twice. Nodes that share a PostgreSQL store keep nonces there, for all of them. A V1 request
  without nonce (the SDK of 2017 sends none) can be repeated within 15 minutes: use TLS.
- The region is that of the parameter \`RegionId\`, else of a host like \`kms.cn-hangzhou.example.com\` (or \`kms-vpc.\`,
  \`kms-internal.\`; the second label has a hyphen), else the setting \`region\`. Every region is a resource pool of its own.
  Signature V1 does not cover the host; send \`RegionId\` where that matters.
- Answers are JSON; XML with \`Format=XML\`. \`RequestId\` is the request id of the audit log, in upper case.
- \`EncryptionContext\` is JSON, or flattened (\`EncryptionContext.app=x\`), as the SDK 1.2.0 for Node sends it.
- Keys are named by key id, alias, \`acs:kms:...\` or \`arn:aws:kms:...\`; an alias can stand wherever a key id can. ARNs of
  keys are \`acs:kms:<region>:<account>:key/<id>\` here.
- Where documents differ, the numbers are 7 to 30 days until a deletion (30 without a word), 7 to 730 days between rotations
  (whole days), pages of at most 100. A list is shown up to item 100,000.
- \`DryRun=true\` checks everything, does nothing, and is answered with \`DryRunOperationError\`.
- Only AES_256 keys take imported material. Scheduling the deletion of a key in use needs no second word.
- ExportDataKey and GenerateAndExportDataKey ask for the right to decrypt or to generate data keys as well as their own.
`

export function compatibilityPage(documented: Documented): string {
  return [
    introduction,
    '## Actions\n',
    table(
      ['action', 'operation', 'parameters', 'members of the answer'],
      [...actions].flatMap(([name, action]) =>
        'unsupported' in action
          ? []
          : [[name, action.operation, parametersOf(action), answerOf(documented[name]?.answer)]],
      ),
    ),
    '\n**Bold**: needed. ~~Struck~~: refused, with the reason. Left out everywhere: `RequestId`.\n',
    '## By the state of the key\n',
    'As documented, or after Encrypt where it is not (+). Every cell is a test. All refusals are HTTP 409.\n',
    table(['action', ...states], stateTable.map(stateCells)),
    '\nKey pairs and MAC keys are never imported:\n',
    table(
      ['action', ...states.slice(0, 3)],
      pairTable.map((row) => stateCells(row).slice(0, 4)),
    ),
    '\n## Errors\n',
    'What this service calls by one name, in the words of this cloud. `Rejected.DeletionProtection` is documented nowhere.\n',
    table(
      ['problem', 'code', 'HTTP', 'message begins'],
      problemCodes.map((code) => {
        const { code: word, status, message } = wordsFor(problem(code), 'Name')
        return [code, `\`${word}\``, String(status), message]
      }),
    ),
    '\n## Not offered\n',
    'Each is answered with `UnsupportedOperation` (HTTP 400) and the reason.\n',
    table(['reason', 'actions'], unsupportedByReason()),
    '',
  ].join('\n')
}

function parametersOf({ parameters }: Binding): string {
  return Object.entries(parameters)
    .map(([name, parameter]) => {
      if (parameter.member === '') return `~~${name}~~`
      return parameter.required ? `**${name}**` : name
    })
    .join(', ')
}

function answerOf(paths: readonly string[] = []): string {
  return paths
    .filter((path) => path !== 'RequestId')
    .map((path) => (neverGiven[path] === undefined ? path : `~~${path}~~`))
    .join(', ')
}

function stateCells({ action, outcomes, external, added }: StateRow): readonly string[] {
  const name = `${action}${external === true ? ' (EXTERNAL)' : ''}${added === true ? ' +' : ''}`
  return [name, ...states.map((state) => (outcomes[state] === 'Success' ? 'ok' : `\`${outcomes[state]}\``))]
}

function unsupportedByReason(): readonly (readonly string[])[] {
  const byReason = new Map<string, string[]>()
  for (const [name, action] of actions)
    if ('unsupported' in action) byReason.set(action.unsupported, [...(byReason.get(action.unsupported) ?? []), name])
  return [...byReason].map(([reason, names]) => [reason, names.join(', ')])
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line)].join('\n')
}

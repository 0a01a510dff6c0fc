/**
 * How an action of AWS is bound to an operation of ours: one row per action, one word per member, nothing left out. The
 * rows are read by the face, by the test that walks the whole model, and by docs/compatibility/aws.md.
 */
import { keyArn } from '../../domain/key-reference.ts'
import type { Instant } from '../../domain/time.ts'
import { keyMaterialIdOf } from '../../operations/material/key-material-id.ts'
import { encodeBase64 } from '../../operations/shapes.ts'
import { refusal } from './errors.ts'
import { type Action, type MembersIn, type MembersOut, model } from './model.ts'
import { type Given, type Validator, validatorFor } from './validation.ts'

/** What becomes of a member of the request. */
export type Take =
  /** It is a member of our operation, by this name. */
  | string
  /** It is a member of our operation, written otherwise. */
  | { readonly as: string; readonly written: (value: unknown, given: Given) => unknown }
  /** The row looks at it itself; how, in words. */
  | { readonly heeded: string }
  /** Whoever sends it is refused, and told this reason. */
  | { readonly refused: string; readonly code?: string }

/** In memory form, as an operation returned it. */
export type Output = Readonly<Record<string, unknown>>

/** Where a member of the answer comes from. */
export type Give =
  /** A member of our output, as it is. */
  | string
  | ((output: Output, asked: Asked) => unknown)
  /** It is never in an answer, for this reason. */
  | { readonly never: string }

/** One request, for those who write its answer. */
export type Asked = {
  readonly given: Given
  readonly account: string
  readonly region: string
  /** The resource name of a key that the request named, or that is the caller's own. */
  readonly arn: (keyId: string, member?: KeyMember) => string
}

export type Row<A extends Action> = {
  /** The name of our operation; a function where it depends on the request. */
  readonly operation: string | ((given: Given) => string)
  readonly takes: Readonly<Record<MembersIn<A>, Take>>
  readonly gives: Readonly<Record<MembersOut<A>, Give>>
  /** Further members of our input; or a refusal that the model does not know. */
  readonly also?: (given: Given) => Readonly<Record<string, unknown>>
  /** Keys may be named by alias; elsewhere AWS takes a key id or a key ARN only. */
  readonly aliases?: true
  /** The answer would say that it went well, but it did not. */
  readonly afterwards?: (output: Output, asked: Asked) => void
}

/** An action that is refused, with the reason. */
export type Unsupported = { readonly unsupported: string }

export type Rows<A extends Action = Action> = { readonly [Name in A]: Row<Name> | Unsupported }

// --------------------------------------------------------------------------------------------------- words for members

export const as = (name: string, written: (value: unknown, given: Given) => unknown): Take => ({ as: name, written })
export const heeded = (how: string): Take => ({ heeded: how })
export const refused = (why: string, code?: string): Take =>
  code === undefined ? { refused: why } : { refused: why, code }
export const never = (why: string): Give => ({ never: why })

export const grantTokens = heeded('grants it points at count')
export const dryRun = heeded('everything is checked, nothing is done')
export const recipient = refused(
  'Recipient needs the attestation of an AWS Nitro enclave or NitroTPM to be verified; that is out of reach outside of AWS. Leave it out.',
)
export const forRecipient = never('only with a Recipient')

export const base64 =
  (member: string): Give =>
  (output) =>
    output[member] === undefined ? undefined : encodeBase64(output[member] as Uint8Array)

/** Epoch seconds; JSON numbers with a fraction, as AWS sends them. */
export function seconds(at: unknown): number | undefined {
  return at === undefined ? undefined : (at as Instant) / 1000
}
export const secondsOf =
  (member: string): Give =>
  (output) =>
    seconds(output[member])

export const arnOf =
  (member: string, named: KeyMember = 'KeyId'): Give =>
  (output, { arn }) =>
    arn(output[member] as string, named)

export const materialIdOf =
  (member: string): Give =>
  (output) =>
    output[member] === undefined ? undefined : keyMaterialIdOf(output[member] as string)

/** A member of the request, said again. */
export const echoed =
  (member: string, otherwise?: unknown): Give =>
  (_, { given }) =>
    given[member] ?? otherwise

/** The words of AWS for a list that goes on. */
export const nextMarker: Give = 'nextMarker'
export const truncated: Give = (output) => output.nextMarker !== undefined

/** As many as the caller wants, as few as AWS would give where they do not say; a longer page is cut, and goes on. */
export function pageOf(usual: number, most: number): (given: Given) => { readonly limit: number } {
  return (given) => ({ limit: Math.min((given.Limit as number | undefined) ?? usual, most) })
}
export const limit = heeded('a page is at most as long')

// ------------------------------------------------------------------------------------------------------------ compiled

export type Reading = {
  readonly operation: string
  /** Canonical JSON. */
  readonly input: Given
  readonly grantTokens: readonly string[]
  readonly dryRun: boolean | 'rights'
}

/** A row, made ready to be run through on every request. */
export type Bound = {
  readonly action: Action
  /** Throws `InvalidRequest` with AWS's own words. */
  readonly validate: Validator
  /** Where the reading fails, the operation that the refusal is put on record for. */
  readonly usualOperation: string
  read(given: Given): Reading
  /** The body of the answer. */
  write(output: unknown, asked: Asked): string
}

const keyMembers = ['KeyId', 'TargetKeyId', 'SourceKeyId', 'DestinationKeyId'] as const
type KeyMember = (typeof keyMembers)[number]
const noTokens: readonly string[] = []

export function bind<A extends Action>(action: A, row: Row<A>): Bound {
  const { in: members, emptyBody } = model.operations[action]
  const takes = Object.entries<Take>(row.takes)
  const gives = Object.entries<Give>(row.gives).flatMap(([member, give]) =>
    typeof give === 'object' ? [] : [{ begin: `${JSON.stringify(member)}:`, give }],
  )
  const nameOf = typeof row.operation === 'string' ? () => row.operation as string : row.operation
  return {
    action,
    validate: validatorFor(members),
    usualOperation: nameOf({}),
    read(given) {
      const input: Record<string, unknown> = {}
      for (const [member, take] of takes) {
        const value = given[member]
        if (value === undefined) continue
        if (typeof take === 'string') input[take] = value
        else if ('as' in take) {
          const written = take.written(value, given)
          if (written !== undefined) input[take.as] = written
        } else if ('refused' in take) throw refusal(take.code ?? 'UnsupportedOperationException', take.refused)
      }
      if (row.aliases === undefined) requireNoAlias(given)
      return {
        operation: nameOf(given),
        input: row.also === undefined ? input : { ...input, ...row.also(given) },
        grantTokens: (given.GrantTokens as readonly string[] | undefined) ?? noTokens,
        dryRun: given.CiphertextBlob === undefined && ignoresCiphertext(given) ? 'rights' : given.DryRun === true,
      }
    },
    write(output, asked) {
      const source = output as Output
      row.afterwards?.(source, asked)
      if (emptyBody === true) return ''
      // As JSON.stringify would write the object, which need not be made.
      let answer = ''
      for (const { begin, give } of gives) {
        const value = JSON.stringify(typeof give === 'string' ? source[give] : give(source, asked))
        if (value !== undefined) answer += `${answer === '' ? '{' : ','}${begin}${value}`
      }
      return answer === '' ? '{}' : `${answer}}`
    },
  }
}

/** With DryRun a caller may ask about a key without having a ciphertext of it. */
export function ignoresCiphertext(given: Given): boolean {
  return (given.DryRunModifiers as readonly string[] | undefined)?.includes('IGNORE_CIPHERTEXT') === true
}

function requireNoAlias(given: Given): void {
  for (const member of keyMembers) {
    const text = given[member]
    if (typeof text === 'string' && (text.startsWith('alias/') || text.includes(':alias/')))
      throw refusal('NotFoundException', `Invalid keyId '${text}'`)
  }
}

const foreignName = /^arn:aws:kms:([^:]+):([^:]+):(key|alias)\/(.+)$/

/**
 * Resource names of the keys that a request named. Another account's key is always named by its own resource name, or by
 * that of its alias; so the account is found there, in the member that is said or in any.
 */
export function arnsOf(given: Given, own: { readonly account: string; readonly region: string }): Asked['arn'] {
  return (keyId, member) => {
    for (const name of member === undefined ? keyMembers : [member]) {
      const text = given[name]
      if (typeof text !== 'string' || !text.startsWith('arn:')) continue
      const [, region, account, kind, id] = foreignName.exec(text) ?? []
      if (region !== undefined && account !== undefined && (kind === 'alias' || id === keyId))
        return keyArn({ region, account, keyId })
    }
    return keyArn({ ...own, keyId })
  }
}

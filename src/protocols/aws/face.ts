/** The AWS KMS protocol: JSON 1.1 over POST, signed with Signature Version 4. What it does is in the table of actions. */
import { andThen } from '../../domain/awaitable.ts'
import { Problem, problem } from '../../domain/errors.ts'
import type { Caller } from '../../domain/principal.ts'
import { type Call, invoke, type Service } from '../../invoke.ts'
import type { AnyOperation, Differences } from '../../operations/operation.ts'
import { decodeBase64 } from '../../operations/shapes.ts'
import type { Authenticator } from '../authenticator.ts'
import { type Face, type HttpAnswer, type HttpRequest, header, type Limits, parseJson } from '../http.ts'
import { actions } from './actions.ts'
import { arnsOf, type Bound, bind, type Reading, type Row, type Unsupported } from './binding.ts'
import { answerHeadersFor, errorAnswer, type Failed, refusal } from './errors.ts'
import { type Action, actionNames, model, typeFacts } from './model.ts'
import { identityAnswer, identityError } from './security-token-service.ts'
import { isSigned, openSignatureCheck, type SignatureClaim } from './signature.ts'
import { type Given, notSerializable, validatorFor } from './validation.ts'

export type AwsOptions = {
  readonly service: Service
  readonly operations: readonly AnyOperation[]
  readonly authenticator: Authenticator
  readonly limits: Limits
}

/** What AWS does otherwise than the core. */
const differences: Differences = {
  importsEverySpec: true,
  importsNewMaterial: true,
  cancelledDeletionDisables: true,
  deletesWithoutAsking: true,
  newestVersionServes: true,
  limitsOnDemandRotations: true,
}

const targetPrefix = 'TrentService.'
const kms = 'kms'
const sts = 'sts'

export function awsFace(options: AwsOptions): Face {
  const { service, operations, authenticator, limits } = options
  const { world } = service
  const signatures = openSignatureCheck({ authenticator, clock: world.clock })
  const operationsByName = new Map(operations.map((operation) => [operation.name, operation] as const))
  const bound = new Map<string, Bound | Refusing>(actionNames.map((action) => [action, boundOrRefusing(action)]))
  const identity = operationNamed('GetCallerIdentity')

  function operationNamed(name: string): AnyOperation {
    const operation = operationsByName.get(name)
    if (operation === undefined) throw new Error(`there is no operation ${name}`)
    return operation
  }

  /** Who signed the request; noted in `seen` once that is proved. */
  function authenticate(request: HttpRequest, claim: SignatureClaim, serviceName: string, seen: Seen) {
    if (claim.service !== serviceName)
      throw problem('SignatureMismatch', {
        message: `Credential should be scoped to correct service: '${serviceName}'.`,
      })
    const signed = signatures.verify(request, claim)
    const caller = andThen(signed, ({ credential }) => authenticator.callerOf(credential))
    return andThen(caller, (known) => {
      seen.caller = known
      return known
    })
  }

  async function answer(request: HttpRequest): Promise<HttpAnswer> {
    if (isForm(request)) return identify(request)
    const seen: Seen = {}
    try {
      const action = actionOf(request)
      seen.action = action
      const entry = bound.get(action)
      if (entry === undefined) throw refusal('UnknownOperationException', `There is no action ${action}.`)
      const claim = signatures.readClaim(request)
      const given = parsed(request, limits)
      if ('unsupported' in entry) {
        await authenticate(request, claim, kms, seen)
        entry.validate(given)
        throw refusal('UnsupportedOperationException', entry.unsupported)
      }
      const named = isObject(given) ? given : {}
      seen.region = claim.region
      seen.named = named
      const output = await invoke(service, calling(entry, given, request, claim, seen))
      const { account } = seen.caller as Caller
      const { region } = claim
      const body = entry.write(output, { given: named, account, region, arn: arnsOf(named, { account, region }) })
      return { status: 200, headers: answerHeadersFor(request.requestId), body, operation: action, outcome: 'ok' }
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      return errorAnswer(error, failedOf(request, seen))
    }
  }

  function calling(entry: Bound, given: unknown, request: HttpRequest, claim: SignatureClaim, seen: Seen): Call {
    let reading: Reading | undefined
    let unreadable: unknown
    try {
      reading = entry.read(entry.validate(given))
    } catch (error) {
      unreadable = error
    }
    const call: Call = {
      requestId: request.requestId,
      protocol: 'aws',
      operation: operationNamed(reading?.operation ?? entry.usualOperation),
      input: reading?.input,
      region: claim.region,
      sourceAddress: request.sourceAddress,
      secureTransport: request.secure,
      authenticate: () => authenticate(request, claim, kms, seen),
      differences,
      grantTokens: reading?.grantTokens ?? [],
      dryRun: reading?.dryRun ?? false,
    }
    if (reading !== undefined) return call
    // It was read now, since it says which operation is meant; it is refused once it is known who asks, and on record.
    return {
      ...call,
      get input(): unknown {
        throw unreadable
      },
    }
  }

  /** STS: only who the caller is. */
  async function identify(request: HttpRequest): Promise<HttpAnswer> {
    const seen: Seen = { action: 'GetCallerIdentity' }
    try {
      const form = new URLSearchParams(Buffer.from(request.body).toString('latin1'))
      const asked = form.get('Action') ?? ''
      const claim = signatures.readClaim(request)
      if (asked !== 'GetCallerIdentity')
        throw refusal(
          'UnknownOperationException',
          `There is no action ${JSON.stringify(asked.slice(0, 64))} here: of STS only GetCallerIdentity, and of KMS the JSON 1.1 protocol.`,
        )
      await invoke(service, {
        requestId: request.requestId,
        protocol: 'aws',
        operation: identity,
        input: {},
        region: claim.region,
        sourceAddress: request.sourceAddress,
        secureTransport: request.secure,
        authenticate: () => authenticate(request, claim, sts, seen),
        differences,
      })
      return identityAnswer(seen.caller as Caller, request.requestId)
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      return identityError(error, failedOf(request, seen))
    }
  }

  return {
    name: 'aws',
    takes: (request) => request.path === '/' && (header(request, 'x-amz-target') !== undefined || isSigned(request)),
    answer,
    refuse: (request, error) => {
      const shown = error instanceof Problem ? error : problem('Internal', { mend: `Reference: ${request.requestId}.` })
      const failed = failedOf(request, {})
      return isForm(request) ? identityError(shown, failed) : errorAnswer(shown, failed)
    },
  }
}

type Refusing = Unsupported & { readonly validate: Bound['validate'] }

function boundOrRefusing<A extends Action>(action: A): Bound | Refusing {
  const row: Row<A> | Unsupported = actions[action]
  if (!('unsupported' in row)) return bind(action, row)
  return { ...row, validate: validatorFor(model.operations[action].in) }
}

function isForm(request: Pick<HttpRequest, 'headers'>): boolean {
  return (
    header(request, 'x-amz-target') === undefined &&
    header(request, 'content-type')?.startsWith('application/x-www-form-urlencoded') === true
  )
}

function actionOf(request: HttpRequest): string {
  if (request.method !== 'POST')
    throw refusal('UnknownOperationException', 'AWS KMS is asked by POST, with the header X-Amz-Target.')
  const target = header(request, 'x-amz-target')
  if (target === undefined || !target.startsWith(targetPrefix))
    throw refusal('UnknownOperationException', 'The header X-Amz-Target must be TrentService.ACTION.')
  return target.slice(targetPrefix.length, targetPrefix.length + 128)
}

function parsed(request: HttpRequest, limits: Limits): unknown {
  if (request.body.length === 0) return {}
  try {
    return parseJson(request.body, limits)
  } catch (error) {
    if (error instanceof Problem && error.code === 'InvalidRequest') throw notSerializable(error.message)
    throw error
  }
}

function isObject(value: unknown): value is Given {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Long enough to be no word that somebody signs. */
const shortestBase64 = 24

/** A blob of the request that holds base64 text where bytes are meant; a plaintext may be such text. */
function twiceEncodedMember(action: Action, given: Given): string | undefined {
  const isBlob = (type: string) => typeFacts(type.replace('!', ''))?.t === 'blob'
  return Object.entries(model.operations[action].in)
    .filter(([name, type]) => isBlob(type) && name !== 'Plaintext' && name !== 'Message')
    .map(([name]) => name)
    .find((name) => {
      const text = Buffer.from(String(given[name] ?? ''), 'base64').toString('latin1')
      return text.length >= shortestBase64 && decodeBase64(text) !== undefined
    })
}

/** What is known of a request so far, for the answer and for its refusal. */
type Seen = {
  action?: string
  region?: string
  /** The members of the body. */
  named?: Given
  caller?: Caller
}

function failedOf({ requestId }: Pick<HttpRequest, 'requestId'>, { action, region, named, caller }: Seen): Failed {
  if (named === undefined || region === undefined) return { requestId, action, keyArn: (keyId) => keyId }
  return {
    requestId,
    action,
    region,
    twiceEncoded: () => twiceEncodedMember(action as Action, named),
    algorithm: (named.EncryptionAlgorithm ?? 'SYMMETRIC_DEFAULT') as string,
    keyArn: arnsOf(named, { account: caller?.account ?? '', region }),
  }
}

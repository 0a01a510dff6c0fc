/**
 * The face of Alibaba Cloud KMS, API version 2016-01-20, RPC style: everything on `/`, by GET or POST, the action and its
 * parameters in the query or a form. One request is one call of `invoke`, like at every face.
 */
import { Problem, problem } from '../../domain/errors.ts'
import type { World } from '../../domain/ports.ts'
import { invoke, type Service } from '../../invoke.ts'
import type { AnyOperation } from '../../operations/operation.ts'
import type { Authenticator } from '../authenticator.ts'
import { encoderFor, pascalCase } from '../dialect.ts'
import { type Face, type HttpAnswer, type HttpRequest, header, type Limits } from '../http.ts'
import { type Binding, dialect } from './action.ts'
import { actions } from './actions/index.ts'
import { type Format, problemAnswer, successAnswer } from './answer.ts'
import { type Members, membersOf, readBoolean } from './members.ts'
import { openNonces, type SpendNonce, sharedNonces } from './nonces.ts'
import { ownOperations } from './own-operations.ts'
import { firstPage, type PageWish, pagedCall, pageWish } from './pages.ts'
import { allParameters, isForm, type Parameters, queryParameters } from './parameters.ts'
import { regionOf } from './region.ts'
import { isAcs3, readAcs3 } from './signature-acs3.ts'
import { readV1 } from './signature-v1.ts'
import { callerOfSignature } from './signed.ts'

export type AlibabaOptions = {
  readonly service: Service
  readonly operations: readonly AnyOperation[]
  readonly authenticator: Authenticator
  readonly limits: Limits
  /** The region of requests that name none, neither by RegionId nor by the host. */
  readonly defaultRegion: string
  /** Where several processes serve: nonces are kept by one for all of them. */
  readonly spendNonce?: SpendNonce | undefined
}

const apiVersion = '2016-01-20'

export function alibabaFace(options: AlibabaOptions): Face {
  const { service, authenticator, limits, defaultRegion } = options
  const { clock } = service.world
  const operations = new Map(
    [...options.operations, ...ownOperations(defaultRegion)].map((operation) => [operation.name, operation]),
  )
  const encoders = new Map([...operations.values()].map((one) => [one.name, encoderFor(one.output, dialect)]))
  const { onceOnly } = service.world
  const spendNonce = options.spendNonce ?? (onceOnly === undefined ? openNonces().use : sharedNonces(onceOnly))

  async function answer(request: HttpRequest): Promise<HttpAnswer> {
    // Known step by step, so that an error at any of them is answered in the format and the words that fit.
    let format: Format = 'JSON'
    let binding: Binding | undefined
    let operation: AnyOperation | undefined
    try {
      if (request.method !== 'GET' && request.method !== 'POST') throw problem('MethodNotAllowed')
      const query = queryParameters(request)
      const parameters = allParameters(query, request)
      format = formatOf(parameters)
      const asked = askedOf(request, parameters)
      binding = asked.binding
      operation = operations.get(binding.operation)
      if (operation === undefined) throw problem('UnsupportedOperation', { message: 'This build lacks the operation.' })
      const region = regionOf(request, parameters, defaultRegion)
      const bound = bind(binding, operation, { parameters, limits, devices: service.world.devices })
      const output = await invoke(service, {
        requestId: request.requestId,
        protocol: 'alibaba',
        operation: bound.operation,
        // Read once the caller is known, so that the record of a malformed request says whose it was.
        get input() {
          return bound.readInput()
        },
        region,
        sourceAddress: request.sourceAddress,
        secureTransport: request.secure,
        dryRun: readBoolean(parameters.get('DryRun') || 'false', 'DryRun'),
        ...(binding.differences === undefined ? {} : { differences: binding.differences }),
        authenticate: async () =>
          callerOfSignature(
            { authenticator, clock, spendNonce },
            asked.acs3 ? readAcs3(request, query) : readV1(request.method, parameters),
          ),
      })
      const encoded = encoders.get(binding.operation)?.(output) as Members
      return successAnswer(bound.answer(encoded), format, request.requestId, operation.name)
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      return problemAnswer(error, {
        request,
        format,
        parameterOf: (member) => parameterOf(binding, member),
        rewording: binding?.rewording,
        operation: operation?.name,
      })
    }
  }

  return {
    name: 'alibaba',
    takes,
    answer,
    refuse: (request, error) =>
      problemAnswer(
        error instanceof Problem ? error : problem('Internal', { mend: `Reference: ${request.requestId}.` }),
        { request, format: 'JSON', parameterOf: (member) => member },
      ),
  }
}

/** Everything on `/` that names an action in a way of this cloud, and nothing that is signed for the other one. */
const takes: Face['takes'] = ({ method, path, query, headers }) => {
  if (path !== '/') return false
  if (headers['x-amz-target'] !== undefined || headers['x-amz-date'] !== undefined) return false
  if (header({ headers }, 'authorization')?.startsWith('AWS4-') || /(?:^|&)X-Amz-/i.test(query)) return false
  if (headers['x-acs-action'] !== undefined || headers['x-acs-version'] !== undefined) return true
  if (/(?:^|&)(?:Action|SignatureVersion)=/.test(query)) return true
  return method === 'POST' && isForm(header({ headers }, 'content-type'))
}

function formatOf(parameters: Parameters): Format {
  const format = (parameters.get('Format') || 'JSON').toUpperCase()
  if (format === 'JSON' || format === 'XML') return format
  throw problem('InvalidRequest', { member: 'Format', message: 'Format must be JSON or XML.' })
}

/** The newer signature names action and version in headers, the older in parameters; each only where it is signed. */
function askedOf(request: HttpRequest, parameters: Parameters): { readonly binding: Binding; readonly acs3: boolean } {
  const acs3 = isAcs3(request)
  const name = acs3 ? header(request, 'x-acs-action') : parameters.get('Action')
  if (name === undefined || name === '')
    throw problem('InvalidRequest', { member: 'Action', message: 'Action is needed.', facts: { missing: true } })
  const version = acs3 ? header(request, 'x-acs-version') : parameters.get('Version')
  if (version !== apiVersion)
    throw problem('InvalidRequest', { member: 'Version', message: `Version must be ${apiVersion}.` })
  const action = actions.get(name)
  if (action === undefined) throw problem('NotFound', { message: `There is no action of this name in ${apiVersion}.` })
  if ('unsupported' in action) throw problem('UnsupportedOperation', { message: action.unsupported })
  return { binding: action, acs3 }
}

type Bound = {
  readonly operation: AnyOperation
  /** The members of our input. Throws where the parameters are not those of the action. */
  readInput(): Members
  /** Once the input was read and the operation has answered. */
  answer(encoded: Members): Members
}

/** One action and the parameters of one request. */
function bind(
  { parameters: declared, input, list, answer }: Binding,
  operation: AnyOperation,
  request: { readonly parameters: Parameters; readonly limits: Limits } & Pick<World, 'devices'>,
): Bound {
  let members: Members = {}
  const read = () => {
    members = membersOf(declared, request.parameters, request.limits)
    return input === undefined ? members : input(members, request)
  }
  if (list === undefined) return { operation, readInput: read, answer: (encoded) => answer(encoded, members) }

  let wish: PageWish = firstPage
  let keep: (item: Members) => boolean = () => true
  const paged = pagedCall(operation, list.items, { wish: () => wish, keep: (item) => keep(item) })
  return {
    operation: paged.operation,
    readInput() {
      const { pageNumber, pageSize, ...others } = read()
      wish = pageWish(pageNumber, pageSize)
      keep = list.keep?.(members) ?? keep
      return others
    },
    answer(encoded) {
      const items = encoded[pascalCase(list.items)] as readonly Members[]
      return {
        [list.member]: { [list.element]: items.map((item) => answer(item, members)) },
        TotalCount: paged.total(),
        PageNumber: wish.number,
        PageSize: wish.size,
      }
    },
  }
}

/** What the request calls a member that a problem names by our name. */
function parameterOf(binding: Binding | undefined, member: string): string {
  const [first = ''] = member.split('.')
  const found = Object.entries(binding?.parameters ?? {}).find(([, parameter]) => parameter.member === first)
  return found === undefined ? pascalCase(member) : found[0]
}

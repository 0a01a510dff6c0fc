/**
 * Requests to the proxies of external key stores, over HTTPS, signed, to addresses that the operator has allowed and to no
 * others (security rule 16). No redirect is followed, and no answer may be large or slow.
 */
import { Agent, request as httpsRequest } from 'node:https'
import { type Problem, problem } from '../../domain/errors.ts'
import { keyStoreSecretPurpose, type ProxyFailure, proxyFailed } from '../../domain/key-store.ts'
import type { Clock, KeyStoreAddress, OnBehalf, Sealer } from '../../domain/ports.ts'
import { signatureHeaders } from './signature.ts'

/** An answer has 4,300 bytes of ciphertext at the most, base64, and a little more. */
const longestAnswer = 65_536

export type ProxyNeeds = {
  readonly sealer: Pick<Sealer, 'open'>
  readonly clock: Pick<Clock, 'wall'>
  readonly allowedEndpoints: readonly string[]
  /** PEM; those of the system without it. */
  readonly authorities?: string | undefined
  readonly timeoutMs: number
}

export type Proxy = {
  /** The members of the answer. `path` is appended to that of the store. */
  ask(store: KeyStoreAddress, path: string, body: Readonly<Record<string, unknown>>): Promise<Members>
  close(): void
}

export type Members = Readonly<Record<string, unknown>>

export function openProxy(needs: ProxyNeeds): Proxy {
  const { sealer, clock, allowedEndpoints, authorities, timeoutMs } = needs
  const agent = new Agent({
    keepAlive: true,
    maxSockets: 64,
    minVersion: 'TLSv1.2',
    ...(authorities === undefined ? {} : { ca: authorities }),
  })

  function post(store: KeyStoreAddress, path: string, body: Uint8Array): Promise<Answer> {
    const url = new URL(`${store.proxy.endpoint}${store.proxy.path}${path}`)
    const secret = sealer.open(keyStoreSecretPurpose(store, store.keyStoreId), store.proxy.sealedSecret)
    const { accessKeyId } = store.proxy
    const { region } = store
    const signed = signatureHeaders({
      accessKeyId,
      secret,
      region,
      host: url.host,
      path: url.pathname,
      body,
      at: clock.wall(),
    })
    secret.fill(0)
    return new Promise((resolve, reject) => {
      const request = httpsRequest(url, {
        method: 'POST',
        agent,
        headers: { ...signed, 'content-type': 'application/json', 'content-length': body.length },
        signal: AbortSignal.timeout(timeoutMs),
      })
      request.on('error', (error: NodeJS.ErrnoException) => {
        // The proxy had closed a connection that was kept for it: nothing was answered on it.
        if (request.reusedSocket && error.code === 'ECONNRESET') post(store, path, body).then(resolve, reject)
        else reject(proxyFailed(failureOf(error), error))
      })
      request.on('response', (response) => {
        const chunks: Buffer[] = []
        let length = 0
        response.on('data', (chunk: Buffer) => {
          length += chunk.length
          if (length > longestAnswer) request.destroy(new Error('the answer of the proxy is too long'))
          else chunks.push(chunk)
        })
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }))
        response.on('error', (error) => reject(proxyFailed(failureOf(error), error)))
      })
      request.end(body)
    })
  }

  return {
    async ask(store, path, body) {
      if (!allowedEndpoints.includes(store.proxy.endpoint)) throw notAllowed(store.proxy.endpoint, allowedEndpoints)
      const answer = await post(store, path, Buffer.from(JSON.stringify(body)))
      const members = membersOf(answer.body)
      if (answer.status === 200 && members !== undefined) return members
      throw refusalOf(typeof members?.errorName === 'string' ? members.errorName : '')
    },
    close: () => agent.destroy(),
  }
}

type Answer = { readonly status: number; readonly body: Buffer }

function notAllowed(endpoint: string, allowed: readonly string[]): Problem {
  return problem('KeyStoreAddressNotAllowed', {
    member: 'endpoint',
    message: `The operator of this service has not allowed the address ${endpoint}.`,
    mend:
      allowed.length === 0
        ? 'No external key stores are set up here: let the operator name the address in the setting xks_endpoints.'
        : `Use one of ${allowed.join(', ')}, or let the operator add it to the setting xks_endpoints.`,
  })
}

/** Certificates that are not good, and what is no TLS at all. */
const ofTls = /^(?:CERT_|ERR_TLS|ERR_SSL|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH|EPROTO)/

function failureOf(error: NodeJS.ErrnoException): ProxyFailure {
  const { code = '', name } = error
  if (name === 'TimeoutError' || name === 'AbortError' || code === 'ETIMEDOUT') return 'TimedOut'
  if (ofTls.test(code)) return 'InvalidTls'
  return code === '' || code.startsWith('HPE_') ? 'InvalidResponse' : 'NotReachable'
}

function membersOf(body: Buffer): Members | undefined {
  try {
    const value = JSON.parse(body.toString('utf8')) as unknown
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Members) : undefined
  } catch {
    return undefined
  }
}

const byErrorName: Readonly<Record<string, ProxyFailure>> = {
  AuthenticationFailedException: 'NotAuthenticated',
  AccessDeniedException: 'AccessDenied',
  InvalidUriPathException: 'InvalidPath',
  ThrottlingException: 'Throttled',
  UnsupportedOperationException: 'UnsupportedOperation',
  DependencyTimeoutException: 'TimedOut',
  InternalException: 'ManagerUnavailable',
}

/** The text of the proxy stays here: only its name for the error is heeded, as the API has it. */
function refusalOf(errorName: string): Problem {
  switch (errorName) {
    case 'KeyNotFoundException':
      return problem('ExternalKeyNotFound', {
        message: 'The external key manager has no key of this id.',
        mend: 'See to the id. A key that was made with a wrong one is made anew.',
      })
    case 'InvalidStateException':
      return problem('ExternalKeyUnfit', {
        message: 'The external key is not enabled in its key manager.',
        mend: 'Enable it there, and try again.',
      })
    case 'InvalidKeyUsageException':
      return problem('ExternalKeyUnfit', {
        message: 'The external key does not support the operation.',
        mend: 'Let it encrypt and decrypt, in its key manager, and try again.',
      })
    case 'InvalidCiphertextException':
      return problem('InvalidCiphertext', {
        message:
          'The external key store proxy rejected the request because the ciphertext or the encryption context is corrupted, missing, or otherwise invalid.',
        facts: { external: true },
      })
    default:
      return proxyFailed(byErrorName[errorName] ?? 'InvalidResponse')
  }
}

/** What every request says of the one that it comes from. */
export function requestMetadata({ principalArn, operation, requestId }: OnBehalf): Members {
  return { awsPrincipalArn: principalArn, kmsOperation: operation, kmsRequestId: requestId }
}

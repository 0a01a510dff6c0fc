/**
 * External key stores: keys whose second half lies in a key manager of their owner's, outside of this service, behind a
 * proxy that speaks the AWS KMS External Key Store (XKS) Proxy API, version 1.
 */
import { type Problem, problem } from './errors.ts'
import type { Scope } from './scope.ts'
import type { Instant } from './time.ts'

/** Where the proxy is, and how requests to it are signed. */
export type KeyStoreProxy = {
  /** `https://HOST` or `https://HOST:PORT`. */
  readonly endpoint: string
  /** `/kms/xks/v1`, with or without something before it. */
  readonly path: string
  readonly accessKeyId: string
  /** Sealed for `keyStoreSecretPurpose`. */
  readonly sealedSecret: string
}

export type KeyStore = {
  /** `cks-` and 17 hex digits. */
  readonly keyStoreId: string
  /** Unique in its account and region. */
  readonly name: string
  readonly proxy: KeyStoreProxy
  readonly connection:
    | { readonly is: 'CONNECTED' }
    | { readonly is: 'DISCONNECTED' }
    | { readonly is: 'FAILED'; readonly failure: ProxyFailure }
  readonly createdAt: Instant
}

/** All key stores of an account and region, so few that they are one record: whatever is unique among them stays so. */
export type KeyStores = Scope & { readonly revision: number; readonly stores: readonly KeyStore[] }

/** Which key of which key store. */
export type ExternalKey = { readonly keyStoreId: string; readonly externalKeyId: string }

export function keyStoreSecretPurpose({ account, region }: Scope, keyStoreId: string): readonly string[] {
  return ['key-store-secret', account, region, keyStoreId]
}

/** What can go wrong between this service and a proxy, with what its owner can do about it. */
export const proxyFailures = {
  NotReachable:
    'The external key store proxy cannot be reached. This may pass; if it does not, see that the proxy runs, and that the endpoint of the key store is right.',
  InvalidTls:
    'No TLS connection to the external key store proxy can be made. See to its certificate: it must be valid for the host of the endpoint, and be signed by an authority that the operator trusts (xks_ca).',
  TimedOut:
    'The external key store proxy did not respond in time. Try again; if it stays so, tell whoever runs the proxy.',
  Throttled: 'The external key store proxy rejected the request because of a very high request rate. Ask less often.',
  NotAuthenticated:
    'The external key store proxy does not accept the signature of the request. See to the access key of the key store, and to the clocks.',
  AccessDenied:
    'The external key store proxy denied access to the operation. See that the principal and the external key are authorized there.',
  InvalidPath: 'The external key store proxy does not know the URI path. See to the path of the key store.',
  InvalidResponse:
    'The response of the external key store proxy cannot be interpreted. If it stays so, tell whoever runs the proxy.',
  UnsupportedOperation:
    'The external key store proxy does not support the requested operation. If it stays so, tell whoever runs the proxy.',
  ManagerUnavailable:
    'The external key store proxy cannot use its external key manager. See that the key manager is there and the proxy is set up right.',
} as const

export type ProxyFailure = keyof typeof proxyFailures

export function proxyFailed(failure: ProxyFailure, cause?: unknown): Problem {
  return problem('KeyStoreProxyFailed', { message: proxyFailures[failure], facts: { failure }, cause })
}

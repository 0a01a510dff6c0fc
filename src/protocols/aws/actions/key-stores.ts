import type { ProxyFailure } from '../../../domain/key-store.ts'
import { encodeBase64 } from '../../../operations/shapes.ts'
import { heeded, type Output, type Rows, refused, seconds } from '../binding.ts'
import { refusal } from '../errors.ts'
import type { Given } from '../validation.ts'

/** How AWS calls what kept a store from being connected. */
export const connectionErrors: Readonly<Record<ProxyFailure, string>> = {
  NotReachable: 'XKS_PROXY_NOT_REACHABLE',
  InvalidTls: 'XKS_PROXY_INVALID_TLS_CONFIGURATION',
  TimedOut: 'XKS_PROXY_TIMED_OUT',
  Throttled: 'XKS_PROXY_NOT_REACHABLE',
  NotAuthenticated: 'INVALID_CREDENTIALS',
  AccessDenied: 'XKS_PROXY_ACCESS_DENIED',
  InvalidPath: 'XKS_PROXY_INVALID_CONFIGURATION',
  InvalidResponse: 'XKS_PROXY_INVALID_RESPONSE',
  UnsupportedOperation: 'XKS_PROXY_INVALID_RESPONSE',
  ManagerUnavailable: 'INTERNAL_ERROR',
}

const unsupported = 'UnsupportedOperationException'
export const noCloudHsm =
  'There are no CloudHSM key stores here: keys of protection level HSM are made through the PKCS#11 module that the operator configures.'
const noVpc = 'There are no VPC endpoint services here: the proxy is reached at its address, by PUBLIC_ENDPOINT.'

const connectivity = heeded('only PUBLIC_ENDPOINT')

type Credential = { readonly AccessKeyId: string; readonly RawSecretAccessKey: string }

/** The access key of the proxy; the secret is text there, and bytes here. */
function credentialOf(given: Given): Given {
  if (given.XksProxyConnectivity === 'VPC_ENDPOINT_SERVICE') throw refusal(unsupported, noVpc)
  const credential = given.XksProxyAuthenticationCredential as Credential | undefined
  return credential === undefined
    ? {}
    : {
        accessKeyId: credential.AccessKeyId,
        secretAccessKey: encodeBase64(Buffer.from(credential.RawSecretAccessKey)),
      }
}

const neededOfExternal = [
  'XksProxyConnectivity',
  'XksProxyUriEndpoint',
  'XksProxyUriPath',
  'XksProxyAuthenticationCredential',
]

function storeEntry(output: Output): Output {
  const failure = output.connectionFailure as ProxyFailure | undefined
  return {
    CustomKeyStoreId: output.keyStoreId,
    CustomKeyStoreName: output.name,
    CustomKeyStoreType: 'EXTERNAL_KEY_STORE',
    ConnectionState: output.connectionState,
    ConnectionErrorCode: failure === undefined ? undefined : connectionErrors[failure],
    CreationDate: seconds(output.createdAt),
    XksProxyConfiguration: {
      Connectivity: 'PUBLIC_ENDPOINT',
      AccessKeyId: output.accessKeyId,
      UriEndpoint: output.endpoint,
      UriPath: output.path,
    },
  }
}

const noPages = refused(
  'There are ten key stores at the most, so there is no page that a marker could point to.',
  'InvalidMarkerException',
)

export const keyStores = {
  CreateCustomKeyStore: {
    operation: 'CreateCustomKeyStore',
    takes: {
      CustomKeyStoreName: 'name',
      CloudHsmClusterId: refused(noCloudHsm),
      TrustAnchorCertificate: refused(noCloudHsm),
      KeyStorePassword: refused(noCloudHsm),
      CustomKeyStoreType: heeded('EXTERNAL_KEY_STORE; without it AWS means AWS_CLOUDHSM, and that is refused'),
      XksProxyUriEndpoint: 'endpoint',
      XksProxyUriPath: 'path',
      XksProxyVpcEndpointServiceName: refused(noVpc),
      XksProxyVpcEndpointServiceOwner: refused(noVpc),
      XksProxyAuthenticationCredential: heeded('signs the requests to the proxy; the secret is never shown again'),
      XksProxyConnectivity: connectivity,
    },
    also: (given) => {
      if ((given.CustomKeyStoreType ?? 'AWS_CLOUDHSM') === 'AWS_CLOUDHSM') throw refusal(unsupported, noCloudHsm)
      const missing = neededOfExternal.filter((member) => given[member] === undefined)
      if (missing.length > 0) throw refusal('ValidationException', `An external key store needs ${missing.join(', ')}.`)
      return credentialOf(given)
    },
    gives: { CustomKeyStoreId: (output) => (output.keyStore as Output).keyStoreId },
  },
  DescribeCustomKeyStores: {
    operation: 'DescribeCustomKeyStores',
    takes: {
      CustomKeyStoreId: 'keyStoreId',
      CustomKeyStoreName: 'name',
      Limit: heeded('there are ten at the most, so there is one page'),
      Marker: noPages,
    },
    gives: {
      CustomKeyStores: (output) => (output.keyStores as readonly Output[]).map(storeEntry),
      NextMarker: { never: 'there are ten at the most, so there is one page' },
      Truncated: () => false,
    },
  },
  UpdateCustomKeyStore: {
    operation: 'UpdateCustomKeyStore',
    takes: {
      CustomKeyStoreId: 'keyStoreId',
      NewCustomKeyStoreName: 'name',
      KeyStorePassword: refused(noCloudHsm),
      CloudHsmClusterId: refused(noCloudHsm),
      XksProxyUriEndpoint: 'endpoint',
      XksProxyUriPath: 'path',
      XksProxyVpcEndpointServiceName: refused(noVpc),
      XksProxyVpcEndpointServiceOwner: refused(noVpc),
      XksProxyAuthenticationCredential: heeded('signs the requests to the proxy; the secret is never shown again'),
      XksProxyConnectivity: connectivity,
    },
    also: credentialOf,
    gives: {},
  },
  DeleteCustomKeyStore: { operation: 'DeleteCustomKeyStore', takes: { CustomKeyStoreId: 'keyStoreId' }, gives: {} },
  ConnectCustomKeyStore: { operation: 'ConnectCustomKeyStore', takes: { CustomKeyStoreId: 'keyStoreId' }, gives: {} },
  DisconnectCustomKeyStore: {
    operation: 'DisconnectCustomKeyStore',
    takes: { CustomKeyStoreId: 'keyStoreId' },
    gives: {},
  },
} satisfies Partial<Rows>

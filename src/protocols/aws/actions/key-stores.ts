import type { Rows } from '../binding.ts'

export const noKeyStores =
  'This service has no custom key stores: keys live in its own store, or in the HSM that the operator configures.'
const unsupported = { unsupported: noKeyStores } as const

export const keyStores = {
  CreateCustomKeyStore: unsupported,
  DescribeCustomKeyStores: unsupported,
  UpdateCustomKeyStore: unsupported,
  DeleteCustomKeyStore: unsupported,
  ConnectCustomKeyStore: unsupported,
  DisconnectCustomKeyStore: unsupported,
} satisfies Partial<Rows>

/** The operations that the console calls. A name or a route that is not the operation's own does not compile. */
import type { listAliases as ListAliases } from '../../../src/operations/aliases/list-aliases.ts'
import type { createKey as CreateKey } from '../../../src/operations/keys/create-key.ts'
import type { describeKey as DescribeKey } from '../../../src/operations/keys/describe-key.ts'
import type { disableKey as DisableKey } from '../../../src/operations/keys/disable-key.ts'
import type { enableKey as EnableKey } from '../../../src/operations/keys/enable-key.ts'
import type { listKeys as ListKeys } from '../../../src/operations/keys/list-keys.ts'
import { type Answered, endpoint } from './client.ts'

export const listKeys = endpoint<typeof ListKeys>('ListKeys', 'GET /v1/keys')
export const createKey = endpoint<typeof CreateKey>('CreateKey', 'POST /v1/keys')
export const describeKey = endpoint<typeof DescribeKey>('DescribeKey', 'GET /v1/keys/{keyId}')
export const enableKey = endpoint<typeof EnableKey>('EnableKey', 'POST /v1/keys/{keyId}/enable')
export const disableKey = endpoint<typeof DisableKey>('DisableKey', 'POST /v1/keys/{keyId}/disable')
export const listAliases = endpoint<typeof ListAliases>('ListAliases', 'GET /v1/aliases')

export type KeyMetadata = Answered<typeof createKey>['key']
export type ListedKey = Answered<typeof listKeys>['keys'][number]

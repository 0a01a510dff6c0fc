/** The operations that are about how people sign in. */
import type {
  createSetupCode as CreateSetupCode,
  deletePasskey as DeletePasskey,
  listPasskeys as ListPasskeys,
} from '../../../../src/operations/access/passkeys.ts'
import type {
  endSession as EndSession,
  listSessions as ListSessions,
} from '../../../../src/operations/access/sessions.ts'
import { endpoint } from '../../api/client.ts'

export const createSetupCode = endpoint<typeof CreateSetupCode>(
  'CreateSetupCode',
  'POST /v1/principals/{principalName}/setup-codes',
  'access setup-code create',
)
export const listPasskeys = endpoint<typeof ListPasskeys>(
  'ListPasskeys',
  'GET /v1/principals/{principalName}/passkeys',
  'access passkey list',
)
export const deletePasskey = endpoint<typeof DeletePasskey>(
  'DeletePasskey',
  'DELETE /v1/principals/{principalName}/passkeys/{passkeyId}',
  'access passkey delete',
)
export const listSessions = endpoint<typeof ListSessions>(
  'ListSessions',
  'GET /v1/principals/{principalName}/sessions',
  'access session list',
)
export const endSession = endpoint<typeof EndSession>(
  'EndSession',
  'DELETE /v1/principals/{principalName}/sessions/{sessionId}',
  'access session end',
)

/** Key material of the caller's own (BYOK). */
import { problem } from '../../../domain/errors.ts'
import { formatInstant } from '../../../domain/time.ts'
import { type Binding, nothing } from '../action.ts'
import { changesState } from '../errors.ts'
import { integer, invalid, required, text, word } from '../members.ts'
import { wrappingKeySpecWords } from '../words.ts'

const keyId = required(text('keyId'))
/** The year 9999: later, no instant can be written. */
const latestUnixSeconds = 253_402_300_799

export const materialActions = {
  GetParametersForImport: {
    operation: 'GetParametersForImport',
    parameters: {
      KeyId: keyId,
      WrappingAlgorithm: required(text('wrappingAlgorithm')),
      WrappingKeySpec: required(word('wrappingKeySpec', wrappingKeySpecWords)),
    },
    differences: { importsUnderPkcs1: true },
    answer: ({ KeyId, ImportToken, PublicKey, ExpiresAt }) => ({
      KeyId,
      ImportToken,
      PublicKey,
      TokenExpireTime: ExpiresAt,
    }),
  },
  ImportKeyMaterial: {
    operation: 'ImportKeyMaterial',
    parameters: {
      KeyId: keyId,
      EncryptedKeyMaterial: required(text('encryptedKeyMaterial')),
      ImportToken: required(text('importToken')),
      // Its SDKs say that it is needed, its documentation that it may be left out.
      KeyMaterialExpireUnix: integer('materialExpiresAt'),
    },
    differences: { importsUnderPkcs1: true },
    input: ({ materialExpiresAt, ...members }) => {
      const seconds = (materialExpiresAt as number | undefined) ?? 0
      if (seconds === 0) return members
      if (seconds < 0 || seconds > latestUnixSeconds)
        throw invalid('KeyMaterialExpireUnix', 'KeyMaterialExpireUnix must be seconds since 1970, or 0 for never.')
      return { ...members, materialExpiresAt: formatInstant(seconds * 1000) }
    },
    answer: ({ Status }) => {
      // There is no word for it in this cloud's answer, and a bare success would say that the key is ready.
      if (Status === 'PendingApproval')
        throw problem('ApprovalRequired', {
          message: 'The key material was received; a second principal must approve the import of this key.',
        })
      return {}
    },
    rewording: changesState,
  },
  DeleteKeyMaterial: { operation: 'DeleteKeyMaterial', parameters: { KeyId: keyId }, answer: nothing },
} satisfies Record<string, Binding>

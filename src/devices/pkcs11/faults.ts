/** What an error of the module means: CKR_ values by their consequence. */

/** The token, its session or its login is gone: only a new start of the agent helps. */
const lossCodes: ReadonlySet<number> = new Set([
  0x02, // CKR_HOST_MEMORY
  0x31, // CKR_DEVICE_MEMORY: no room for another object; a new start empties it
  0x32, // CKR_DEVICE_REMOVED
  0x60, // CKR_KEY_HANDLE_INVALID
  0x82, // CKR_OBJECT_HANDLE_INVALID
  0x90, // CKR_OPERATION_ACTIVE
  0xb0, // CKR_SESSION_CLOSED
  0xb1, // CKR_SESSION_COUNT
  0xb3, // CKR_SESSION_HANDLE_INVALID
  0xe0, // CKR_TOKEN_NOT_PRESENT
  0xe1, // CKR_TOKEN_NOT_RECOGNIZED
  0x101, // CKR_USER_NOT_LOGGED_IN
  0x150, // CKR_BUFFER_TOO_SMALL: leaves its operation open
  0x190, // CKR_CRYPTOKI_NOT_INITIALIZED
])

/** The data does not decrypt, unwrap or verify. */
const badInputCodes: ReadonlySet<number> = new Set([
  0x20, // CKR_DATA_INVALID
  0x21, // CKR_DATA_LEN_RANGE
  0x40, // CKR_ENCRYPTED_DATA_INVALID
  0x41, // CKR_ENCRYPTED_DATA_LEN_RANGE
  0x42, // CKR_AEAD_DECRYPT_FAILED
  0x62, // CKR_KEY_SIZE_RANGE
  0xc0, // CKR_SIGNATURE_INVALID
  0xc1, // CKR_SIGNATURE_LEN_RANGE
  0xd0, // CKR_TEMPLATE_INCOMPLETE: some modules say so of an unwrapped key of the wrong size
  0xd1, // CKR_TEMPLATE_INCONSISTENT
  0x110, // CKR_WRAPPED_KEY_INVALID
  0x112, // CKR_WRAPPED_KEY_LEN_RANGE
])

/** To try again would lock the token: it takes few wrong PINs. */
const pinCodes: ReadonlySet<number> = new Set([
  0xa0, // CKR_PIN_INCORRECT
  0xa2, // CKR_PIN_LEN_RANGE
  0xa3, // CKR_PIN_EXPIRED
  0xa4, // CKR_PIN_LOCKED
  0x102, // CKR_USER_PIN_NOT_INITIALIZED
])

/**
 * All others are unclear: CKR_GENERAL_ERROR, CKR_FUNCTION_FAILED and CKR_DEVICE_ERROR are said of a forged ciphertext in one
 * module and of a dying device in another. Then the token is asked whether it is well (sealing.ts).
 */
export type Fault = 'loss' | 'badInput' | 'pin' | 'unclear'

/** The CKR_ value of an error out of pkcs11js; undefined for any other error. */
export function returnValueOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'number') return undefined
  return error.message.startsWith('CKR_') ? error.code : undefined
}

export function faultOf(error: unknown): Fault | undefined {
  const code = returnValueOf(error)
  if (code === undefined) return undefined
  if (lossCodes.has(code)) return 'loss'
  if (badInputCodes.has(code)) return 'badInput'
  return pinCodes.has(code) ? 'pin' : 'unclear'
}

/** Thrown when the token is gone: the agent says so, and ends. */
export class TokenLost extends Error {
  override readonly name = 'TokenLost'
}

/** Thrown for a key that an agent before this one had opened: whoever repeats the call opens it here. */
export class KeyGone extends Error {
  override readonly name = 'KeyGone'
}

/** Thrown at the start: the token is not as it was described. */
export class Misconfigured extends Error {
  override readonly name = 'Misconfigured'
}

/** Thrown at the start, and never tried again, not even by a restart: the token would lock itself. */
export class PinRefused extends Error {
  override readonly name = 'PinRefused'
}

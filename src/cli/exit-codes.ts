/** How a command ends, for scripts. The same for every command. */
import type { ProblemCode } from '../domain/errors.ts'

export const exitCodes = {
  ok: 0,
  unexpected: 1,
  usage: 2,
  notFound: 3,
  notAuthenticated: 4,
  denied: 5,
  wrongState: 6,
  integrity: 7,
  unavailable: 8,
  partlyDone: 9,
} as const

/** For the codes that say more than "the request is wrong". */
const byProblem: Partial<Record<ProblemCode, number>> = {
  NotFound: exitCodes.notFound,
  KeyNotFound: exitCodes.notFound,
  KeyVersionNotFound: exitCodes.notFound,
  AliasNotFound: exitCodes.notFound,
  PrincipalNotFound: exitCodes.notFound,
  PolicyNotFound: exitCodes.notFound,
  CredentialNotFound: exitCodes.notFound,
  SessionNotFound: exitCodes.notFound,
  PasskeyNotFound: exitCodes.notFound,
  GrantNotFound: exitCodes.notFound,
  ResourceNotFound: exitCodes.notFound,
  NotAuthenticated: exitCodes.notAuthenticated,
  SignatureMismatch: exitCodes.notAuthenticated,
  RequestExpired: exitCodes.notAuthenticated,
  AccessDenied: exitCodes.denied,
  StepUpRequired: exitCodes.denied,
  KeyDisabled: exitCodes.wrongState,
  KeyPendingDeletion: exitCodes.wrongState,
  KeyPendingImport: exitCodes.wrongState,
  KeyStateConflict: exitCodes.wrongState,
  DeletionProtected: exitCodes.wrongState,
  RecentlyUsed: exitCodes.wrongState,
  ApprovalRequired: exitCodes.wrongState,
  Conflict: exitCodes.wrongState,
  InvalidCiphertext: exitCodes.integrity,
  IncorrectKey: exitCodes.integrity,
  InvalidSignature: exitCodes.integrity,
  InvalidMac: exitCodes.integrity,
  IncorrectKeyMaterial: exitCodes.integrity,
  Throttled: exitCodes.unavailable,
  AuditUnavailable: exitCodes.unavailable,
  StoreUnavailable: exitCodes.unavailable,
  DeviceUnavailable: exitCodes.unavailable,
  Unavailable: exitCodes.unavailable,
  Internal: exitCodes.unexpected,
}

export function exitCodeOf(code: string): number {
  return byProblem[code as ProblemCode] ?? exitCodes.usage
}

/** What a command says when it fails: one line on stderr, and the mend. */
export class CliError extends Error {
  readonly exitCode: number
  readonly code: string
  readonly mend: string | undefined
  readonly requestId: string | undefined
  constructor(
    code: string,
    message: string,
    details: { exitCode?: number; mend?: string | undefined; requestId?: string | undefined } = {},
  ) {
    super(message)
    this.name = 'CliError'
    this.code = code
    this.exitCode = details.exitCode ?? exitCodeOf(code)
    this.mend = details.mend
    this.requestId = details.requestId
  }
}

export function usageError(message: string, mend?: string): CliError {
  return new CliError('Usage', message, { exitCode: exitCodes.usage, mend })
}

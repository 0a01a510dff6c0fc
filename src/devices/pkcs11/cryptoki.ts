/** The module, opened and logged in: attributes by name, a pool of sessions, and the calls that run on them. */
import { createRequire } from 'node:module'
import type { Handle, PKCS11, Template } from 'pkcs11js'
import { faultOf, Misconfigured, PinRefused } from './faults.ts'
import { openApart } from './hardening.ts'
import type { MechanismCall } from './mechanisms.ts'
import type { StartRequest, TokenChoice } from './start.ts'
import { type Vendor, vendors, type Work } from './vendors.ts'

const attributeNumbers = {
  class: 0x0,
  token: 0x1,
  private: 0x2,
  label: 0x3,
  value: 0x11,
  keyType: 0x100,
  id: 0x102,
  sensitive: 0x103,
  encrypt: 0x104,
  decrypt: 0x105,
  wrap: 0x106,
  unwrap: 0x107,
  sign: 0x108,
  verify: 0x10a,
  derive: 0x10c,
  modulus: 0x120,
  modulusBits: 0x121,
  publicExponent: 0x122,
  valueLength: 0x161,
  extractable: 0x162,
  neverExtractable: 0x164,
  modifiable: 0x170,
  alwaysSensitive: 0x165,
  ecParameters: 0x180,
  ecPoint: 0x181,
} as const
export type AttributeName = keyof typeof attributeNumbers
export type Attributes = Readonly<Partial<Record<AttributeName, number | boolean | string | Buffer>>>

export const CKO_PUBLIC_KEY = 2
export const CKO_PRIVATE_KEY = 3
export const CKO_SECRET_KEY = 4

const CKF_OS_LOCKING_OK = 2
const CKF_RW_SESSION = 2
const CKF_SERIAL_SESSION = 4
const CKF_TOKEN_INITIALIZED = 0x400
const CKF_USER_PIN_INITIALIZED = 0x8
const CKU_USER = 1
const CKR_CRYPTOKI_ALREADY_INITIALIZED = 0x191
const CKR_USER_ALREADY_LOGGED_IN = 0x100

export function template(attributes: Attributes): Template {
  return Object.entries(attributes).map(([name, value]) => ({ type: attributeNumbers[name as AttributeName], value }))
}

/**
 * A logged-in token. One session computes one thing at a time: what runs on a thread takes a session from the pool, what
 * is called in place uses one of its own that is never held over an `await`.
 */
export type Cryptoki = {
  readonly vendor: Vendor
  readonly tokenName: string
  mechanismRange(mechanism: number): { readonly minimum: number; readonly maximum: number } | undefined
  /** Drawn by the token. */
  random(count: number): Buffer
  find(attributes: Attributes): readonly Handle[]
  read(object: Handle, names: readonly AttributeName[]): readonly Buffer[]
  create(attributes: Template): Handle
  destroy(object: Handle): void
  generateKey(mechanism: MechanismCall, key: Template): Promise<Handle>
  generateKeyPair(
    mechanism: MechanismCall,
    publicKey: Template,
    privateKey: Template,
  ): Promise<{ publicKey: Handle; privateKey: Handle }>
  wrap(mechanism: MechanismCall, wrappingKey: Handle, key: Handle): Promise<Buffer>
  unwrap(mechanism: MechanismCall, unwrappingKey: Handle, wrapped: Buffer, key: Template): Promise<Handle>
  derive(mechanism: MechanismCall, baseKey: Handle, key: Template): Promise<Handle>
  encrypt(mechanism: MechanismCall, key: Handle, plaintext: Buffer, work: Work): Promise<Buffer>
  decrypt(mechanism: MechanismCall, key: Handle, ciphertext: Buffer, work: Work): Promise<Buffer>
  sign(mechanism: MechanismCall, key: Handle, message: Buffer, work: Work): Promise<Buffer>
  verify(mechanism: MechanismCall, key: Handle, message: Buffer, signature: Buffer): Promise<boolean>
}

/** No output is longer than its input by more: a tag, a signature of RSA_8192, a wrapped RSA private key. */
const outputRoom = 1024
const longestWrappedKey = 8192

/** Loads the module, finds the token, logs in. The PIN is overwritten. */
export function openCryptoki(start: StartRequest, pin: Buffer): Cryptoki {
  const vendor = vendors[start.vendor]
  const module = loadModule(start)
  const slot = findSlot(module, start)
  const open = () => module.C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION)
  const here = open()
  logIn(module, here, pin)
  const pool = sessionPool(Array.from({ length: start.sessions }, open))

  const inPlace = (work: Work) => vendor.inPlace.includes(work)
  return {
    vendor,
    tokenName: module.C_GetTokenInfo(slot).label.trim(),
    mechanismRange(mechanism) {
      if (!module.C_GetMechanismList(slot).includes(mechanism)) return undefined
      const { minKeySize, maxKeySize } = module.C_GetMechanismInfo(slot, mechanism)
      return { minimum: minKeySize, maximum: maxKeySize }
    },
    random: (count) => module.C_GenerateRandom(here, Buffer.alloc(count)),
    find(attributes) {
      module.C_FindObjectsInit(here, template(attributes))
      try {
        return module.C_FindObjects(here, 16)
      } finally {
        module.C_FindObjectsFinal(here)
      }
    },
    read(object, names) {
      const wanted = names.map((name) => ({ type: attributeNumbers[name] }))
      return module.C_GetAttributeValue(here, object, wanted).map(({ value }) => value as Buffer)
    },
    create: (attributes) => module.C_CreateObject(here, attributes),
    destroy: (object) => module.C_DestroyObject(here, object),
    generateKey: (mechanism, key) => pool((session) => module.C_GenerateKeyAsync(session, mechanism, key)),
    generateKeyPair: (mechanism, publicKey, privateKey) =>
      pool((session) => module.C_GenerateKeyPairAsync(session, mechanism, publicKey, privateKey)),
    wrap: (mechanism, wrappingKey, key) =>
      pool((session) => module.C_WrapKeyAsync(session, mechanism, wrappingKey, key, Buffer.alloc(longestWrappedKey))),
    unwrap: (mechanism, unwrappingKey, wrapped, key) =>
      pool((session) => module.C_UnwrapKeyAsync(session, mechanism, unwrappingKey, wrapped, key)),
    derive: (mechanism, baseKey, key) => pool((session) => module.C_DeriveKeyAsync(session, mechanism, baseKey, key)),
    async encrypt(mechanism, key, plaintext, work) {
      if (inPlace(work)) {
        module.C_EncryptInit(here, mechanism, key)
        return copied(module.C_Encrypt(here, plaintext, roomHere(plaintext.length + outputRoom)))
      }
      return pool((session) => {
        module.C_EncryptInit(session, mechanism, key)
        return module.C_EncryptAsync(session, plaintext, Buffer.alloc(plaintext.length + outputRoom))
      })
    },
    async decrypt(mechanism, key, ciphertext, work) {
      if (inPlace(work)) {
        module.C_DecryptInit(here, mechanism, key)
        return copied(module.C_Decrypt(here, ciphertext, roomHere(ciphertext.length + outputRoom)))
      }
      return pool((session) => {
        module.C_DecryptInit(session, mechanism, key)
        return module.C_DecryptAsync(session, ciphertext, Buffer.alloc(ciphertext.length + outputRoom))
      })
    },
    async sign(mechanism, key, message, work) {
      if (inPlace(work)) {
        module.C_SignInit(here, mechanism, key)
        return copied(module.C_Sign(here, message, roomHere(outputRoom)))
      }
      return pool((session) => {
        module.C_SignInit(session, mechanism, key)
        return module.C_SignAsync(session, message, Buffer.alloc(outputRoom))
      })
    },
    verify: (mechanism, key, message, signature) =>
      pool((session) => {
        module.C_VerifyInit(session, mechanism, key)
        return module.C_VerifyAsync(session, message, signature)
      }),
  }
}

/** What is computed in place is written here: one call at a time, and copied out before the next. */
let room = Buffer.alloc(8192)

function roomHere(bytes: number): Buffer {
  if (room.length < bytes) room = Buffer.alloc(bytes)
  return room
}

/** The room is left empty: plaintext does not lie about in it. */
function copied(result: Buffer): Buffer {
  const copy = Buffer.from(result)
  result.fill(0)
  return copy
}

function loadModule(choice: TokenChoice): PKCS11 {
  openApart(choice.modulePath)
  const module = new (pkcs11js().PKCS11)()
  module.load(choice.modulePath)
  try {
    module.C_Initialize({
      flags: CKF_OS_LOCKING_OK,
      // The space is for pkcs11js 2.1.7, which drops the last character.
      ...(choice.moduleParameters === undefined ? {} : { libraryParameters: `${choice.moduleParameters} ` }),
    })
  } catch (error) {
    if (!isReturnValue(error, CKR_CRYPTOKI_ALREADY_INITIALIZED)) throw error
  }
  return module
}

function pkcs11js(): typeof import('pkcs11js') {
  try {
    return createRequire(import.meta.url)('pkcs11js')
  } catch (cause) {
    throw new Misconfigured('pkcs11js is not built: run `node scripts/build-pkcs11.mjs`', { cause })
  }
}

function findSlot(module: PKCS11, choice: TokenChoice): Handle {
  const tokens = module.C_GetSlotList(true).map((slot) => ({ slot, ...module.C_GetTokenInfo(slot) }))
  const fitting = tokens.filter(
    ({ label, serialNumber, flags }) =>
      (flags & CKF_USER_PIN_INITIALIZED) !== 0 &&
      ((flags & CKF_TOKEN_INITIALIZED) !== 0 || choice.vendor === 'nss') &&
      (choice.tokenLabel === undefined || label.trim() === choice.tokenLabel) &&
      (choice.tokenSerial === undefined || serialNumber.trim() === choice.tokenSerial),
  )
  const [token, another] = fitting
  if (token === undefined) throw new Error(`no token fits; there are: ${describe(tokens)}`)
  if (another !== undefined)
    throw new Misconfigured(`more than one token fits: ${describe(fitting)}. Name one by its label or serial number.`)
  return token.slot
}

function describe(tokens: readonly { label: string; serialNumber: string }[]): string {
  if (tokens.length === 0) return 'none'
  return tokens.map(({ label, serialNumber }) => `'${label.trim()}' (serial ${serialNumber.trim()})`).join(', ')
}

/** The login is the process's, not the session's. pkcs11js takes the PIN as a string only: one copy stays until collected. */
function logIn(module: PKCS11, session: Handle, pin: Buffer): void {
  try {
    module.C_Login(session, CKU_USER, pin.toString('utf8'))
  } catch (error) {
    if (isReturnValue(error, CKR_USER_ALREADY_LOGGED_IN)) return
    if (faultOf(error) !== 'pin') throw error
    throw new PinRefused(`the token does not take the PIN (${(error as Error).message})`)
  } finally {
    pin.fill(0)
  }
}

function isReturnValue(error: unknown, value: number): boolean {
  return error instanceof Error && 'code' in error && error.code === value
}

/** First come, first served. */
function sessionPool(sessions: Handle[]): <T>(work: (session: Handle) => Promise<T>) => Promise<T> {
  const free = sessions
  const waiting: ((session: Handle) => void)[] = []
  return async (work) => {
    const session = free.pop() ?? (await new Promise<Handle>((resolve) => waiting.push(resolve)))
    try {
      return await work(session)
    } finally {
      const next = waiting.shift()
      if (next === undefined) free.push(session)
      else next(session)
    }
  }
}

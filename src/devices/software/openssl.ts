/**
 * The one door to the OpenSSL that Node itself carries, by node:ffi, for what node:crypto cannot say. That is
 * signatures over a digest that somebody else made, SM2, Ed25519ph, ML-DSA's external mu, and ECDH on the SM2 curve
 * (docs/decisions/sm2-and-digest-signing.md); and for what it says dearly: GCM and single blocks, which every request
 * needs. Every return code is checked, everything allocated is freed, and the error queue of the thread is left empty,
 * because node:crypto reads the same one.
 *
 * All calls are synchronous; pool.ts has them made on threads of their own. An EVP_PKEY may be used by several threads at
 * once, each in a context of its own, so a thread is handed an address and never the key's bytes.
 */
import type { DynamicLibrary } from 'node:ffi'
import { problem } from '../../domain/errors.ts'

const definitions = {
  OpenSSL_version: { arguments: ['i32'], return: 'pointer' },
  ERR_get_error: { arguments: [], return: 'u64' },
  ERR_clear_error: { arguments: [], return: 'void' },
  ERR_error_string_n: { arguments: ['u64', 'pointer', 'u64'], return: 'void' },
  d2i_PUBKEY: { arguments: ['pointer', 'pointer', 'i64'], return: 'pointer' },
  d2i_AutoPrivateKey: { arguments: ['pointer', 'pointer', 'i64'], return: 'pointer' },
  EVP_PKEY_free: { arguments: ['pointer'], return: 'void' },
  EVP_PKEY_get_size: { arguments: ['pointer'], return: 'i32' },
  EVP_PKEY_get0_type_name: { arguments: ['pointer'], return: 'pointer' },
  EVP_PKEY_CTX_new: { arguments: ['pointer', 'pointer'], return: 'pointer' },
  EVP_PKEY_CTX_free: { arguments: ['pointer'], return: 'void' },
  EVP_PKEY_CTX_ctrl_str: { arguments: ['pointer', 'string', 'string'], return: 'i32' },
  EVP_PKEY_CTX_set_rsa_padding: { arguments: ['pointer', 'i32'], return: 'i32' },
  EVP_PKEY_CTX_set_rsa_pss_saltlen: { arguments: ['pointer', 'i32'], return: 'i32' },
  EVP_PKEY_CTX_set_rsa_oaep_md: { arguments: ['pointer', 'pointer'], return: 'i32' },
  EVP_PKEY_CTX_set_rsa_mgf1_md: { arguments: ['pointer', 'pointer'], return: 'i32' },
  EVP_PKEY_CTX_set_signature_md: { arguments: ['pointer', 'pointer'], return: 'i32' },
  EVP_PKEY_sign_init: { arguments: ['pointer'], return: 'i32' },
  EVP_PKEY_sign_init_ex2: { arguments: ['pointer', 'pointer', 'pointer'], return: 'i32' },
  EVP_PKEY_sign_message_init: { arguments: ['pointer', 'pointer', 'pointer'], return: 'i32' },
  EVP_PKEY_sign: { arguments: ['pointer', 'pointer', 'pointer', 'pointer', 'u64'], return: 'i32' },
  EVP_PKEY_verify_init: { arguments: ['pointer'], return: 'i32' },
  EVP_PKEY_verify_init_ex2: { arguments: ['pointer', 'pointer', 'pointer'], return: 'i32' },
  EVP_PKEY_verify_message_init: { arguments: ['pointer', 'pointer', 'pointer'], return: 'i32' },
  EVP_PKEY_verify: { arguments: ['pointer', 'pointer', 'u64', 'pointer', 'u64'], return: 'i32' },
  EVP_PKEY_encrypt_init: { arguments: ['pointer'], return: 'i32' },
  EVP_PKEY_encrypt: { arguments: ['pointer', 'pointer', 'pointer', 'pointer', 'u64'], return: 'i32' },
  EVP_PKEY_decrypt_init: { arguments: ['pointer'], return: 'i32' },
  EVP_PKEY_decrypt: { arguments: ['pointer', 'pointer', 'pointer', 'pointer', 'u64'], return: 'i32' },
  EVP_PKEY_get_bn_param: { arguments: ['pointer', 'string', 'pointer'], return: 'i32' },
  EVP_PKEY_check: { arguments: ['pointer'], return: 'i32' },
  EVP_SIGNATURE_fetch: { arguments: ['pointer', 'string', 'pointer'], return: 'pointer' },
  EVP_sha1: { arguments: [], return: 'pointer' },
  EVP_sha256: { arguments: [], return: 'pointer' },
  EVP_sha384: { arguments: [], return: 'pointer' },
  EVP_sha512: { arguments: [], return: 'pointer' },
  EVP_CIPHER_fetch: { arguments: ['pointer', 'string', 'pointer'], return: 'pointer' },
  EVP_CIPHER_CTX_new: { arguments: [], return: 'pointer' },
  EVP_CIPHER_CTX_free: { arguments: ['pointer'], return: 'void' },
  EVP_CIPHER_CTX_ctrl: { arguments: ['pointer', 'i32', 'i32', 'pointer'], return: 'i32' },
  EVP_CIPHER_CTX_set_padding: { arguments: ['pointer', 'i32'], return: 'i32' },
  EVP_EncryptInit_ex2: { arguments: ['pointer', 'pointer', 'pointer', 'pointer', 'pointer'], return: 'i32' },
  EVP_EncryptUpdate: { arguments: ['pointer', 'pointer', 'pointer', 'pointer', 'i32'], return: 'i32' },
  EVP_EncryptFinal_ex: { arguments: ['pointer', 'pointer', 'pointer'], return: 'i32' },
  EVP_DecryptInit_ex2: { arguments: ['pointer', 'pointer', 'pointer', 'pointer', 'pointer'], return: 'i32' },
  EVP_DecryptUpdate: { arguments: ['pointer', 'pointer', 'pointer', 'pointer', 'i32'], return: 'i32' },
  EVP_DecryptFinal_ex: { arguments: ['pointer', 'pointer', 'pointer'], return: 'i32' },
  EC_GROUP_new_by_curve_name: { arguments: ['i32'], return: 'pointer' },
  EC_POINT_new: { arguments: ['pointer'], return: 'pointer' },
  EC_POINT_clear_free: { arguments: ['pointer'], return: 'void' },
  EC_POINT_oct2point: { arguments: ['pointer', 'pointer', 'pointer', 'u64', 'pointer'], return: 'i32' },
  EC_POINT_mul: { arguments: ['pointer', 'pointer', 'pointer', 'pointer', 'pointer', 'pointer'], return: 'i32' },
  EC_POINT_point2oct: { arguments: ['pointer', 'pointer', 'i32', 'pointer', 'u64', 'pointer'], return: 'u64' },
  BN_clear_free: { arguments: ['pointer'], return: 'void' },
} as const

type Functions = ReturnType<typeof bind>

function bind(ffi: typeof import('node:ffi')) {
  return { ...ffi.dlopen(null, definitions), getRawPointer: ffi.getRawPointer, readString: ffi.toString }
}

let bound: (Functions & { readonly lib: DynamicLibrary }) | undefined

/** Binds at first use. A Problem `DeviceUnavailable` where this Node has no node:ffi, or may not use it. */
export function openssl(): Functions {
  bound ??= load()
  return bound
}

function load(): Functions {
  const unavailable = (cause?: unknown) =>
    problem('DeviceUnavailable', {
      message: 'The software device needs node:ffi to reach the OpenSSL inside Node.',
      mend: 'Run Node 26.10 or later without --no-experimental-ffi, and with --allow-ffi under --permission.',
      cause,
    })
  const ffi = process.getBuiltinModule('node:ffi')
  if (ffi === undefined) throw unavailable()
  let functions: Functions
  try {
    functions = bind(ffi)
  } catch (cause) {
    throw unavailable(cause)
  }
  // Another libcrypto in the process would answer to the same names; its keys and Node's must never meet.
  const version = functions.readString(functions.functions.OpenSSL_version(0))
  if (!version?.startsWith(`OpenSSL ${process.versions.openssl} `)) throw unavailable(new Error(`found ${version}`))
  return functions
}

/** OpenSSL refused where nothing the caller sent can be the cause. A bug, or memory ran out: never the caller's. */
export class OpensslFailure extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'OpensslFailure'
  }
}

export function failure(call: string): OpensslFailure {
  const { functions, readString, getRawPointer } = openssl()
  const text = new Uint8Array(new ArrayBuffer(256))
  functions.ERR_error_string_n(functions.ERR_get_error(), text, BigInt(text.length))
  return new OpensslFailure(`${call}: ${readString(getRawPointer(text))}`)
}

export function must(call: string, returned: number): void {
  if (returned !== 1) throw failure(call)
}

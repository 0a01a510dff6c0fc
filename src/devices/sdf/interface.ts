/** The part of the C interface of GM/T 0018 that SM4 keys under a key-encryption key need, as node:ffi calls it. */
import { type DynamicLibrary, dlopen } from 'node:ffi'
import { openApart } from '../pkcs11/hardening.ts'
import { deviceFault } from './return-codes.ts'

/** What the standard calls SGD_SM4_ECB and SGD_SM4_CBC (GM/T 0006). */
export const algorithmIds = { ECB: 0x0000_0401, CBC: 0x0000_0402 } as const
export type Sm4Mode = keyof typeof algorithmIds

/**
 * `void *` handles are `pointer` (a bigint); `void **`, `unsigned char *` and `unsigned int *` are `buffer`, which the
 * device reads or fills during the call and does not keep.
 */
const signatures = {
  // phDeviceHandle
  SDF_OpenDevice: { arguments: ['buffer'], return: 'int32' },
  SDF_CloseDevice: { arguments: ['pointer'], return: 'int32' },
  // hDeviceHandle, phSessionHandle
  SDF_OpenSession: { arguments: ['pointer', 'buffer'], return: 'int32' },
  SDF_CloseSession: { arguments: ['pointer'], return: 'int32' },
  // hSessionHandle, uiLength, pucRandom
  SDF_GenerateRandom: { arguments: ['pointer', 'uint32', 'buffer'], return: 'int32' },
  // hSessionHandle, uiKeyBits, uiAlgID, uiKEKIndex, pucKey, puiKeyLength, phKeyHandle
  SDF_GenerateKeyWithKEK: {
    arguments: ['pointer', 'uint32', 'uint32', 'uint32', 'buffer', 'buffer', 'buffer'],
    return: 'int32',
  },
  // hSessionHandle, uiAlgID, uiKEKIndex, pucKey, uiKeyLength, phKeyHandle
  SDF_ImportKeyWithKEK: { arguments: ['pointer', 'uint32', 'uint32', 'buffer', 'uint32', 'buffer'], return: 'int32' },
  // hSessionHandle, hKeyHandle
  SDF_DestroyKey: { arguments: ['pointer', 'pointer'], return: 'int32' },
  // hSessionHandle, hKeyHandle, uiAlgID, pucIV, pucData, uiDataLength, pucEncData, puiEncDataLength
  SDF_Encrypt: {
    arguments: ['pointer', 'pointer', 'uint32', 'buffer', 'buffer', 'uint32', 'buffer', 'buffer'],
    return: 'int32',
  },
  SDF_Decrypt: {
    arguments: ['pointer', 'pointer', 'uint32', 'buffer', 'buffer', 'uint32', 'buffer', 'buffer'],
    return: 'int32',
  },
} as const

function load(libraryPath: string) {
  // Many such libraries bring a libcrypto of their own (with SM4): it must not be mixed with Node's.
  openApart(libraryPath)
  return dlopen(libraryPath, signatures)
}

export type SdfInterface = ReturnType<typeof load>['functions']

/** Throws a Problem `DeviceUnavailable` where the file is no library, or lacks one of the functions. */
export function loadSdf(libraryPath: string): { readonly lib: DynamicLibrary; readonly sdf: SdfInterface } {
  try {
    const { lib, functions } = load(libraryPath)
    return { lib, sdf: functions }
  } catch (cause) {
    throw deviceFault(`its library ${libraryPath} does not load`, {}, cause)
  }
}

/**
 * SM4 keys in an SDF device (GM/T 0018): made inside, wrapped by a key-encryption key that the device holds and that is
 * known here by its index alone. No function in this folder takes or gives a key in the clear: the standard has
 * SDF_ImportKey for that, and it is not bound.
 *
 * The calls are synchronous, and run the maker's code in this process: for an agent process, such as that of
 * ../pkcs11/agent.ts, not for the service itself.
 */
import { problem } from '../../domain/errors.ts'
import { algorithmIds, loadSdf, type SdfInterface, type Sm4Mode } from './interface.ts'
import { deviceFault, requireOk } from './return-codes.ts'

/** GB/T 32907. */
export const sm4BlockBytes = 16
const sm4KeyBits = 128
/** GM/T 0018 bounds no wrapped key. A wrapped SM4 key is 16 bytes, or some more where a maker adds a header or MAC. */
const wrappedKeyRoom = 512

/** An SM4 key that is open in a session of the device: a name for it, with nothing of the key in it. */
export type OpenSm4Key = { readonly opened: 'SM4' }

/** ECB takes no IV; CBC takes one of 16 bytes. No padding: whole blocks go in, as many come out. */
export type BlockCipher = { readonly mode: 'ECB' } | { readonly mode: 'CBC'; readonly iv: Uint8Array }

/** One session of the device, which computes one thing at a time. Every error of the device is `DeviceUnavailable`. */
export type SdfSession = {
  random(count: number): Uint8Array
  /** Made inside the device; what comes out is the key wrapped under the key-encryption key of this index. */
  generateKey(keyEncryptionKeyIndex: number): { readonly wrapped: Uint8Array; readonly key: OpenSm4Key }
  /** The index must be that of `generateKey`. The wrapping of the standard authenticates nothing: see there. */
  importKey(keyEncryptionKeyIndex: number, wrapped: Uint8Array): OpenSm4Key
  /** Throws `InvalidRequest` unless the plaintext is whole blocks, one at least. */
  encrypt(key: OpenSm4Key, cipher: BlockCipher, plaintext: Uint8Array): Uint8Array
  /** Throws `InvalidCiphertext` unless it is whole blocks, one at least. */
  decrypt(key: OpenSm4Key, cipher: BlockCipher, ciphertext: Uint8Array): Uint8Array
  /** Wipes the key from the device. It can be imported again from its wrapped form. */
  destroyKey(key: OpenSm4Key): void
  /** Destroys the keys that are open, then closes session, device and library. A second call does nothing. */
  close(): void
}

export function openSdfSession({ libraryPath }: { readonly libraryPath: string }): SdfSession {
  const { lib, sdf } = loadSdf(libraryPath)
  let device: bigint | undefined
  try {
    device = handleFrom('SDF_OpenDevice', (room) => sdf.SDF_OpenDevice(room))
    return sessionOn({ sdf, device, unload: () => lib.close() })
  } catch (error) {
    // What went wrong first is what is told.
    if (device !== undefined) sdf.SDF_CloseDevice(device)
    lib.close()
    throw error
  }
}

function sessionOn({
  sdf,
  device,
  unload,
}: {
  readonly sdf: SdfInterface
  readonly device: bigint
  readonly unload: () => void
}): SdfSession {
  const session = handleFrom('SDF_OpenSession', (room) => sdf.SDF_OpenSession(device, room))
  /** A handle is an address in the maker's library: none that is stale, or of another session, may reach it. */
  const handles = new Map<OpenSm4Key, bigint>()
  let closed = false

  function requireOpen(): void {
    if (closed) throw new Error('the SDF session is closed')
  }

  function handleOf(key: OpenSm4Key): bigint {
    requireOpen()
    const handle = handles.get(key)
    if (handle === undefined) throw new Error('the SM4 key is not open in this SDF session')
    return handle
  }

  function keep(handle: bigint): OpenSm4Key {
    const key: OpenSm4Key = Object.freeze({ opened: 'SM4' })
    handles.set(key, handle)
    return key
  }

  function destroyKey(key: OpenSm4Key): void {
    const handle = handleOf(key)
    // Forgotten first: whatever the device says, this handle is not used again.
    handles.delete(key)
    requireOk('SDF_DestroyKey', sdf.SDF_DestroyKey(session, handle))
  }

  function compute(call: 'SDF_Encrypt' | 'SDF_Decrypt', key: OpenSm4Key, cipher: BlockCipher, input: Uint8Array) {
    const handle = handleOf(key)
    // A copy: in CBC the device writes the last block over the IV, to go on from there.
    const iv = cipher.mode === 'CBC' ? Buffer.from(cipher.iv) : Buffer.alloc(sm4BlockBytes)
    if (iv.length !== sm4BlockBytes) throw new Error('the IV of SM4-CBC has 16 bytes')
    // A device that pads nevertheless must not write over the end; that it did is seen by the length.
    const output = Buffer.alloc(input.length + sm4BlockBytes)
    const length = Uint32Array.of(output.length)
    const id = algorithmIds[cipher.mode satisfies Sm4Mode]
    requireOk(call, sdf[call](session, handle, id, iv, input, input.length, output, length))
    if (length[0] !== input.length) throw deviceFault(`${call} gave ${length[0]} bytes for ${input.length}`, { call })
    return Uint8Array.from(output.subarray(0, input.length))
  }

  return {
    random(count) {
      requireOpen()
      const bytes = new Uint8Array(count)
      requireOk('SDF_GenerateRandom', sdf.SDF_GenerateRandom(session, count, bytes))
      return bytes
    },
    generateKey(keyEncryptionKeyIndex) {
      requireOpen()
      const wrapped = Buffer.alloc(wrappedKeyRoom)
      const length = Uint32Array.of(wrapped.length)
      const handle = handleFrom('SDF_GenerateKeyWithKEK', (room) =>
        sdf.SDF_GenerateKeyWithKEK(session, sm4KeyBits, algorithmIds.ECB, keyEncryptionKeyIndex, wrapped, length, room),
      )
      const key = keep(handle)
      const wrappedBytes = length[0] ?? 0
      if (wrappedBytes < sm4BlockBytes || wrappedBytes > wrapped.length) {
        destroyKey(key)
        throw deviceFault(`SDF_GenerateKeyWithKEK gave a wrapped key of ${wrappedBytes} bytes`)
      }
      return { wrapped: Uint8Array.from(wrapped.subarray(0, wrappedBytes)), key }
    },
    importKey(keyEncryptionKeyIndex, wrapped) {
      requireOpen()
      return keep(
        handleFrom('SDF_ImportKeyWithKEK', (room) =>
          sdf.SDF_ImportKeyWithKEK(session, algorithmIds.ECB, keyEncryptionKeyIndex, wrapped, wrapped.length, room),
        ),
      )
    },
    encrypt(key, cipher, plaintext) {
      if (!wholeBlocks(plaintext)) throw problem('InvalidRequest', { message: 'SM4 takes whole blocks of 16 bytes.' })
      return compute('SDF_Encrypt', key, cipher, plaintext)
    },
    decrypt(key, cipher, ciphertext) {
      if (!wholeBlocks(ciphertext)) throw problem('InvalidCiphertext')
      return compute('SDF_Decrypt', key, cipher, ciphertext)
    },
    destroyKey,
    close() {
      if (closed) return
      closed = true
      const answers = [
        ...Array.from(handles.values(), (handle) => ['SDF_DestroyKey', sdf.SDF_DestroyKey(session, handle)] as const),
        ['SDF_CloseSession', sdf.SDF_CloseSession(session)] as const,
        ['SDF_CloseDevice', sdf.SDF_CloseDevice(device)] as const,
      ]
      handles.clear()
      unload()
      // Each was tried, whatever the others said.
      for (const [call, code] of answers) requireOk(call, code)
    },
  }
}

function wholeBlocks(bytes: Uint8Array): boolean {
  return bytes.length > 0 && bytes.length % sm4BlockBytes === 0
}

/** The handle that a call writes into its `void **`. A device that says SDR_OK and gives none is not believed. */
function handleFrom(name: string, call: (room: BigUint64Array) => number): bigint {
  const room = new BigUint64Array(1)
  requireOk(name, call(room))
  const handle = room[0] ?? 0n
  if (handle === 0n) throw deviceFault(`${name} gave no handle`, { call: name })
  return handle
}

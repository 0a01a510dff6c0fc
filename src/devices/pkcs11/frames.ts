/**
 * What passes between the service and its HSM agent: frames on a private channel, either way alike.
 *
 *     length of the rest (4) | number of the call (4) | kind (1) | fields, each: length (4), bytes      big-endian
 *
 * Calls are numbered by the service and answered in any order.
 */

export type Frame = {
  readonly call: number
  /** In a call its verb, in an answer its outcome: indexes into `verbs` and `outcomes`. */
  readonly kind: number
  readonly fields: readonly Buffer[]
}

export const verbs = [
  'start',
  'generate',
  'open',
  'close',
  'encrypt',
  'decrypt',
  'sign',
  'verify',
  'mac',
  'rsaDecrypt',
  'agree',
  'generateWrappingKey',
  'importMaterial',
  'rebind',
  'unlock',
  'check',
  'selfTest',
] as const
export type Verb = (typeof verbs)[number]

/**
 * How a call ended: `refused` carries a Problem; all others a sentence for the log. `failed`: this call only; `lost`: the
 * token is gone, and the agent ends; `misconfigured`: the token is not as it was described; `pinRefused`: to try again would lock it; `broken`: a bug.
 */
export const outcomes = ['done', 'refused', 'failed', 'lost', 'misconfigured', 'pinRefused', 'broken'] as const
export type Outcome = (typeof outcomes)[number]

/** No call comes near it: a longer frame is a broken channel. */
const longestFrame = 1 << 20

export function encodeFrame(call: number, kind: number, fields: readonly Uint8Array[]): Buffer {
  let length = 5
  for (const field of fields) length += 4 + field.length
  if (length > longestFrame) throw new Error(`a frame of ${length} bytes is too long`)
  const frame = Buffer.allocUnsafe(4 + length)
  frame.writeUInt32BE(length, 0)
  frame.writeUInt32BE(call, 4)
  frame[8] = kind
  let at = 9
  for (const field of fields) {
    frame.writeUInt32BE(field.length, at)
    frame.set(field, at + 4)
    at += 4 + field.length
  }
  return frame
}

/** Takes the channel's chunks as they come, and gives every frame that is whole. Throws on what is no frame. */
export function frameReader(onFrame: (frame: Frame) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0)
  return (chunk) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let at = 0
    while (bytes.length - at >= 4) {
      const length = bytes.readUInt32BE(at)
      if (length < 5 || length > longestFrame) throw new Error(`a frame of ${length} bytes is none`)
      if (bytes.length - at - 4 < length) break
      onFrame(decodeFrame(bytes.subarray(at + 4, at + 4 + length)))
      at += 4 + length
    }
    rest = bytes.subarray(at)
  }
}

function decodeFrame(bytes: Buffer): Frame {
  const fields: Buffer[] = []
  let at = 5
  while (at < bytes.length) {
    if (bytes.length - at < 4) throw new Error('a frame ends within the length of a field')
    const length = bytes.readUInt32BE(at)
    at += 4
    if (length > bytes.length - at) throw new Error('a field is longer than its frame')
    fields.push(bytes.subarray(at, at + length))
    at += length
  }
  return { call: bytes.readUInt32BE(0), kind: bytes[4] as number, fields }
}

/** Several byte strings as one, each with its length before it: no two lists look alike. */
export function joinFields(fields: readonly Uint8Array[]): Buffer {
  const parts: Uint8Array[] = []
  for (const field of fields) {
    const length = Buffer.allocUnsafe(4)
    length.writeUInt32BE(field.length)
    parts.push(length, field)
  }
  return Buffer.concat(parts)
}

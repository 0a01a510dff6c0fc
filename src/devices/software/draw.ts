import type { Random } from '../../domain/ports.ts'

/** Secret bytes in a buffer of their own, which the caller wipes; what they were drawn into is wiped here. */
export function drawSecret(random: Random, bytes: number): Uint8Array {
  const drawn = random.bytes(bytes)
  const secret = Uint8Array.from(drawn)
  drawn.fill(0)
  return secret
}

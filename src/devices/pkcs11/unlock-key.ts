/**
 * Auto-unseal: a key of the token is the third place of the software level's root key. The unlock key is its
 * HMAC-SHA-256 over what place 2 says (docs/decisions/root-key-custody.md).
 */
import type { Handle } from 'pkcs11js'
import { CKO_SECRET_KEY, type Cryptoki, template } from './cryptoki.ts'
import { Misconfigured, returnValueOf } from './faults.ts'
import { CKK_GENERIC_SECRET, CKM_GENERIC_SECRET_KEY_GEN, CKM_SHA256_HMAC } from './mechanisms.ts'
import { forEver, requireConfined } from './root-key.ts'
import type { UnlockKeyIndex } from './start.ts'

export async function macToUnlock(
  token: Cryptoki,
  index: UnlockKeyIndex,
  make: boolean,
  message: Buffer,
): Promise<Buffer> {
  const key = findUnlockKey(token, index) ?? (make ? await makeUnlockKey(token, index) : undefined)
  if (key === undefined)
    throw new Misconfigured(`the token '${token.tokenName}' holds no secret key ${described(index)}`)
  requireConfined(token, key, 'unlock key')
  return token.sign({ mechanism: CKM_SHA256_HMAC }, key, message, 'HMAC')
}

function described({ label, id }: UnlockKeyIndex): string {
  return `with the label '${label}'${id === undefined ? '' : ` and the id ${id}`}`
}

/** Of whatever type: some tokens file keys for HMAC under types of their own. */
function findUnlockKey(token: Cryptoki, index: UnlockKeyIndex): Handle | undefined {
  const { label, id } = index
  const ofId = id === undefined ? {} : { id: Buffer.from(id, 'hex') }
  const [found, another] = token.find({ class: CKO_SECRET_KEY, label, ...ofId })
  if (another !== undefined)
    throw new Misconfigured(
      `the token '${token.tokenName}' holds more than one secret key ${described(index)}: name one by its id`,
    )
  return found
}

async function makeUnlockKey(token: Cryptoki, { label, id }: UnlockKeyIndex): Promise<Handle> {
  const attributes = {
    class: CKO_SECRET_KEY,
    keyType: CKK_GENERIC_SECRET,
    label,
    id: id === undefined ? token.random(idBytes) : Buffer.from(id, 'hex'),
    valueLength: 32,
    ...forEver,
    sign: true,
    verify: true,
  }
  try {
    return await token.generateKey({ mechanism: CKM_GENERIC_SECRET_KEY_GEN }, template(attributes))
  } catch (error) {
    if (returnValueOf(error) === undefined) throw error
    throw new Misconfigured(
      `the token '${token.tokenName}' makes no keys for HMAC (${(error as Error).message}): make one with its own tool, with the label '${label}'`,
      { cause: error },
    )
  }
}

const idBytes = 16

/**
 * IPv4 (RFC 791) and IPv6 (RFC 4291) addresses and their CIDR blocks (RFC 4632), for conditions on where a request comes
 * from. An IPv4-mapped address is the IPv4 address: a dual-stack listener reports `::ffff:192.0.2.1` for it.
 */
export type InternetAddress = {
  /** Bits of the address: 32 or 128. */
  readonly bits: 32 | 128
  /** 16 bits each, the first ones first. */
  readonly words: readonly number[]
}

export type AddressBlock = InternetAddress & { readonly prefix: number }

export function parseAddress(text: string): InternetAddress | undefined {
  const colon = text.includes(':')
  const words = colon ? parseV6(text) : parseV4(text)
  if (words === undefined) return undefined
  if (isMapped(words)) return { bits: 32, words: words.slice(6) }
  return { bits: colon ? 128 : 32, words }
}

/** An address, or an address, a slash and the length of its prefix. Bits after the prefix do not count. */
export function parseBlock(text: string): AddressBlock | undefined {
  const slash = text.indexOf('/')
  const written = slash < 0 ? text : text.slice(0, slash)
  const address = parseAddress(written)
  if (address === undefined) return undefined
  if (slash < 0) return { ...address, prefix: address.bits }
  const digits = text.slice(slash + 1)
  if (!/^(?:0|[1-9][0-9]{0,2})$/.test(digits)) return undefined
  const mapped = address.bits === 32 && written.includes(':')
  const prefix = Number(digits) - (mapped ? 96 : 0)
  return prefix < 0 || prefix > address.bits ? undefined : { ...address, prefix }
}

export function blockHolds(block: AddressBlock, address: InternetAddress): boolean {
  if (block.bits !== address.bits) return false
  for (let index = 0, left = block.prefix; left > 0; index += 1, left -= 16) {
    const mask = left >= 16 ? 0xffff : (0xffff << (16 - left)) & 0xffff
    if (((block.words[index] as number) ^ (address.words[index] as number)) & mask) return false
  }
  return true
}

/** Four decimal octets. A leading zero is refused: some read it as octal. */
function parseV4(text: string): number[] | undefined {
  const words = [0, 0]
  let octets = 0
  let digits = 0
  let octet = 0
  for (let at = 0; at <= text.length; at += 1) {
    const digit = text.charCodeAt(at) - 0x30
    if (digit >= 0 && digit <= 9) {
      if (digits > 0 && octet === 0) return undefined
      octet = octet * 10 + digit
      digits += 1
      if (octet > 255) return undefined
    } else {
      if (digits === 0 || octets === 4 || (at < text.length && text[at] !== '.')) return undefined
      const word = octets >> 1
      words[word] = ((words[word] as number) << 8) | octet
      octets += 1
      octet = 0
      digits = 0
    }
  }
  return octets === 4 ? words : undefined
}

function parseV6(text: string): number[] | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const head = parseWords(halves[0] as string, halves.length === 1)
  if (halves.length === 1) return head?.length === 8 ? head : undefined
  const tail = parseWords(halves[1] as string, true)
  if (head === undefined || tail === undefined || head.length + tail.length > 7) return undefined
  return [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail]
}

/** Groups of up to four hex digits; the last two may be written as IPv4. */
function parseWords(text: string, last: boolean): number[] | undefined {
  if (text === '') return []
  const words: number[] = []
  const groups = text.split(':')
  for (const [index, group] of groups.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(group)) words.push(Number.parseInt(group, 16))
    else {
      const v4 = last && index === groups.length - 1 ? parseV4(group) : undefined
      if (v4 === undefined) return undefined
      words.push(...v4)
    }
  }
  return words.length > 8 ? undefined : words
}

function isMapped(words: readonly number[]): boolean {
  return words.length === 8 && words[5] === 0xffff && words.slice(0, 5).every((word) => word === 0)
}

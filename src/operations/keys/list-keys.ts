import { z } from 'zod'
import { Problem } from '../../domain/errors.ts'
import type { Key } from '../../domain/key.ts'
import { stateAt } from '../../domain/lifecycle.ts'
import type { LastUse, World } from '../../domain/ports.ts'
import { partitionOf } from '../../domain/scope.ts'
import { keySpecs, keyUsages } from '../../domain/specs.ts'
import type { Instant } from '../../domain/time.ts'
import { operation } from '../operation.ts'
import { anyOf, instant, nextMarker, pageLimit, pageMarker, protectionLevel } from '../shapes.ts'
import { describeKey, keyMetadata } from './metadata.ts'

/** Keys that one call looks at, at most: so that a filter that nothing meets costs nobody else their answer. */
const mostLookedAt = 5_000
/** Keys that are read at once to look for those that a filter asks for. */
const readAtOnce = 1_000
/** Aliases that a text is looked for in, at most; a key has 50. */
const mostAliasesFound = 1_000

/** A comma parts two tags, so one that is part of a tag is written as in URLs. */
const wantedTags = z
  .codec(z.string().min(1).max(2048), z.array(z.string().min(1)), {
    decode(text, context) {
      try {
        return text.split(',').map(decodeURIComponent)
      } catch {
        context.issues.push({ code: 'custom', input: text, message: 'has a % that is no %XX' })
        return z.NEVER
      }
    },
    encode: (tags) => tags.map(encodeURIComponent).join(','),
  })
  .describe(
    'NAME or NAME=VALUE; several, separated by commas, must all be there. A comma in a tag is written %2C, a % is %25.',
  )

export const listKeys = operation({
  name: 'ListKeys',
  summary: 'List the keys of the account and region, the oldest first: all, or those that every filter agrees to.',
  group: 'keys',
  rest: 'GET /v1/keys',
  cli: 'key list',
  key: undefined,
  input: z.strictObject({
    limit: pageLimit,
    marker: pageMarker,
    order: z.enum(['oldest', 'newest']).default('oldest'),
    keyState: anyOf(keyMetadata.shape.keyState.options).optional(),
    keySpec: anyOf(keySpecs).optional(),
    keyUsage: anyOf(keyUsages).optional(),
    origin: anyOf(keyMetadata.shape.origin.options).optional(),
    protectionLevel: anyOf(protectionLevel.options).optional(),
    tag: wantedTags.optional(),
    text: z
      .string()
      .min(1)
      .max(256)
      .optional()
      .describe('What the key id or an alias begins with, or the description holds. Aliases: for who may list them.'),
    lastUsedBefore: instant().optional().describe('Not used since then, or never. Needs kms:GetKeyLastUsage.'),
    lastUsedAfter: instant().optional().describe('Used since then. Needs kms:GetKeyLastUsage.'),
    include: anyOf(['aliases', 'lastUse'])
      .optional()
      .describe('Shown with each key. Needs kms:ListAliases, or kms:GetKeyLastUsage.'),
  }),
  output: z.object({
    keys: z.array(
      keyMetadata.extend({
        aliases: z.array(z.string()).optional(),
        lastUse: z.object({ at: instant(), operation: z.string(), principal: z.string() }).optional(),
      }),
    ),
    nextMarker: nextMarker.describe(
      'There may be more: with a filter, after a page that shows fewer keys than its limit, or none.',
    ),
    total: z.number().int().describe('All keys of the account and region, whatever the filter.'),
    lookedAt: z.number().int().describe('How many of them were looked at for this page.'),
  }),
  audit: [],
  async run({ world, scope, now, input, permit }) {
    const everything = `arn:aws:kms:${scope.region}:${scope.account}:*`
    const partition = partitionOf(scope)
    const byUse = input.lastUsedBefore !== undefined || input.lastUsedAfter !== undefined
    const showsUse = input.include?.includes('lastUse') ?? false
    const showsAliases = input.include?.includes('aliases') ?? false
    if (byUse || showsUse) await permit('GetKeyLastUsage', everything)
    if (showsAliases) await permit('ListAliases', everything)
    const named =
      input.text !== undefined && (await mayList(() => permit('ListAliases', everything)))
        ? await keysNamed(world, partition, input.text)
        : new Set<string>()

    const lastUses = new Map<string, LastUse | undefined>()
    async function meets(key: Key): Promise<boolean> {
      if (!meetsFacts(key, input, named, now)) return false
      if (!byUse) return true
      const lastUse = await world.usage.lastUse(key)
      lastUses.set(key.keyId, lastUse)
      return (
        (input.lastUsedBefore === undefined || lastUse === undefined || lastUse.at < input.lastUsedBefore) &&
        (input.lastUsedAfter === undefined || (lastUse !== undefined && lastUse.at >= input.lastUsedAfter))
      )
    }

    const filters = [
      input.keyState,
      input.keySpec,
      input.keyUsage,
      input.origin,
      input.protectionLevel,
      input.tag,
      input.text,
      input.lastUsedBefore,
      input.lastUsedAfter,
    ].some((filter) => filter !== undefined)
    const read = (limit: number, after: string | undefined) =>
      world.store.list('key', {
        partition,
        index: 'created',
        limit,
        reverse: input.order === 'newest',
        ...(after === undefined ? {} : { after }),
      })

    const found: Key[] = []
    let lookedAt = 0
    let after = input.marker
    do {
      const page = await read(filters ? readAtOnce : input.limit, after)
      let taken = 0
      for (const key of page.records) {
        taken++
        if (!(await meets(key))) continue
        found.push(key)
        if (found.length === input.limit) break
      }
      lookedAt += taken
      // Full in the midst of what was read: the next page begins right there.
      after = taken < page.records.length ? (await read(taken, after)).next : page.next
    } while (after !== undefined && filters && found.length < input.limit && lookedAt < mostLookedAt)

    return {
      keys: await Promise.all(
        found.map(async (key) => ({
          ...describeKey(key, now),
          aliases: showsAliases ? await aliasesOf(world, partition, key.keyId) : undefined,
          lastUse: showsUse ? (lastUses.get(key.keyId) ?? (await world.usage.lastUse(key))) : undefined,
        })),
      ),
      nextMarker: after,
      total: await world.store.count('key', partition),
      lookedAt,
    }
  },
})

type Filters = {
  readonly keyState?: readonly string[] | undefined
  readonly keySpec?: readonly string[] | undefined
  readonly keyUsage?: readonly string[] | undefined
  readonly origin?: readonly string[] | undefined
  readonly protectionLevel?: readonly string[] | undefined
  readonly tag?: readonly string[] | undefined
  readonly text?: string | undefined
}

/** Whatever can be told from the record itself. A key that is gone meets nothing. */
function meetsFacts(key: Key, filters: Filters, named: ReadonlySet<string>, now: Instant): boolean {
  const { is } = stateAt(key, now)
  const agrees = (wanted: readonly string[] | undefined, value: string) => wanted?.includes(value) ?? true
  return (
    is !== 'Deleted' &&
    agrees(filters.keyState, is) &&
    agrees(filters.keySpec, key.spec) &&
    agrees(filters.keyUsage, key.usage) &&
    agrees(filters.origin, key.origin) &&
    agrees(filters.protectionLevel, key.protection) &&
    (filters.tag?.every((wanted) => hasTag(key, wanted)) ?? true) &&
    (filters.text === undefined || named.has(key.keyId) || mentions(key, filters.text))
  )
}

function hasTag({ tags }: Key, wanted: string): boolean {
  if (Object.hasOwn(tags, wanted)) return true
  // A name or a value may hold the sign too: every reading of the text counts.
  return Object.entries(tags).some(([name, value]) => `${name}=${value}` === wanted)
}

function mentions(key: Key, text: string): boolean {
  const lower = text.toLowerCase()
  return key.keyId.startsWith(lower) || key.description.toLowerCase().includes(lower)
}

async function mayList(permit: () => Promise<void>): Promise<boolean> {
  try {
    await permit()
    return true
  } catch (error) {
    if (error instanceof Problem && error.code === 'AccessDenied') return false
    throw error
  }
}

/** Keys with an alias that begins so, with or without its `alias/`. */
async function keysNamed(world: Pick<World, 'store'>, partition: string, text: string): Promise<ReadonlySet<string>> {
  const { records } = await world.store.list('alias', {
    partition,
    prefix: text.startsWith('alias/') ? text : `alias/${text}`,
    limit: mostAliasesFound,
  })
  return new Set(records.map(({ keyId }) => keyId))
}

async function aliasesOf(world: Pick<World, 'store'>, partition: string, keyId: string): Promise<string[]> {
  const { records } = await world.store.list('alias', { partition, index: 'key', prefix: `${keyId}/`, limit: 100 })
  return records.map(({ aliasName }) => aliasName)
}

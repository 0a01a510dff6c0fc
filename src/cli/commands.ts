/** A command for every operation, made from its schema: path members are arguments, the others are options. */
import { readFileSync } from 'node:fs'
import { type Command, Option } from 'commander'
import type { z } from 'zod'
import type { AnyOperation } from '../operations/operation.ts'
import { kindOf } from '../operations/shapes.ts'
import { usageError } from './exit-codes.ts'

/** How a member is written on a command line. */
type Field = {
  readonly name: string
  readonly flag: string
  readonly kind: 'text' | 'number' | 'boolean' | 'bytes' | 'pairs' | 'list' | 'json'
  readonly summary: string
  readonly choices?: readonly string[]
  readonly positional: boolean
  readonly required: boolean
}

export type Run = (operation: AnyOperation, input: Record<string, unknown>, command: Command) => Promise<void>

export function addOperationCommands(program: Command, operations: readonly AnyOperation[], run: Run): void {
  for (const operation of operations) {
    const words = operation.cli.split(' ')
    let parent = program
    for (const word of words.slice(0, -1)) {
      parent = parent.commands.find((command) => command.name() === word) ?? group(parent, word)
    }
    const fields = fieldsOf(operation)
    const command = parent.command(words[words.length - 1] as string).description(operation.summary)
    for (const field of fields.filter(({ positional }) => positional))
      command.argument(`<${field.flag}>`, field.summary)
    for (const field of fields.filter(({ positional }) => !positional)) command.addOption(optionFor(field))
    command.action(async (...given: unknown[]) => {
      const positionals = fields.filter(({ positional }) => positional)
      const input: Record<string, unknown> = {}
      positionals.forEach((field, index) => {
        input[field.name] = memberValue(field, given[index])
      })
      const options = command.opts<Record<string, unknown>>()
      for (const field of fields.filter(({ positional }) => !positional)) {
        const value = options[camel(field.flag)]
        if (value !== undefined) input[field.name] = memberValue(field, value)
      }
      await run(operation, input, command)
    })
  }
}

function group(parent: Command, word: string): Command {
  return parent.command(word).description(groupSummaries[word] ?? word)
}

const groupSummaries: Readonly<Record<string, string>> = {
  key: 'Keys: create, describe, list, enable, disable, rotate, delete',
  alias: 'Other names of keys',
  datakey: 'Data keys for envelope encryption',
  batch: 'Many pieces of data at once',
  asymmetric: 'Encryption with key pairs',
  mac: 'Message authentication codes',
  kem: 'Key encapsulation (ML-KEM)',
  import: 'Bring your own key material',
  'key-store': 'External key stores: keys that a key manager of yours holds the other half of',
  access: 'Principals, credentials, policies, accounts',
  audit: 'The audit log: search, verify, prove',
  usage: 'What keys were used for, and what they cost',
  event: 'What happened to keys',
}

function fieldsOf(operation: AnyOperation): readonly Field[] {
  const schema = operation.input as z.ZodObject
  const inPath = [...operation.rest.matchAll(/\{(\w+)\}/g)].map(([, name]) => name as string)
  return Object.entries(schema.shape).map(([name, member]) => {
    const { inner, required } = unwrapped(member as z.core.$ZodType)
    const { def } = inner._zod as { def: z.core.$ZodTypeDef & { entries?: Record<string, string> } }
    return {
      name,
      flag:
        name === 'keyId' && inPath.includes(name)
          ? 'key'
          : name.replace(/([A-Z])/g, (letter) => `-${letter.toLowerCase()}`),
      kind: kindFor(inner, def.type),
      summary: (member as z.ZodType).description ?? '',
      ...(def.type === 'enum' ? { choices: Object.values(def.entries ?? {}) } : {}),
      positional: inPath.includes(name),
      required,
    }
  })
}

function unwrapped(schema: z.core.$ZodType): { readonly inner: z.core.$ZodType; readonly required: boolean } {
  let inner = schema
  let required = true
  for (;;) {
    const { def } = inner._zod as { def: z.core.$ZodTypeDef & { innerType?: z.core.$ZodType } }
    if (def.innerType === undefined) return { inner, required }
    if (def.type === 'optional' || def.type === 'default') required = false
    inner = def.innerType
  }
}

function kindFor(schema: z.core.$ZodType, type: string): Field['kind'] {
  if (kindOf(schema) === 'bytes') return 'bytes'
  switch (type) {
    case 'number':
    case 'int':
      return 'number'
    case 'boolean':
    case 'literal':
      return type === 'literal' ? 'boolean' : 'boolean'
    case 'record':
      return 'pairs'
    case 'array':
      return isTextArray(schema) ? 'list' : 'json'
    default:
      return 'text'
  }
}

function isTextArray(schema: z.core.$ZodType): boolean {
  const { element } = schema._zod.def as unknown as { element: z.core.$ZodType }
  return element._zod.def.type === 'string'
}

function optionFor(field: Field): Option {
  const shape: Record<Field['kind'], string> = {
    text: ' <text>',
    number: ' <number>',
    boolean: '',
    bytes: ' <@file|text|base64:...>',
    pairs: ' <name=value...>',
    list: ' <item...>',
    json: ' <json>',
  }
  const option = new Option(`--${field.flag}${shape[field.kind]}`, field.summary)
  if (field.choices !== undefined) option.choices(field.choices)
  if (field.required) option.makeOptionMandatory()
  return option
}

const camel = (flag: string) => flag.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())

function memberValue(field: Field, given: unknown): unknown {
  switch (field.kind) {
    case 'number': {
      const number = Number(given)
      if (!Number.isFinite(number)) throw usageError(`--${field.flag} takes a number, not ${String(given)}.`)
      return number
    }
    case 'bytes':
      return bytesOf(String(given))
    case 'pairs':
      return pairsOf(field.flag, given as readonly string[])
    case 'json':
      try {
        return JSON.parse(String(given))
      } catch {
        throw usageError(`--${field.flag} takes JSON.`)
      }
    default:
      return given
  }
}

export function pairsOf(flag: string, given: readonly string[]): Record<string, string> {
  const pairs: Record<string, string> = {}
  for (const pair of given) {
    const equals = pair.indexOf('=')
    if (equals < 1) throw usageError(`--${flag} takes name=value, not ${pair}.`)
    const name = pair.slice(0, equals)
    if (name in pairs) throw usageError(`--${flag} names ${name} twice.`)
    pairs[name] = pair.slice(equals + 1)
  }
  return pairs
}

/** `@file`, `@-` for stdin, `base64:...`, or the text itself; as base64, which is what the API takes. */
export function bytesOf(given: string): string {
  if (given.startsWith('base64:')) return given.slice(7)
  if (!given.startsWith('@')) return Buffer.from(given, 'utf8').toString('base64')
  return readInput(given.slice(1)).toString('base64')
}

/** A file's content; `-` is stdin. */
export function readInput(path: string): Buffer {
  try {
    return readFileSync(path === '-' ? 0 : path)
  } catch (error) {
    throw usageError(`${path} cannot be read: ${(error as Error).message}`)
  }
}

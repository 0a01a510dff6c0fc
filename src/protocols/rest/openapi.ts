/** The OpenAPI 3.1 document of the REST face, read off the operations. */
import { z } from 'zod'
import { problemCodes } from '../../domain/errors.ts'
import type { AnyOperation } from '../../operations/operation.ts'

type JsonSchema = { [member: string]: unknown; properties?: Record<string, JsonSchema>; required?: string[] }

/** What stands on the wire is the input side of every codec. */
function wireSchema(schema: z.ZodType): JsonSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    reused: 'inline',
  }) as JsonSchema
  return rest
}

const groupNames: Record<AnyOperation['group'], string> = {
  cryptography: 'Cryptography',
  keys: 'Keys',
  versions: 'Key versions and rotation',
  material: 'Importing key material',
  keyStores: 'External key stores',
  aliases: 'Aliases',
  access: 'Access',
  audit: 'Audit log',
  usage: 'Usage and fees',
}

export function openApiDocument(operations: readonly AnyOperation[], version: string): object {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const operation of operations) {
    const [method = '', path = ''] = operation.rest.split(' ')
    paths[path] = { ...paths[path], [method.toLowerCase()]: describe(operation, method, path) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Keyward',
      version,
      description:
        'A self-hosted key management service. Bytes are base64 (RFC 4648, section 4), instants RFC 3339. Wherever a key id is asked for, an alias serves too; in a path write it alias%2FNAME. The region is that of the header X-Keyward-Region.',
    },
    servers: [{ url: '/' }],
    security: [{ token: [] }],
    tags: Object.entries(groupNames).map(([, name]) => ({ name })),
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      schemas: {
        Problem: {
          type: 'object',
          description: 'RFC 9457, with a stable code, the request id, and the mend in words.',
          required: ['type', 'title', 'status', 'code', 'detail', 'requestId'],
          properties: {
            type: { type: 'string' },
            title: { type: 'string' },
            status: { type: 'integer' },
            code: { type: 'string', enum: problemCodes },
            detail: { type: 'string' },
            mend: { type: 'string' },
            member: { type: 'string' },
            requestId: { type: 'string' },
          },
        },
      },
    },
  }
}

function describe(operation: AnyOperation, method: string, path: string): object {
  const input = wireSchema(operation.input)
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name as string)
  const rest = Object.entries(input.properties ?? {}).filter(([name]) => !inPath.includes(name))
  const required = (input.required ?? []).filter((name) => !inPath.includes(name))
  const inQuery = method === 'GET' || method === 'DELETE'
  return {
    operationId: operation.name,
    summary: operation.summary,
    description: operation.rightsByItem ? '' : `Right: \`kms:${operation.key?.action ?? operation.name}\`.`,
    tags: [groupNames[operation.group]],
    parameters: [
      ...inPath.map((name) => ({ name, in: 'path', required: true, schema: input.properties?.[name] })),
      ...(inQuery
        ? rest.map(([name, schema]) => ({ name, in: 'query', required: required.includes(name), schema }))
        : []),
      { name: 'X-Keyward-Region', in: 'header', required: false, schema: { type: 'string' } },
    ],
    ...(inQuery || rest.length === 0
      ? {}
      : {
          requestBody: {
            required: required.length > 0,
            content: {
              'application/json': {
                schema: { type: 'object', properties: Object.fromEntries(rest), required, additionalProperties: false },
              },
            },
          },
        }),
    responses: {
      '200': { description: 'Done.', content: { 'application/json': { schema: wireSchema(operation.output) } } },
      default: {
        description: 'What went wrong, and the mend.',
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    },
  }
}

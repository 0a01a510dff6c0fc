/** Every action of the API version 2016-01-20: what it is here, or why it is not. */
import type { Action } from '../action.ts'
import { aliasActions } from './aliases.ts'
import { cryptographyActions } from './cryptography.ts'
import { keyActions } from './keys.ts'
import { materialActions } from './material.ts'
import { serviceActions } from './service.ts'
import { tagActions } from './tags.ts'
import { unsupportedActions } from './unsupported.ts'
import { versionActions } from './versions.ts'

export const actions: ReadonlyMap<string, Action> = new Map<string, Action>(
  Object.entries({
    ...keyActions,
    ...cryptographyActions,
    ...materialActions,
    ...versionActions,
    ...aliasActions,
    ...tagActions,
    ...serviceActions,
    ...unsupportedActions,
  }),
)

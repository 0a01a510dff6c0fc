/** Aliases. A key can be named by one wherever it can be named by its id (R57). */
import { type Binding, nothing } from '../action.ts'
import { changesState } from '../errors.ts'
import { type Members, required, text } from '../members.ts'
import { pageParameters } from '../pages.ts'
import { acsArnOf } from '../words.ts'

const keyId = required(text('keyId'))
const aliasName = required(text('aliasName'))

function alias({ KeyId, AliasName, AliasArn }: Members): Members {
  return { KeyId, AliasName, AliasArn: acsArnOf(AliasArn as string) }
}

const list = { items: 'aliases', member: 'Aliases', element: 'Alias' } as const

export const aliasActions = {
  CreateAlias: {
    operation: 'CreateAlias',
    parameters: { KeyId: keyId, AliasName: aliasName },
    answer: nothing,
    rewording: changesState,
  },
  // Looks at the new key only, and refuses it in the words of using a key.
  UpdateAlias: { operation: 'UpdateAlias', parameters: { KeyId: keyId, AliasName: aliasName }, answer: nothing },
  DeleteAlias: { operation: 'DeleteAlias', parameters: { AliasName: aliasName }, answer: nothing },
  ListAliases: { operation: 'ListAliases', parameters: pageParameters, list, answer: alias },
  ListAliasesByKeyId: {
    operation: 'ListAliases',
    parameters: { KeyId: keyId, ...pageParameters },
    list,
    answer: alias,
  },
} satisfies Record<string, Binding>

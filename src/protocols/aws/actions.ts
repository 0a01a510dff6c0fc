/** All actions of AWS KMS, each with its row. One that the model has and no file binds does not compile. */
import { access } from './actions/access.ts'
import { cryptography } from './actions/cryptography.ts'
import { keyStores } from './actions/key-stores.ts'
import { keys } from './actions/keys.ts'
import { material } from './actions/material.ts'
import type { Rows } from './binding.ts'

export const actions: Rows = { ...cryptography, ...keys, ...material, ...access, ...keyStores }

/** All words of the console in English: one file per area, beside its screens. `zh.ts` has the same shape. */

import { keys } from '../screens/keys/messages.en.ts'
import { app } from '../screens/shell/messages.en.ts'

export const en = { app, keys }

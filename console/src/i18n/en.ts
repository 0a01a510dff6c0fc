/** All words of the console in English: one file per area, beside its screens. `zh.ts` has the same shape. */

import { access } from '../screens/access/messages.en.ts'
import { account } from '../screens/account/messages.en.ts'
import { aliases } from '../screens/aliases/messages.en.ts'
import { approvals } from '../screens/approvals/messages.en.ts'
import { audit } from '../screens/audit/messages.en.ts'
import { events } from '../screens/events/messages.en.ts'
import { fees } from '../screens/fees/messages.en.ts'
import { keys } from '../screens/keys/messages.en.ts'
import { signIn } from '../screens/login/messages.en.ts'
import { overview } from '../screens/overview/messages.en.ts'
import { settings } from '../screens/settings/messages.en.ts'
import { app } from '../screens/shell/messages.en.ts'
import { workbench } from '../screens/workbench/messages.en.ts'

export const en = {
  account,
  app,
  keys,
  overview,
  aliases,
  audit,
  access,
  approvals,
  events,
  fees,
  settings,
  signIn,
  workbench,
}

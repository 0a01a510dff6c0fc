import { access } from '../screens/access/messages.zh.ts'
import { account } from '../screens/account/messages.zh.ts'
import { aliases } from '../screens/aliases/messages.zh.ts'
import { approvals } from '../screens/approvals/messages.zh.ts'
import { audit } from '../screens/audit/messages.zh.ts'
import { events } from '../screens/events/messages.zh.ts'
import { fees } from '../screens/fees/messages.zh.ts'
import { keys } from '../screens/keys/messages.zh.ts'
import { signIn } from '../screens/login/messages.zh.ts'
import { overview } from '../screens/overview/messages.zh.ts'
import { settings } from '../screens/settings/messages.zh.ts'
import { app } from '../screens/shell/messages.zh.ts'
import { workbench } from '../screens/workbench/messages.zh.ts'
import type { en } from './en.ts'

export const zh: typeof en = {
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

import { keys } from '../screens/keys/messages.zh.ts'
import { app } from '../screens/shell/messages.zh.ts'
import type { en } from './en.ts'

export const zh: typeof en = { app, keys }

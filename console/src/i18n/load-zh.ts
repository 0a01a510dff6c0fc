import messages from '@cloudscape-design/components/i18n/messages/all.zh-CN'
import { zh } from './zh.ts'

export const loaded = { text: zh, messages }

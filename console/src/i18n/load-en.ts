import messages from '@cloudscape-design/components/i18n/messages/all.en'
import { en } from './en.ts'

export const loaded = { text: en, messages }

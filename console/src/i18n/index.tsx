/** The language of the console: its catalogue and Cloudscape's own messages, loaded as one chunk per language. */
import { I18nProvider, type I18nProviderProps } from '@cloudscape-design/components/i18n'
import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from 'react'
import type { en } from './en.ts'
import { type Formats, formatsFor } from './formats.ts'

export type Catalogue = typeof en
export type Language = 'en' | 'zh-CN'
export const languages: Readonly<Record<Language, string>> = { en: 'English', 'zh-CN': '简体中文' }

export type { Formats }

type Loaded = { readonly text: Catalogue; readonly messages: I18nProviderProps.Messages }
const loaders: Readonly<Record<Language, () => Promise<Loaded>>> = {
  en: () => import('./load-en.ts').then(({ loaded }) => loaded),
  'zh-CN': () => import('./load-zh.ts').then(({ loaded }) => loaded),
}

type I18n = Loaded & { readonly language: Language; readonly setLanguage: (language: Language) => void }
const I18nContext = createContext<I18n | undefined>(undefined)

const remembered = 'keyward.language'
function firstLanguage(): Language {
  const chosen = localStorage.getItem(remembered)
  if (chosen === 'en' || chosen === 'zh-CN') return chosen
  return navigator.language.toLowerCase().startsWith('zh') ? 'zh-CN' : 'en'
}

export function LanguageProvider({ children }: { readonly children: ReactNode }) {
  const [language, setLanguage] = useState(firstLanguage)
  const [loaded, setLoaded] = useState<Loaded & { readonly language: Language }>()
  useEffect(() => {
    let current = true
    loaders[language]().then((catalogue) => {
      if (!current) return
      document.documentElement.lang = language
      setLoaded({ ...catalogue, language })
    })
    return () => {
      current = false
    }
  }, [language])
  const value = useMemo(
    () =>
      loaded && {
        ...loaded,
        setLanguage(chosen: Language) {
          localStorage.setItem(remembered, chosen)
          setLanguage(chosen)
        },
      },
    [loaded],
  )
  if (value === undefined) return null
  return (
    <I18nContext value={value}>
      <I18nProvider locale={value.language} messages={[value.messages]}>
        {children}
      </I18nProvider>
    </I18nContext>
  )
}

function useI18n(): I18n {
  const value = useContext(I18nContext)
  if (value === undefined) throw new Error('outside LanguageProvider')
  return value
}

/** All words of the console, in the chosen language: `text.keys.title`. */
export function useText(): Catalogue {
  return useI18n().text
}

export function useLanguage(): Pick<I18n, 'language' | 'setLanguage'> {
  return useI18n()
}

/** Dates, numbers and spans of time in the chosen language. */
export function useFormats(): Formats {
  const { language } = useI18n()
  return useMemo(() => formatsFor(language), [language])
}

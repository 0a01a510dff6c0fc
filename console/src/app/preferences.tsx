/** What a person has chosen for this browser: light or dark, and the region. Nothing secret is ever kept here. */
import { applyMode, Mode } from '@cloudscape-design/global-styles'
import { useQueryClient } from '@tanstack/react-query'
import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from 'react'
import { setRegionOfCalls } from '../api/client.ts'

export type Theme = 'system' | 'light' | 'dark'
type Preferences = {
  readonly theme: Theme
  readonly setTheme: (theme: Theme) => void
  /** Undefined: the service's own region. */
  readonly region: string | undefined
  readonly setRegion: (region: string) => void
}

const PreferencesContext = createContext<Preferences | undefined>(undefined)
const rememberedTheme = 'keyward.theme'
const rememberedRegion = 'keyward.region'

function firstTheme(): Theme {
  const chosen = localStorage.getItem(rememberedTheme)
  return chosen === 'light' || chosen === 'dark' ? chosen : 'system'
}

export function PreferencesProvider({ children }: { readonly children: ReactNode }) {
  const queries = useQueryClient()
  const [theme, setTheme] = useState(firstTheme)
  const [region, setRegion] = useState(() => localStorage.getItem(rememberedRegion) ?? undefined)
  setRegionOfCalls(region)

  useEffect(() => {
    const system = matchMedia('(prefers-color-scheme: dark)')
    const apply = () => {
      const dark = theme === 'dark' || (theme === 'system' && system.matches)
      applyMode(dark ? Mode.Dark : Mode.Light)
      document.documentElement.style.colorScheme = dark ? 'dark' : 'light'
    }
    apply()
    system.addEventListener('change', apply)
    return () => system.removeEventListener('change', apply)
  }, [theme])

  const value = useMemo(
    () => ({
      theme,
      setTheme(chosen: Theme) {
        localStorage.setItem(rememberedTheme, chosen)
        setTheme(chosen)
      },
      region,
      setRegion(chosen: string) {
        localStorage.setItem(rememberedRegion, chosen)
        setRegionOfCalls(chosen)
        setRegion(chosen)
        // Everything on the screen is of another region now.
        queries.resetQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'session' })
      },
    }),
    [theme, region, queries],
  )
  return <PreferencesContext value={value}>{children}</PreferencesContext>
}

export function usePreferences(): Preferences {
  const value = useContext(PreferencesContext)
  if (value === undefined) throw new Error('outside PreferencesProvider')
  return value
}

/** Every screen: its path is the path of the API that it shows. Each is a chunk of its own, loaded when it is first seen. */
import type { ComponentType } from 'react'
import type { Catalogue } from '../i18n/index.tsx'

export type Screen = {
  /** Below /ui; `$name` takes a part of the path (`useParams`). */
  readonly path: string
  readonly load: () => Promise<ComponentType>
  /** Its place in the side navigation; without it, it is reached from other screens. */
  readonly inSideNavigation?: { readonly section: Section; readonly label: (text: Catalogue) => string }
}

/** The sections of the side navigation, in this order. */
export const sections = ['top', 'use', 'watch', 'manage'] as const
export type Section = (typeof sections)[number]

export const screens: readonly Screen[] = [
  {
    path: '/keys',
    load: () => import('../screens/keys/key-list.tsx').then((file) => file.KeyList),
    inSideNavigation: { section: 'top', label: (text) => text.keys.title },
  },
  { path: '/keys/new', load: () => import('../screens/keys/create-key.tsx').then((file) => file.CreateKey) },
  {
    path: '/keys/$keyId',
    load: () => import('../screens/keys/details/key-details.tsx').then((file) => file.KeyDetails),
  },
  {
    path: '/keys/$keyId/import',
    load: () => import('../screens/keys/import/import-material.tsx').then((file) => file.ImportMaterial),
  },
]

/** Where one arrives after signing in. */
export const firstScreen = '/keys'

/** What stands around every screen: navigation, language, theme, region, account, notices, and the way back. */
import AppLayoutToolbar from '@cloudscape-design/components/app-layout-toolbar'
import Badge from '@cloudscape-design/components/badge'
import BreadcrumbGroup from '@cloudscape-design/components/breadcrumb-group'
import SideNavigation, { type SideNavigationProps } from '@cloudscape-design/components/side-navigation'
import TopNavigation, { type TopNavigationProps } from '@cloudscape-design/components/top-navigation'
import { Outlet, useRouterState } from '@tanstack/react-router'
import { lazy, Suspense, useEffect, useState } from 'react'
import { request } from '../api/client.ts'
import { type Session, useSession } from '../api/session.ts'
import { type Language, languages, useLanguage, useText } from '../i18n/index.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
// First of all: it takes out of the address what must not stay there.
import '../screens/login/arrival.ts'
import { StepUpDialog } from '../screens/login/step-up.tsx'
import { ErrorBoundary } from './error-boundary.tsx'
import { base, useFollow } from './follow.tsx'
import icon from './icon.svg'
import { NotificationBar } from './notifications.tsx'
import { Pending } from './pending.tsx'
import { type Theme, usePreferences } from './preferences.tsx'
import { firstScreen, screens, sections } from './screens.ts'

const Entrance = lazy(() => import('../screens/login/entrance.tsx').then((file) => ({ default: file.Entrance })))

export function Shell() {
  const { data: session, error, refetch } = useSession()
  return (
    <>
      <Top session={session} />
      {session?.state === 'signed-in' ? (
        <Inside devMode={session.devMode} />
      ) : (
        <main>
          {error !== null ? (
            <ProblemAlert error={error} retry={() => void refetch()} />
          ) : (
            <Suspense fallback={<Pending />}>
              {session === undefined ? <Pending /> : <Entrance session={session} />}
            </Suspense>
          )}
        </main>
      )}
    </>
  )
}

function Inside({ devMode }: { readonly devMode: boolean }) {
  const text = useText()
  const { pathname } = useRouterState({ select: ({ location }) => location })
  const [navigationOpen, setNavigationOpen] = useState(() => innerWidth > 688)
  const narrow = () => innerWidth <= 688
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new place closes the navigation that covers it
  useEffect(() => {
    if (narrow()) setNavigationOpen(false)
  }, [pathname])
  return (
    <AppLayoutToolbar
      headerSelector="#top"
      navigation={<Side pathname={pathname} devMode={devMode} />}
      navigationOpen={navigationOpen}
      onNavigationChange={({ detail }) => setNavigationOpen(detail.open)}
      breadcrumbs={<Crumbs pathname={pathname} />}
      notifications={<NotificationBar />}
      stickyNotifications
      toolsHide
      ariaLabels={{
        navigation: text.app.navigation,
        navigationClose: text.app.closeNavigation,
        navigationToggle: text.app.openNavigation,
        notifications: text.app.notifications,
      }}
      content={
        <>
          <ErrorBoundary place={pathname}>
            <Suspense fallback={<Pending />}>
              <Outlet />
            </Suspense>
          </ErrorBoundary>
          <StepUpDialog />
        </>
      }
    />
  )
}

function Side({ pathname, devMode }: { readonly pathname: string; readonly devMode: boolean }) {
  const text = useText()
  const follow = useFollow()
  const items: SideNavigationProps.Item[] = []
  for (const section of sections) {
    const links = screens.flatMap(({ path, inSideNavigation }) =>
      inSideNavigation?.section === section
        ? [{ type: 'link' as const, text: inSideNavigation.label(text), href: base + path }]
        : [],
    )
    if (links.length === 0) continue
    if (section === 'top') items.push(...links)
    else items.push({ type: 'section-group', title: text.app.sections[section], items: links })
  }
  items.push({ type: 'divider' }, { type: 'link', text: text.app.apiDocumentation, href: '/docs/', external: true })
  const here = screens
    .map(({ path }) => path)
    .filter((path) => pathname === path || pathname.startsWith(`${path}/`))
    .sort((one, other) => other.length - one.length)[0]
  return (
    <SideNavigation
      header={{ text: text.app.product, href: base + firstScreen }}
      {...(devMode ? { itemsControl: <Badge color="severity-medium">{text.app.devMode}</Badge> } : {})}
      items={items}
      activeHref={base + (here ?? pathname)}
      onFollow={follow}
    />
  )
}

/** `/keys/ID/import` is also `/keys` and `/keys/ID`: each part of a path that is a screen leads there. */
function Crumbs({ pathname }: { readonly pathname: string }) {
  const text = useText()
  const follow = useFollow()
  const parts = pathname.split('/').filter((part) => part !== '')
  const items = parts.flatMap((part, index) => {
    const path = `/${parts.slice(0, index + 1).join('/')}`
    const screen = screens.find((one) => one.path === path) ?? screens.find((one) => matches(one.path, path))
    if (screen === undefined) return []
    const words = (text.app.crumbs as Readonly<Record<string, string>>)[part]
    return [{ text: screen.inSideNavigation?.label(text) ?? words ?? decodeURIComponent(part), href: base + path }]
  })
  return (
    <BreadcrumbGroup
      items={[{ text: text.app.product, href: base + firstScreen }, ...items]}
      onFollow={follow}
      ariaLabel={text.app.breadcrumbs}
    />
  )
}

/** `/keys/$keyId` takes any key. */
function matches(pattern: string, path: string): boolean {
  const [wanted, given] = [pattern.split('/'), path.split('/')]
  return wanted.length === given.length && wanted.every((part, at) => part.startsWith('$') || part === given[at])
}

function Top({ session }: { readonly session: Session | undefined }) {
  const text = useText()
  const follow = useFollow()
  const { language, setLanguage } = useLanguage()
  const { theme, setTheme, region, setRegion } = usePreferences()
  const menu = (
    label: string,
    shown: string,
    choices: readonly { readonly id: string; readonly text: string }[],
    chosen: string,
    choose: (id: string) => void,
  ): TopNavigationProps.Utility => ({
    type: 'menu-dropdown',
    text: shown,
    ariaLabel: `${label}: ${shown}`,
    title: label,
    items: choices.map(({ id, text: words }) => ({
      id,
      text: words,
      itemType: 'checkbox' as const,
      checked: id === chosen,
    })),
    onItemClick: ({ detail }) => choose(detail.id),
  })

  const utilities: TopNavigationProps.Utility[] = [
    menu(
      text.app.language,
      languages[language],
      Object.entries(languages).map(([id, name]) => ({ id, text: name })),
      language,
      (id) => setLanguage(id as Language),
    ),
    menu(
      text.app.theme,
      text.app.themes[theme],
      Object.entries(text.app.themes).map(([id, name]) => ({ id, text: name })),
      theme,
      (id) => setTheme(id as Theme),
    ),
  ]
  if (session?.state === 'signed-in' && session.principal !== undefined) {
    const here = region ?? session.defaultRegion
    const regions = [...new Set([here, session.defaultRegion, ...session.regions])]
    utilities.push(
      menu(
        text.app.region,
        here,
        regions.map((id) => ({ id, text: id })),
        here,
        setRegion,
      ),
      {
        type: 'menu-dropdown',
        text: session.principal.name,
        description: session.principal.account,
        iconName: 'user-profile',
        ariaLabel: `${text.app.account}: ${session.principal.name}`,
        items: [
          ...accountMenu.map(({ path, label }) => ({ id: path, text: label(text), href: base + path })),
          { id: 'sign-out', text: text.app.signOut },
        ],
        onItemFollow: follow,
        onItemClick: async ({ detail }) => {
          if (detail.id !== 'sign-out') return
          await request({ method: 'POST', path: '/ui/api/logout' }).catch(() => {})
          // A new page: nothing that was shown or decrypted stays in memory.
          location.replace(`${base}/`)
        },
      },
    )
  }
  return (
    <header id="top">
      <TopNavigation
        identity={{
          href: base + firstScreen,
          title: text.app.product,
          logo: { src: icon, alt: text.app.product },
          onFollow: follow,
        }}
        utilities={utilities}
      />
    </header>
  )
}

/** Entries of the account menu, above "sign out". */
const accountMenu: readonly { readonly path: string; readonly label: (text: ReturnType<typeof useText>) => string }[] =
  [{ path: '/account', label: (text) => text.account.title }]

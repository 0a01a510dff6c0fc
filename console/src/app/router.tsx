/** The routes, made from the list of screens. Everything in a query string is plain text, so that addresses can be read. */
import { createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect } from '@tanstack/react-router'
import { Broken } from './error-boundary.tsx'
import { base } from './follow.tsx'
import { NotFound, Pending } from './pending.tsx'
import { firstScreen, screens } from './screens.ts'
import { Shell } from './shell.tsx'

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound, errorComponent: Broken })

export const router = createRouter({
  basepath: base,
  routeTree: root.addChildren([
    createRoute({
      getParentRoute: () => root,
      path: '/',
      beforeLoad: () => {
        throw redirect({ href: base + firstScreen, replace: true })
      },
    }),
    ...screens.map(({ path, load }) =>
      createRoute({
        getParentRoute: () => root,
        path,
        component: lazyRouteComponent(() => load().then((component) => ({ default: component }))),
        errorComponent: Broken,
      }),
    ),
  ]),
  parseSearch: (text) => Object.fromEntries(new URLSearchParams(text)),
  stringifySearch: (search) => {
    const text = new URLSearchParams(search as Record<string, string>).toString()
    return text === '' ? '' : `?${text}`
  },
  defaultPendingComponent: Pending,
  scrollRestoration: true,
})

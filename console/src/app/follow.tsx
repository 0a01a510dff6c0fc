/** Links: Cloudscape's anchors, followed by the router without loading the page again. */
import Link, { type LinkProps } from '@cloudscape-design/components/link'
import { useRouter } from '@tanstack/react-router'
import { useCallback } from 'react'

/** Where the console is served; paths of screens are the paths of the API below it. */
export const base = '/ui'

/** For `onFollow` of anything that has an `href`: its own screens are followed here, others by the browser. */
export function useFollow() {
  const router = useRouter()
  return useCallback(
    (event: { detail: { href?: string | undefined; external?: boolean | undefined }; preventDefault(): void }) => {
      const { href, external } = event.detail
      if (external || href === undefined || !href.startsWith(`${base}/`)) return
      event.preventDefault()
      router.history.push(href)
    },
    [router],
  )
}

/** `useGo()('/keys')`. */
export function useGo(): (path: string) => void {
  const router = useRouter()
  return useCallback((path) => router.history.push(base + path), [router])
}

/** A link to a screen, `/keys/...`. */
export function ScreenLink({ to, ...rest }: { readonly to: string } & Omit<LinkProps, 'href' | 'onFollow'>) {
  return <Link {...rest} href={base + to} onFollow={useFollow()} />
}

/** Of a button or a menu item that leads to a screen. */
export function useButtonTo(to: string) {
  return { href: base + to, onFollow: useFollow() }
}

import '@cloudscape-design/global-styles/index.css'
import './app/console.css'
import { QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { ApiProblem } from './api/client.ts'
import { sessionKey } from './api/session.ts'
import { NotificationsProvider } from './app/notifications.tsx'
import { PreferencesProvider } from './app/preferences.tsx'
import { router } from './app/router.tsx'
import { LanguageProvider } from './i18n/index.tsx'

/** A session that has ended shows the way in again, whichever call noticed. */
function noticeEndedSession(error: unknown) {
  if (error instanceof ApiProblem && error.status === 401) queries.invalidateQueries({ queryKey: sessionKey })
}

const queries: QueryClient = new QueryClient({
  queryCache: new QueryCache({ onError: noticeEndedSession }),
  defaultOptions: {
    queries: {
      // What the server has refused it refuses again; only what did not reach it is worth another try.
      retry: (count, error) => error instanceof ApiProblem && error.status === 0 && count < 2,
      staleTime: 5_000,
    },
    mutations: { onError: noticeEndedSession },
  },
})

createRoot(document.getElementById('console') as HTMLElement).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <PreferencesProvider>
        <LanguageProvider>
          <NotificationsProvider>
            <RouterProvider router={router} />
          </NotificationsProvider>
        </LanguageProvider>
      </PreferencesProvider>
    </QueryClientProvider>
  </StrictMode>,
)

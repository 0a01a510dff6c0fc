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
    path: '/overview',
    load: () => import('../screens/overview/overview.tsx').then((file) => file.Overview),
    inSideNavigation: { section: 'top', label: (text) => text.overview.title },
  },
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
  {
    path: '/aliases',
    load: () => import('../screens/aliases/alias-list.tsx').then((file) => file.AliasList),
    inSideNavigation: { section: 'top', label: (text) => text.aliases.title },
  },
  {
    path: '/workbench',
    load: () => import('../screens/workbench/workbench.tsx').then((file) => file.Workbench),
    inSideNavigation: { section: 'use', label: (text) => text.workbench.title },
  },
  {
    path: '/audit/records',
    load: () => import('../screens/audit/audit-list.tsx').then((file) => file.AuditList),
    inSideNavigation: { section: 'watch', label: (text) => text.audit.title },
  },
  {
    path: '/audit/records/$index',
    load: () => import('../screens/audit/audit-record.tsx').then((file) => file.AuditRecordDetails),
  },
  {
    path: '/events',
    load: () => import('../screens/events/event-list.tsx').then((file) => file.EventList),
    inSideNavigation: { section: 'watch', label: (text) => text.events.title },
  },
  {
    path: '/usage-report',
    load: () => import('../screens/fees/usage-report.tsx').then((file) => file.UsageReport),
    inSideNavigation: { section: 'watch', label: (text) => text.fees.title },
  },
  {
    path: '/import-requests',
    load: () => import('../screens/approvals/approvals.tsx').then((file) => file.Approvals),
    inSideNavigation: { section: 'manage', label: (text) => text.approvals.title },
  },
  {
    path: '/principals',
    load: () => import('../screens/access/principal-list.tsx').then((file) => file.PrincipalList),
    inSideNavigation: { section: 'manage', label: (text) => text.access.principals },
  },
  {
    path: '/principals/$principalName',
    load: () => import('../screens/access/principal.tsx').then((file) => file.PrincipalDetails),
  },
  {
    path: '/policies',
    load: () => import('../screens/access/policy-list.tsx').then((file) => file.PolicyList),
    inSideNavigation: { section: 'manage', label: (text) => text.access.policies },
  },
  {
    path: '/policies/$policyName',
    load: () => import('../screens/access/policy.tsx').then((file) => file.PolicyDetails),
  },
  {
    path: '/access/explain',
    load: () => import('../screens/access/tester.tsx').then((file) => file.Tester),
    inSideNavigation: { section: 'manage', label: (text) => text.access.tester },
  },
  {
    path: '/account',
    load: () => import('../screens/account/account.tsx').then((file) => file.Account),
  },
  {
    path: '/settings',
    load: () => import('../screens/settings/settings.tsx').then((file) => file.Settings),
    inSideNavigation: { section: 'manage', label: (text) => text.settings.title },
  },
]

/** Where one arrives after signing in. */
export const firstScreen = '/overview'

// The page registry: every page is one entry here, and is loaded when somebody goes to it.
import type { Component } from 'svelte';
import { can, session, type Permission } from './api';
import type { IconName } from './ui/icons';
import type { common } from './i18n/common';
import type { Params } from './router.svelte';

/** What a page's component is given. */
export interface PageProps {
  params: Params;
}

/** What a page's file has. */
export interface PageModule {
  // Whatever props it names: a page that needs no parameters takes none.
  default: Component<any>;
  /** Asks for what it will read first, for an address with this query: as soon as there is a token. */
  preload?: (query: URLSearchParams) => void;
}

type TitleKey = Extract<Parameters<typeof common>[0], `nav.${string}` | `title.${string}`>;

export interface Page {
  /** `/users/:id`; `:id` becomes `params.id`. */
  path: string;
  /** The key of its title in `i18n/common.ts`; also its name in the navigation. */
  title: TitleKey;
  /** Any of these lets the caller in; without it everybody who is signed in. */
  permissions?: readonly Permission[];
  /** For the company's own people only, not for those of its customers. */
  staff?: true;
  /** Its sign in the main navigation; without one it is not there. */
  icon?: IconName;
  /** Works without a session, and has no navigation around it. */
  open?: true;
  load: () => Promise<PageModule>;
}

/** Whether the page is for whoever is signed in. */
export const isFor = ({ permissions, staff }: Pick<Page, 'permissions' | 'staff'>): boolean =>
  (!permissions || permissions.some(can)) && (!staff || session.staff);

/** In the order of the navigation. */
export const pages: readonly Page[] = [
  { path: '/', title: 'nav.overview', icon: 'overview', load: () => import('./pages/overview/Overview.svelte') },
  {
    path: '/users',
    title: 'nav.users',
    icon: 'users',
    load: () => import('./pages/users/Users.svelte'),
  },
  {
    path: '/imports',
    title: 'nav.imports',
    permissions: ['imports.run'],
    icon: 'upload',
    load: () => import('./pages/imports/Imports.svelte'),
  },
  {
    path: '/imports/:id',
    title: 'nav.imports',
    permissions: ['imports.run'],
    load: () => import('./pages/imports/Import.svelte'),
  },
  {
    path: '/exports',
    title: 'nav.exports',
    permissions: ['exports.run', 'audit.read'],
    icon: 'download',
    load: () => import('./pages/exports/Exports.svelte'),
  },
  {
    path: '/licences',
    title: 'nav.licences',
    staff: true,
    icon: 'key',
    load: () => import('./pages/licences/Licences.svelte'),
  },
  {
    path: '/accounts',
    title: 'nav.accounts',
    permissions: ['accounts.manage'],
    icon: 'accounts',
    load: () => import('./pages/accounts/Accounts.svelte'),
  },
  { path: '/groups', title: 'nav.groups', icon: 'groups', load: () => import('./pages/groups/Groups.svelte') },
  {
    path: '/roles',
    title: 'nav.roles',
    icon: 'shield',
    load: () => import('./pages/roles/Roles.svelte'),
  },
  {
    path: '/company',
    title: 'nav.company',
    permissions: ['tenant.manage'],
    icon: 'settings',
    load: () => import('./pages/company/Company.svelte'),
  },
  {
    path: '/audit',
    title: 'nav.audit',
    permissions: ['audit.read'],
    icon: 'audit',
    load: () => import('./pages/audit/Audit.svelte'),
  },

  { path: '/sign-in', title: 'title.sign-in', open: true, load: () => import('./pages/sign-in/SignIn.svelte') },
  { path: '/forgotten', title: 'title.forgotten', open: true, load: () => import('./pages/reset/Forgotten.svelte') },
  { path: '/activate', title: 'title.activate', open: true, load: () => import('./pages/activate/Activate.svelte') },
  { path: '/reset', title: 'title.reset', open: true, load: () => import('./pages/reset/Reset.svelte') },
  { path: '/email', title: 'title.email', open: true, load: () => import('./pages/email/Email.svelte') },
];

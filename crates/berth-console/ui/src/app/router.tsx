import { createRootRouteWithContext, createRoute, createRouter, lazyRouteComponent, Outlet, redirect } from '@tanstack/react-router';
import type { QueryClient } from '@tanstack/react-query';
import { basePath } from '../api/base';
import { PageError } from '../components/PageError';
import { PageSkeleton } from '../components/PageSkeleton';
import { NotFound } from '../components/NotFound';
import { queryClient } from './queries';
import { sessionQuery } from './session';
import { Shell } from './Shell';

/** Texts of the address bar; what a page does not know it leaves alone. */
export type Search = Record<string, string | number | boolean | undefined>;

const root = createRootRouteWithContext<{ queries: QueryClient }>()({
  component: Outlet,
  // Outside of the frame nothing else is the page's main part.
  notFoundComponent: () => (
    <main>
      <NotFound />
    </main>
  ),
  validateSearch: (search: Record<string, unknown>): Search => search as Search,
});

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  component: lazyRouteComponent(() => import('../features/sign-in/SignInPage'), 'SignInPage'),
});

/** Pages with the frame around them; the image centre among them is open to everybody. */
const framed = createRoute({ getParentRoute: () => root, id: 'framed', component: Shell });

/** Pages that need somebody who is signed in. */
const members = createRoute({
  getParentRoute: () => framed,
  id: 'members',
  component: Outlet,
  beforeLoad: async ({ context, location }) => {
    const session = await context.queries.ensureQueryData(sessionQuery);
    if (session === null) throw redirect({ to: '/sign-in', search: { next: location.href } });
  },
});

type Page = Parameters<typeof lazyRouteComponent>[0];

/** A page for those who are signed in: its path, its module, and the name it exports there. */
function page<P extends string>(path: P, load: Page, name: string) {
  return createRoute({ getParentRoute: () => members, path, component: lazyRouteComponent(load, name) });
}

const center = createRoute({
  getParentRoute: () => framed,
  path: '/center',
  component: lazyRouteComponent(() => import('../features/center/CenterPage'), 'CenterPage'),
});
/** A public image for everybody, signed in or not. */
const centerImage = createRoute({
  getParentRoute: () => framed,
  path: '/center/$org/$image',
  component: lazyRouteComponent(() => import('../features/center/CenterImagePage'), 'CenterImagePage'),
});

const routes = root.addChildren([
  signIn,
  framed.addChildren([
    center,
    centerImage,
    members.addChildren([
      page('/', () => import('../features/dashboard/DashboardPage'), 'DashboardPage'),
      page('/images', () => import('../features/images/ImagesPage'), 'ImagesPage'),
      page('/images/shared', () => import('../features/images/SharedPage'), 'SharedPage'),
      page('/images/$org/$image', () => import('../features/image/ImagePage'), 'ImagePage'),
      page('/images/$org/$image/tags/$tag', () => import('../features/tag/TagPage'), 'TagPage'),
      page('/images/$org/$image/compare', () => import('../features/compare/ComparePage'), 'ComparePage'),
      page('/organizations', () => import('../features/organizations/OrganizationsPage'), 'OrganizationsPage'),
      page('/organizations/$org', () => import('../features/organizations/OrganizationPage'), 'OrganizationPage'),
      page('/uploads', () => import('../features/uploads/UploadsPage'), 'UploadsPage'),
      page('/automation/triggers', () => import('../features/automation/TriggersPage'), 'TriggersPage'),
      page('/automation/sync', () => import('../features/automation/SyncPage'), 'SyncPage'),
      page('/automation/retention', () => import('../features/automation/RetentionPage'), 'RetentionPage'),
      page('/automation/immutability', () => import('../features/automation/ImmutabilityPage'), 'ImmutabilityPage'),
      page('/access/keys', () => import('../features/access/KeysPage'), 'KeysPage'),
      page('/access/logins', () => import('../features/access/LoginsPage'), 'LoginsPage'),
      page('/access/users', () => import('../features/access/UsersPage'), 'UsersPage'),
      page('/access/users/$user', () => import('../features/access/UserPage'), 'UserPage'),
      page('/access/groups', () => import('../features/access/GroupsPage'), 'GroupsPage'),
      page('/access/groups/$group', () => import('../features/access/GroupPage'), 'GroupPage'),
      page('/bin', () => import('../features/bin/BinPage'), 'BinPage'),
      page('/audit', () => import('../features/audit/AuditPage'), 'AuditPage'),
      page('/settings/clusters', () => import('../features/settings/ClustersPage'), 'ClustersPage'),
      page('/settings/regions', () => import('../features/settings/RegionsPage'), 'RegionsPage'),
      page('/settings/mirrors', () => import('../features/mirrors/MirrorsPage'), 'MirrorsPage'),
      page('/settings/agents', () => import('../features/agents/AgentsPage'), 'AgentsPage'),
      page('/settings/storage', () => import('../features/settings/StoragePage'), 'StoragePage'),
      page('/settings/system', () => import('../features/settings/SystemPage'), 'SystemPage'),
      page('/account', () => import('../features/account/AccountPage'), 'AccountPage'),
    ]),
  ]),
]);

/** The addresses of the console. */
export const router = createRouter({
  routeTree: routes,
  basepath: basePath === '' ? '/' : basePath,
  context: { queries: queryClient },
  defaultPreload: 'intent',
  defaultPendingMs: 150,
  defaultPendingMinMs: 0,
  defaultPendingComponent: PageSkeleton,
  defaultErrorComponent: PageError,
  defaultNotFoundComponent: NotFound,
  scrollRestoration: true,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}

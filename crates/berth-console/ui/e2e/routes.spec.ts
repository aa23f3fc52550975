import { join } from 'node:path';
import { Agent } from './agent';
import { small } from './image';
import { expect, expectAccessible, test } from './test';

/** Every page there is, by the name of its picture. `ORG` and `USER` stand for what the test put in place. */
const ROUTES: [name: string, path: string][] = [
  ['dashboard', '/'],
  ['images', '/images'],
  ['images-shared', '/images/shared'],
  ['center', '/center'],
  ['center-image', '/center/ORG/public'],
  ['image-tags', '/images/ORG/web%2Fapp'],
  ['image-description', '/images/ORG/web%2Fapp?tab=description'],
  ['image-permissions', '/images/ORG/web%2Fapp?tab=permissions'],
  ['image-sharing', '/images/ORG/web%2Fapp?tab=sharing'],
  ['image-triggers', '/images/ORG/web%2Fapp?tab=triggers'],
  ['image-retention', '/images/ORG/web%2Fapp?tab=retention'],
  ['image-immutability', '/images/ORG/web%2Fapp?tab=immutability'],
  ['image-sync', '/images/ORG/web%2Fapp?tab=sync'],
  ['image-acceleration', '/images/ORG/web%2Fapp?tab=acceleration'],
  ['image-guide', '/images/ORG/web%2Fapp?tab=guide'],
  ['tag', '/images/ORG/web%2Fapp/tags/v2'],
  ['tag-configuration', '/images/ORG/web%2Fapp/tags/v2?view=configuration'],
  ['tag-manifest', '/images/ORG/web%2Fapp/tags/v2?view=manifest'],
  ['tag-referrers', '/images/ORG/web%2Fapp/tags/v2?view=referrers'],
  ['tag-history', '/images/ORG/web%2Fapp/tags/v2?view=history'],
  ['tag-files', '/images/ORG/web%2Fapp/tags/v2?view=files'],
  ['tag-packages', '/images/ORG/web%2Fapp/tags/v2?view=packages'],
  ['tag-pull', '/images/ORG/web%2Fapp/tags/v2?view=pull'],
  ['tag-index', '/images/ORG/web%2Fapp/tags/multi'],
  ['compare', '/images/ORG/web%2Fapp/compare?a=v1&b=v2'],
  ['organizations', '/organizations'],
  ['organization', '/organizations/ORG'],
  ['organization-users', '/organizations/ORG?tab=users'],
  ['organization-rules', '/organizations/ORG?tab=rules'],
  ['organization-settings', '/organizations/ORG?tab=settings'],
  ['uploads', '/uploads'],
  ['automation-triggers', '/automation/triggers'],
  ['automation-sync', '/automation/sync'],
  ['automation-retention', '/automation/retention'],
  ['automation-immutability', '/automation/immutability'],
  ['logins', '/access/logins'],
  ['keys', '/access/keys'],
  ['users', '/access/users'],
  ['user', '/access/users/USER'],
  ['groups', '/access/groups'],
  ['group', '/access/groups/GROUP'],
  ['bin', '/bin'],
  ['audit', '/audit'],
  ['clusters', '/settings/clusters'],
  ['regions', '/settings/regions'],
  ['mirrors', '/settings/mirrors'],
  ['mirror', '/settings/mirrors?mirror=hub'],
  ['agents', '/settings/agents'],
  ['storage', '/settings/storage'],
  ['system', '/settings/system'],
  ['account', '/account'],
  ['nothing', '/no/such/page'],
];

const ORG = 'harbour';

/** What runs beside the server, to be ended. */
const after: (() => Promise<void>)[] = [];

test.afterEach(async () => {
  for (const end of after.splice(0)) await end();
});

test('every page is there, says what it is, and complains of nothing', async ({ page, server, admin, signIn, complaints }, info) => {
  test.setTimeout(600_000);
  await admin.ask('POST', '/v2/manage/namespaces', { namespace: ORG });
  const newer = { ...small, layers: [...small.layers, { files: [{ path: 'app/new.js', content: 'x'.repeat(5000) }], by: 'RUN npm run build' }] };
  await server.push(`${ORG}/web/app:v1`);
  await server.push(`${ORG}/web/app:v2`, [newer]);
  await server.push(`${ORG}/web/app:multi`, [small, { ...small, architecture: 'arm64' }]);
  await server.push(`${ORG}/web/app:gone`);
  await server.push(`${ORG}/public:1.0`);
  const image = `/v2/manage/namespaces/${ORG}/repos/web$app`;
  await admin.ask('DELETE', `${image}/tags/gone`);
  await admin.ask('PATCH', `/v2/manage/namespaces/${ORG}/repos/public`, { is_public: true, category: 'app_server', description: '# Public\n\nFor **everybody**.' });
  await admin.ask('POST', `${image}/retentions`, {
    algorithm: 'or',
    rules: [{ template: 'date_rule', params: { days: '30' }, tag_selectors: [{ kind: 'label', pattern: 'v2' }] }],
  });
  const me = (await admin.ask('GET', '/v2/manage/sessions')) as { domain_id: string };
  const { user } = (await admin.ask('POST', '/v3.0/OS-USER/users', {
    user: { name: 'mary', domain_id: me.domain_id, password: 'Correct-horse-2', enabled: true },
  })) as { user: { id: string } };
  const { group } = (await admin.ask('POST', '/v3/groups', { group: { name: 'builders', domain_id: me.domain_id } })) as { group: { id: string } };
  await admin.ask('POST', '/v2/manage/namespaces', { namespace: 'hub' });
  const ahead = ['library/alpine:3.*', 'library/debian:stable-slim'];
  await admin.ask('POST', '/v2/manage/mirrors', { name: 'hub', namespace: 'hub', registry: 'docker.io', url: 'https://registry-1.docker.io', public: true, enabled: false, prefetch: ahead });
  await admin.ask('POST', `${image}/lazy_indexes`, { reference: 'v1' });
  await admin.ask('PUT', `/v2/manage/namespaces/${ORG}/lazy_rule`, { tags: 'v*' });
  const agent = await Agent.start(server, ['zone=a', 'pool=build']);
  after.push(() => agent.stop());
  await expect(async () => admin.ask('POST', `${image}/preheats`, { tag: 'v1', nodes: { labels: { zone: 'a' } } })).toPass();
  await signIn();
  for (const [name, path] of ROUTES) {
    await test.step(name, async () => {
      await page.goto(path.replace('ORG', ORG).replace('USER', user.id).replace('GROUP', group.id));
      const main = page.getByRole('main');
      await expect(main.getByRole('heading').first()).toBeVisible();
      // Until nothing is on its way any more; live updates never end, and are none of it.
      await expect(main.getByRole('status', { name: /^(Loading|加载中)$/ })).toHaveCount(0);
      await expect(main.locator('.mantine-Skeleton-root')).toHaveCount(0);
      if (name !== 'nothing') await expect(main.getByText(/^(There is nothing here|这里什么也没有)$/)).toHaveCount(0);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      expect.soft(wide, `${name} scrolls sideways`).toBeLessThanOrEqual(0);
      await expectAccessible(page);
      const folder = process.env['SCREENSHOTS'];
      if (folder !== undefined) await page.screenshot({ path: join(folder, info.project.name, `${name}.png`) });
      expect(complaints.splice(0), name).toEqual([]);
    });
  }
});

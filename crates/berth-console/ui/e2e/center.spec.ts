// The image centre: what is public is there for everybody, what is not is for nobody who has no right to it.
import { expect, expectAccessible, Server, test } from './test';

test('somebody who is not signed in finds a public image, its tags and how to pull it', async ({ page, server, admin }) => {
  const org = `center${Math.random().toString(36).slice(2, 8)}`;
  await admin.ask('POST', '/v2/manage/namespaces', { namespace: org });
  await server.push(`${org}/web/proxy:v1.9`);
  await server.push(`${org}/web/proxy:v1.10`);
  await server.push(`${org}/hidden:v1`);
  await admin.ask('PATCH', `/v2/manage/namespaces/${org}/repos/web$proxy`, {
    is_public: true,
    category: 'framework_app',
    description: 'A proxy for everybody',
  });
  await page.goto('/center');
  const search = page.locator('input[type=search]');
  await search.fill(`${org}/`);
  const rows = page.locator('table.data-table tbody tr[data-index]');
  await expect(rows).toHaveCount(1);
  await expect(rows.first()).toContainText('A proxy for everybody');
  await expectAccessible(page);
  await search.fill('hidden');
  await expect(rows).toHaveCount(0);
  await search.fill('for everybody');
  await rows.filter({ hasText: org }).getByRole('link').first().click();
  await expect(page).toHaveURL(new RegExp(`/center/${org}/web%2Fproxy`));
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(`${org}/web/proxy`);
  await expect(page.locator('.command').first()).toContainText(`docker pull ${server.host}/${org}/web/proxy:v1.10`);
  await expect(rows).toHaveCount(2);
  await expectAccessible(page);
  await page.goto(`/center/${org}/hidden`);
  await expect(page.getByRole('main').getByRole('link', { name: /^(Sign in|登录)$/ })).toBeVisible();
  await expect(page.getByRole('dialog')).toHaveCount(0);
  await expectAccessible(page);
});

test('a registry that wants a login says so', async ({ page }) => {
  const server = await Server.start(['--anonymous-pulls', 'false']);
  try {
    await page.goto(`${server.url}/center`);
    await page.getByRole('main').getByRole('link', { name: /^(Sign in|登录)$/ }).click();
    await expect(page).toHaveURL(/\/sign-in\?next=/);
    await expectAccessible(page);
  } finally {
    await server.stop();
  }
});

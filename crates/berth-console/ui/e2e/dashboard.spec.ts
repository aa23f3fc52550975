import type { Page } from '@playwright/test';
import { expect, expectAccessible, Server, test } from './test';

/** Tests with a server of their own, so that nobody else's images are on it. */
const own = () =>
  test.extend<object, { server: Server }>({
    server: [
      async ({}, use) => {
        const server = await Server.start();
        await use(server);
        await server.stop();
      },
      { scope: 'worker' },
    ],
  });
const empty = own();
const filled = own();

async function bothThemes(page: Page): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    await expectAccessible(page);
  }
}

empty('somebody new is led to the first image, and each step ticks itself off', async ({ page, server, admin, signIn }) => {
  await signIn();
  await page.goto('/');
  await expect(page.getByRole('heading', { name: /First steps|快速入门/ })).toBeVisible();
  await expect(page.getByText(/0 of 4 done|已完成 0\/4/)).toBeVisible();
  await bothThemes(page);
  await admin.ask('POST', '/v2/manage/namespaces', { namespace: 'first' });
  await expect(page.getByText(/1 of 4 done|已完成 1\/4/)).toBeVisible();
  await server.push('first/app:v1');
  // Without a reload: the push is told, and what shows it is read again.
  await expect(page.getByText(/2 of 4 done|已完成 2\/4/)).toBeVisible();
  await expect(page.getByRole('link', { name: 'first/app' }).first()).toBeVisible();
  await page.getByRole('button', { name: /Hide|不再显示/ }).click();
  await expect(page.getByRole('heading', { name: /First steps|快速入门/ })).toBeHidden();
  await page.reload();
  await expect(page.getByRole('heading', { name: /Recent activity|最近动态/ })).toBeVisible();
  await expect(page.getByRole('heading', { name: /First steps|快速入门/ })).toBeHidden();
});

filled('the dashboard shows figures, plots to read with the keyboard, and the newest images', async ({ page, server, admin, signIn }) => {
  await admin.ask('POST', '/v2/manage/namespaces', { namespace: 'plots' }).catch(() => undefined);
  await server.push('plots/app:v1');
  await signIn();
  await page.goto('/');
  await expect(page.getByRole('list', { name: /Figures|概况/ })).toContainText(/Images|镜像/);
  const plot = page.getByRole('slider', { name: /^(Pushes over time|上传趋势图)/ });
  await plot.focus();
  await page.keyboard.press('End');
  await expect(plot).toHaveAttribute('aria-valuetext', /: [1-9]/);
  await page.getByText(/12 months|近 12 个月/).click();
  await expect(page.getByRole('heading', { name: /Pulls by month|每月下载次数/ })).toBeVisible();
  await expect(page).toHaveURL(/by=month/);
  await expect(page.getByRole('img', { name: /^(Pulls|下载)$/ })).toBeVisible();
  await bothThemes(page);
});

filled('a push is seen in another tab of the same person, too', async ({ page, context, server, admin, signIn }) => {
  await admin.ask('POST', '/v2/manage/namespaces', { namespace: 'tabs' }).catch(() => undefined);
  await server.push('tabs/before:v1');
  await signIn();
  const other = await context.newPage();
  for (const tab of [page, other]) {
    await tab.goto('/');
    await expect(tab.getByRole('link', { name: 'tabs/before' }).first()).toBeVisible();
  }
  await server.push('tabs/after:v1');
  for (const tab of [page, other]) await expect(tab.getByRole('link', { name: 'tabs/after' }).first()).toBeVisible();
});

filled('who has no right on anything sees nothing of others', async ({ page, server, admin, signIn }) => {
  await admin.ask('POST', '/v2/manage/namespaces', { namespace: 'hidden' }).catch(() => undefined);
  await server.push('hidden/app:v1');
  const people = (await admin.ask('GET', '/v2/manage/sessions')) as { domain_id: string };
  const password = 'Another-horse-1';
  await admin.ask('POST', '/v3.0/OS-USER/users', { user: { name: 'nobody-here', domain_id: people.domain_id, password } }).catch(() => undefined);
  await signIn({ account: 'berth', user: 'nobody-here', password });
  await page.goto('/');
  await expect(page.getByText(/0 of 4 done|已完成 0\/4/)).toBeVisible();
  await server.push('hidden/app:v2');
  await expect(page.getByText('hidden')).toHaveCount(0);
});

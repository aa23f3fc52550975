import { type ImageSpec, small } from './image';
import { expect, expectAccessible, test } from './test';
import type { Server, Session } from './server';

/** The same base as `small`, with a package more and another program above it. */
const later: ImageSpec = {
  ...small,
  env: ['PATH=/usr/bin:/bin', 'MODE=production'],
  layers: [
    small.layers[0] ?? { files: [], by: '' },
    {
      files: [
        { path: 'app/' },
        { path: 'app/main.js', content: 'console.log("hello, world");\n' },
        { path: 'var/lib/dpkg/status', content: 'Package: curl\nStatus: install ok installed\nVersion: 8.5-1\n\n' },
      ],
      by: 'RUN apt-get install curl # buildkit',
    },
  ],
};

const ORG = 'inside';

async function pushed(server: Server, admin: Session, image: string): Promise<void> {
  const there = (await admin.ask('GET', '/v2/manage/namespaces')) as { namespaces: { name: string }[] };
  if (!there.namespaces.some(({ name }) => name === ORG)) await admin.ask('POST', '/v2/manage/namespaces', { namespace: ORG });
  await server.push(`${ORG}/${image}:v1`);
  await server.push(`${ORG}/${image}:v2`, [later]);
}

test('the files of an image are walked, searched and read', async ({ page, server, admin, signIn }) => {
  await pushed(server, admin, 'files');
  await signIn();
  await page.goto('/images/inside/files/tags/v2?view=files');
  await page.getByRole('button', { name: /^(Folder|目录) app$/ }).click();
  await expect(page).toHaveURL(/path=app/);
  await page.getByRole('button', { name: 'main.js' }).click();
  const preview = page.getByRole('region', { name: /Preview|预览/ });
  await expect(preview.getByText('hello, world')).toBeVisible();
  await expectAccessible(page);
  const download = page.waitForEvent('download');
  await preview.getByRole('link', { name: /Download|下载/ }).click();
  expect((await download).suggestedFilename()).toBe('main.js');
  await preview.getByRole('button', { name: /Close the preview|关闭预览/ }).click();
  await page.getByRole('navigation', { name: /^(Folder|目录)$/ }).getByRole('button', { name: /Root|根目录/ }).click();
  await page.getByRole('searchbox').fill('OS-REL');
  await expect(page.getByRole('button', { name: 'etc/os-release' })).toBeVisible();
  await page.getByRole('searchbox').fill('nothing-like-it');
  await expect(page.getByRole('heading', { name: /Nothing matches|没有/ })).toBeVisible();
});

test('the packages of an image are listed', async ({ page, server, admin, signIn }) => {
  await pushed(server, admin, 'packages');
  await signIn();
  await page.goto('/images/inside/packages/tags/v2?view=packages');
  await expect(page.getByRole('table').getByText('curl')).toBeVisible();
  await expectAccessible(page);
  await page.goto('/images/inside/packages/tags/v1?view=packages');
  await expect(page.getByRole('heading', { name: /No packages are known|未发现软件包/ })).toBeVisible();
});

test('two versions are compared, and swapped', async ({ page, server, admin, signIn }) => {
  await pushed(server, admin, 'versions');
  await signIn();
  await page.goto('/images/inside/versions/compare?a=v1&b=v2');
  await expect(page.getByRole('table').getByText('production')).toBeVisible();
  await expectAccessible(page);
  await page.getByRole('tab', { name: /Files|文件/ }).click();
  await expect(page.getByRole('table').getByText('app/main.js')).toBeVisible();
  await page.getByRole('tab', { name: /Packages|软件包/ }).click();
  await expect(page.getByRole('row').filter({ hasText: 'curl' }).getByText(/^(Added|新增)$/)).toBeVisible();
  await page.getByRole('button', { name: /^(Swap|交换)$/ }).click();
  await expect(page).toHaveURL(/a=v2&b=v1|b=v1.*a=v2/);
  await expect(page.getByRole('row').filter({ hasText: 'curl' }).getByText(/^(Removed|删除)$/)).toBeVisible();
  await expectAccessible(page);
});

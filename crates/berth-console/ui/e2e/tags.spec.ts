import { type ImageSpec, small } from './image';
import { expect, expectAccessible, test } from './test';
import type { Server, Session } from './server';

/** Another image than `small`, on the same lowest layer. */
const other: ImageSpec = {
  ...small,
  layers: [small.layers[0] ?? { files: [], by: '' }, { files: [{ path: 'app/other.js', content: 'other();\n' }], by: 'RUN /bin/sh -c make other && make install # buildkit' }],
};

/** The organization of these tests; one user may make few. */
const ORG = 'tagged';

async function organization(admin: Session): Promise<void> {
  const there = (await admin.ask('GET', '/v2/manage/namespaces')) as { namespaces: { name: string }[] };
  if (!there.namespaces.some(({ name }) => name === ORG)) await admin.ask('POST', '/v2/manage/namespaces', { namespace: ORG });
}

/** `v1` is one image, `v2` and `latest` are another. */
async function pushed(server: Server, admin: Session, image: string): Promise<void> {
  await organization(admin);
  await server.push(`${ORG}/${image}:v1`, [other]);
  await server.push(`${ORG}/${image}:v2`);
  await admin.ask('POST', `/v2/manage/namespaces/${ORG}/repos/${image}/tags`, { source_tag: 'v2', destination_tag: 'latest' });
}

test('tags are listed, filtered, and go one by one', async ({ page, server, admin, signIn }) => {
  await pushed(server, admin, 'tag-list');
  await signIn();
  await page.goto('/images/tagged/tag-list');
  const table = page.getByRole('table');
  await expect(table.getByRole('link', { name: 'latest', exact: true })).toBeVisible();
  await expectAccessible(page);

  await page.getByRole('searchbox').fill('v');
  await expect(table.getByRole('link', { name: 'latest', exact: true })).toHaveCount(0);
  await expect(page).toHaveURL(/q=v/);
  await page.getByRole('searchbox').fill('nothing-like-it');
  await expect(page.getByRole('heading', { name: /No tag matches|没有符合筛选条件/ })).toBeVisible();
  await page.getByRole('button', { name: /Clear the filter|清除筛选/ }).last().click();

  await page.getByRole('button', { name: /Actions for v2|v2 的操作/ }).click();
  await page.getByRole('menuitem', { name: /^(Delete|删除)$/ }).click();
  const dialog = page.getByRole('dialog');
  await expect(dialog.getByRole('listitem').filter({ hasText: 'v2' })).toBeVisible();
  await expect(dialog.getByRole('listitem').filter({ hasText: 'latest' })).toBeVisible();
  await expectAccessible(page);
  await dialog.getByRole('button', { name: /^(Delete tag|删除)$/ }).click();
  await expect(dialog).toHaveCount(0);
  await expect(table.getByRole('link', { name: 'v2', exact: true })).toHaveCount(0);
  await expect(table.getByRole('link', { name: 'latest', exact: true })).toBeVisible();
  // The history of a tag outlives it.
  await page.goto('/images/tagged/tag-list/tags/v2');
  await page.getByRole('button', { name: /^(Restore|恢复)$/ }).first().click();
  await page.getByRole('dialog').getByRole('button', { name: /^(Restore|恢复)$/ }).click();
  await expect(page.getByRole('tab', { name: /Layers|镜像层/ })).toBeVisible();
});

test('the pull command is copied with one key', async ({ page, server, admin, signIn, context }) => {
  await pushed(server, admin, 'tag-keys');
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await signIn();
  await page.goto('/images/tagged/tag-keys?sort=tag');
  await expect(page.getByRole('link', { name: 'v2', exact: true })).toBeVisible();
  await page.keyboard.press('/');
  await expect(page.getByRole('searchbox')).toBeFocused();
  await page.keyboard.press('Escape');
  await page.locator('tbody tr[data-index="0"]').focus();
  await page.keyboard.press('j');
  await page.keyboard.press('c');
  await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toBe(`docker pull ${server.host}/tagged/tag-keys:v1`);
  await page.keyboard.press('x');
  await page.keyboard.press('j');
  await page.keyboard.press('x');
  await page.getByRole('link', { name: /^(Compare|对比)$/ }).click();
  await expect(page).toHaveURL(/compare\?a=v1&b=v2/);
});

test('a tag shows what it names, for each platform', async ({ page, server, admin, signIn }) => {
  await organization(admin);
  await server.push('tagged/tag-page:multi', [small, { ...other, architecture: 'arm64' }]);
  await signIn();
  await page.goto('/images/tagged/tag-page/tags/multi');
  await expect(page.getByText('. /app')).toBeVisible();
  await expectAccessible(page);
  await page.getByRole('combobox', { name: /Platform|平台/ }).click();
  await page.getByRole('option', { name: /arm64/ }).click();
  await expect(page).toHaveURL(/platform=linux%2Farm64/);
  await expect(page.getByText('&& make install')).toBeVisible();

  await page.getByRole('tab', { name: /Configuration|配置/ }).click();
  await expect(page.getByText('8080/tcp')).toBeVisible();
  await expect(page.getByText('MODE')).toBeVisible();
  await expect(page).toHaveURL(/platform=linux%2Farm64/);
  await expectAccessible(page);
  for (const [view, sign] of [
    ['Manifest', 'application/vnd.oci.image.index.v1+json'],
    [/Signatures|签名与附件/, /Nothing belongs|没有附件/],
    [/History|历史/, 'admin'],
    [/^(Pull|下载)$/, `podman pull --tls-verify=false ${server.host}/tagged/tag-page:multi`],
  ] as const) {
    await page.getByRole('tab', { name: view }).click();
    await expect(page.getByRole('tabpanel').getByText(sign).first()).toBeVisible();
    await expectAccessible(page);
  }
});

test('a tag gets another name, moves, and is set back', async ({ page, server, admin, signIn }) => {
  await pushed(server, admin, 'tag-moves');
  await signIn();
  await page.goto('/images/tagged/tag-moves/tags/v1');
  const add = async (name: string, override: boolean) => {
    await page.getByRole('button', { name: /More actions|更多操作/ }).click();
    await page.getByRole('menuitem', { name: /Add a tag|添加版本/ }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('textbox').fill(name);
    if (override) await dialog.getByRole('checkbox').check();
    await dialog.locator('button[type=submit]').click();
    return dialog;
  };
  const refused = await add('.no-tag', false);
  await expect(refused.getByRole('textbox')).toHaveAttribute('aria-invalid', 'true');
  await refused.getByRole('textbox').fill('latest');
  await refused.locator('button[type=submit]').click();
  await expect(refused.getByRole('alert')).toBeVisible();
  await refused.getByRole('checkbox').check();
  await refused.locator('button[type=submit]').click();
  await expect(refused).toHaveCount(0);

  await page.goto('/images/tagged/tag-moves/tags/latest?view=history');
  await page.getByRole('button', { name: /^(Restore|恢复)$/ }).click();
  await expectAccessible(page);
  await page.getByRole('dialog').getByRole('button', { name: /^(Restore|恢复)$/ }).click();
  await expect(page.getByText(/Restored from this history|从历史恢复/)).toBeVisible();
});

test('who may only read is offered nothing that needs more', async ({ page, server, admin, signIn }) => {
  await pushed(server, admin, 'tag-reader');
  const project = (await admin.ask('GET', '/v2/manage/sessions')) as { domain_id: string };
  const made = (await admin.ask('POST', '/v3.0/OS-USER/users', {
    user: { name: `reader-${Date.now()}`, domain_id: project.domain_id, password: 'Reader-of-tags-1', access_mode: 'default' },
  })) as { user: { id: string; name: string } };
  await admin.ask('POST', '/v2/manage/namespaces/tagged/access', [{ user_id: made.user.id, user_name: made.user.name, auth: 1 }]);
  await signIn({ user: made.user.name, password: 'Reader-of-tags-1' });
  await page.goto('/images/tagged/tag-reader');
  await page.getByRole('button', { name: /Actions for v1|v1 的操作/ }).click();
  await expect(page.getByRole('menuitem', { name: /History|历史/ })).toBeVisible();
  await expect(page.getByRole('menuitem', { name: /Delete|删除/ })).toHaveCount(0);
  await expect(page.getByRole('menuitem', { name: /Add a tag|添加版本/ })).toHaveCount(0);
});

test('an immutable tag says so and cannot go', async ({ page, server, admin, signIn }) => {
  await pushed(server, admin, 'tag-immutable');
  await admin.ask('POST', '/v2/manage/namespaces/tagged/repos/tag-immutable/immutability', { pattern: 'v1' });
  await signIn();
  await page.goto('/images/tagged/tag-immutable/tags/v1');
  await expect(page.getByText(/^(Immutable|不可变)$/)).toBeVisible();
  await page.getByRole('button', { name: /More actions|更多操作/ }).click();
  await expect(page.getByRole('menuitem', { name: /Delete|删除/ })).toBeDisabled();
});

test('the guide writes commands for the tag that one types', async ({ page, server, admin, signIn }) => {
  await pushed(server, admin, 'tag-guide');
  await signIn();
  await page.goto('/images/tagged/tag-guide?tab=guide');
  await expect(page.getByText(`docker push ${server.host}/tagged/tag-guide:{Tag}`)).toBeVisible();
  await page.getByRole('textbox').fill('2.0');
  await expect(page.getByText(`docker push ${server.host}/tagged/tag-guide:2.0`)).toBeVisible();
  await page.getByText('containerd', { exact: true }).click();
  await expect(page.getByText(`ctr image pull --plain-http --user '<user>:<password>' ${server.host}/tagged/tag-guide:2.0`)).toBeVisible();
  await expectAccessible(page);
});

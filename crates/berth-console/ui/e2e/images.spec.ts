import { expect, expectAccessible, test } from './test';

const either = (english: string, chinese: string) => new RegExp(`^(?:${english}|${chinese})$`);

/** Names that no other test of the same server has. */
function names(title: string): { org: string } {
  return { org: `${title}-${Math.random().toString(36).slice(2, 8).replaceAll(/[^a-z]/g, 'x')}x` };
}

test('an account without images is told what to do first', async ({ page, admin, server, signIn }) => {
  const { domain_id } = (await admin.ask('GET', '/v2/manage/sessions')) as { domain_id: string };
  const name = names('new').org;
  await admin.ask('POST', '/v3/users', { user: { name, password: 'Correct-horse-2', domain_id } });
  await signIn({ user: name, password: 'Correct-horse-2' });
  await page.goto(`${server.url}/images`);
  await expect(page.getByRole('listitem')).toContainText([/./, /./, /./]);
  await expectAccessible(page);
  await page.getByRole('link', { name: either('Create an organization', '创建组织') }).click();
  await expect(page.getByRole('dialog')).toBeVisible();
});

test('an organization is created, its name judged as it is typed, and one of the same name refused', async ({ page, admin, signIn }) => {
  const { org } = names('team');
  await signIn();
  await page.goto('/organizations?create=true');
  const dialog = page.getByRole('dialog');
  const name = dialog.getByRole('textbox');
  const submit = dialog.getByRole('button', { name: either('Create', '创建') });
  await name.fill('1team');
  await expect(submit).toBeDisabled();
  await name.fill(org);
  await expectAccessible(page);
  await submit.click();
  await expect(page).toHaveURL(new RegExp(`/organizations/${org}$`));
  await page.goto('/organizations?create=true');
  await name.fill(org);
  await submit.click();
  await expect(dialog.getByText(/already exists|已存在/)).toBeVisible();
  await admin.ask('DELETE', `/v2/manage/namespaces/${org}`);
});

test('images are found, changed together, and deleted after their name was typed', async ({ page, server, admin, signIn }) => {
  const { org } = names('fleet');
  await admin.ask('POST', '/v2/manage/namespaces', { namespace: org });
  await server.push(`${org}/api:v1`);
  await admin.ask('POST', `/v2/manage/namespaces/${org}/repos`, { repository: 'web/site', is_public: false });
  await signIn();
  await page.goto(`/images?org=${org}`);
  const row = (name: string) => page.getByRole('row').filter({ hasText: name });
  await expect(row('web/site')).toBeVisible();
  await expect(row('api')).toContainText('v1');
  await expectAccessible(page);
  await page.getByRole('searchbox').fill('site');
  await expect(page).toHaveURL(/q=site/);
  await expect(row('v1')).toHaveCount(0);
  await page.getByRole('searchbox').fill('');
  await expect(row('v1')).toBeVisible();

  for (const name of ['api', 'web/site']) await page.getByRole('checkbox', { name: new RegExp(`${org}/${name}$`) }).check();
  await page.getByRole('button', { name: either('Change', '修改') }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('combobox', { name: either('Category', '分类') }).click();
  await page.getByRole('option', { name: either('Database', '数据库') }).click();
  await expectAccessible(page);
  await dialog.getByRole('button', { name: either('Apply', '应用') }).click();
  await expect(dialog).toHaveCount(0);
  await expect(row('web/site')).toContainText(/Database|数据库/);

  await page.getByRole('button', { name: new RegExp(`${org}/web/site`) }).click();
  await page.getByRole('menuitem', { name: either('Delete', '删除') }).click();
  const confirm = dialog.getByRole('button', { name: either('Delete image', '删除镜像') });
  await expect(confirm).toBeDisabled();
  await dialog.getByRole('textbox').fill(`${org}/web/site`);
  await expectAccessible(page);
  await confirm.click();
  await expect(row('web/site')).toHaveCount(0);

  await page.goto(`/organizations/${org}?tab=settings`);
  await page.getByRole('button', { name: either('Delete organization', '删除组织') }).click();
  // It still holds one: the image that blocks it is named and linked.
  await expect(dialog.getByRole('link', { name: 'api' })).toBeVisible();
  await admin.ask('DELETE', `/v2/manage/namespaces/${org}/repos/api`);
  await page.reload();
  await page.getByRole('button', { name: either('Delete organization', '删除组织') }).click();
  await dialog.getByRole('textbox').fill(org);
  await dialog.getByRole('button', { name: either('Delete organization', '删除组织') }).click();
  await expect(page).toHaveURL(/\/organizations$/);
});

test('rights are given, changed in place and taken away; who has none sees who could give it', async ({ page, admin, signIn }) => {
  const { org } = names('crew');
  const user = `mate-${org}`;
  const { domain_id } = (await admin.ask('GET', '/v2/manage/sessions')) as { domain_id: string };
  await admin.ask('POST', '/v3/users', { user: { name: user, password: 'Correct-horse-2', domain_id } });
  await admin.ask('POST', '/v2/manage/namespaces', { namespace: org });
  await admin.ask('POST', `/v2/manage/namespaces/${org}/repos`, { repository: 'app', is_public: false });
  await signIn();
  await page.goto(`/organizations/${org}?tab=users`);
  await page.getByRole('button', { name: either('Add permission', '添加权限') }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('combobox').first().fill(user);
  await page.getByRole('option', { name: user }).click();
  await dialog.getByRole('radio').first().focus();
  await expect(page.getByRole('option')).toHaveCount(0);
  await expectAccessible(page);
  await dialog.getByRole('button', { name: either('Add', '添加') }).click();
  const row = page.getByRole('row').filter({ hasText: user });
  await expect(row.getByRole('radio').first()).toBeChecked();
  await row.getByRole('radio', { name: /: (?:Write|编辑)$/ }).check();
  await row.getByRole('button', { name: new RegExp(user) }).click();
  await expect(row.getByRole('radio', { name: /: (?:Write|编辑)$/ })).toBeChecked();
  await expectAccessible(page);

  // On the image the same right stands as one that comes from the organization.
  await page.goto(`/images/${org}/app?tab=permissions`);
  await expect(row).toContainText(org);
  await expect(row.getByRole('radio')).toHaveCount(0);
  await expectAccessible(page);

  await signIn({ user, password: 'Correct-horse-2' });
  await page.goto(`/organizations/${org}?tab=users`);
  await expect(page.getByText(/Who can give rights: .*admin|可以授权的用户：.*admin/)).toBeVisible();
  await expect(page.getByRole('radio')).toHaveCount(0);
  await expectAccessible(page);
});

test('a private image is shared until a day, the share is changed and ended; a public one is not shared', async ({ page, admin, signIn }) => {
  const { org } = names('cargo');
  await admin.ask('POST', '/v2/manage/namespaces', { namespace: org });
  await admin.ask('POST', `/v2/manage/namespaces/${org}/repos`, { repository: 'app', is_public: false, description: '# Hold\n\n<b>no</b> **yes**' });
  await signIn();
  await page.goto(`/images/${org}/app?tab=sharing`);
  await page.getByRole('button', { name: either('Share image', '共享镜像') }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('textbox').first().fill('nobody-has-this-account');
  await expectAccessible(page);
  await dialog.getByRole('button', { name: either('Share', '共享') }).click();
  // The server knows no such account, and the form says so.
  await expect(dialog.getByRole('alert')).toBeVisible();
  await page.keyboard.press('Escape');

  await page.goto(`/images/${org}/app?tab=description`);
  await expect(page.getByRole('heading', { name: 'Hold' })).toBeVisible();
  await expect(page.getByText('<b>no</b>')).toBeVisible();
  await expectAccessible(page);
  await page.getByRole('button', { name: either('Edit', '编辑') }).click();
  await dialog.getByRole('radio', { name: either('Public', '公开') }).check();
  await expectAccessible(page);
  await dialog.getByRole('button', { name: either('Save', '保存') }).click();
  await page.goto(`/images/${org}/app?tab=sharing`);
  await expect(page.getByText(either('Only private images are shared', '仅私有镜像支持共享'))).toBeVisible();
  await expectAccessible(page);
});

test('what others share is listed, read only', async ({ page, signIn }) => {
  await signIn();
  await page.goto('/images/shared');
  await expect(page.getByText(/Nothing is shared with your account|还没有共享给您账号的镜像/)).toBeVisible();
  await expectAccessible(page);
});

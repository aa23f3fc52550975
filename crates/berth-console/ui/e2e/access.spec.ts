import { readFileSync } from 'node:fs';
import { createHmac } from 'node:crypto';
import { ADMIN, expect, expectAccessible, type Server, test } from './test';

const PASSWORD = 'Somebody-2026';

/** A name that no other test of this worker has. */
const named = (what: string) => `${what}-${Math.random().toString(36).slice(2, 8)}`;

/** Whether docker's own door lets somebody in. */
async function lets(server: Server, user: string, key: string): Promise<boolean> {
  const answer = await fetch(`${server.url}/v2/`, { headers: { authorization: `Basic ${Buffer.from(`${user}:${key}`).toString('base64')}` } });
  return answer.ok;
}

/** User and key of the command `docker login -u USER -p KEY HOST`. */
function loginIn(command: string): [user: string, key: string] {
  const found = /-u (\S+) -p (\S+) \S+$/.exec(command.trim());
  return [found?.[1] ?? '', found?.[2] ?? ''];
}

test('a temporary login is hidden until it is shown, tells when it ends, and works', async ({ page, signIn, server }) => {
  await signIn();
  await page.goto('/access/logins');
  await page.getByRole('button', { name: /Generate the command|生成登录指令/ }).click();
  await expect(page.getByRole('timer')).toContainText(/23:59:|24:00:00/);
  const command = page.locator('.command pre').first();
  await expect(command).toContainText('docker login');
  await expect(command).toContainText('••••');
  await expectAccessible(page);
  await page.getByRole('button', { name: /Show the key|显示密钥/ }).click();
  await expect(command).not.toContainText('••••');
  expect(await lets(server, ...loginIn(await command.innerText()))).toBe(true);
  await page.getByRole('tab', { name: 'Kubernetes' }).click();
  await expect(page.getByText('imagePullSecrets')).toBeVisible();
  await expectAccessible(page);
});

test('a long-term login is made with its key, in the page, and ends with the key', async ({ page, signIn, server }) => {
  await signIn();
  await page.goto('/access/logins');
  await page.getByText(/^(Long-term|长期有效)$/).click();
  await page.getByRole('button', { name: /Make the key and its command|新建密钥并生成指令/ }).click();
  const shown = page.locator('.command pre');
  const [access, secret] = [await shown.nth(0).innerText(), await shown.nth(1).innerText()];
  await page.getByRole('button', { name: /Show the key|显示密钥/ }).click();
  const [user, key] = loginIn(await page.locator('.command pre', { hasText: 'docker login' }).innerText());
  expect(user).toMatch(new RegExp(`^.+@${access}$`));
  expect(key).toBe(createHmac('sha256', secret).update(access).digest('hex'));
  expect(await lets(server, user, key)).toBe(true);
  await expectAccessible(page);
  const file = page.waitForEvent('download');
  await page.getByRole('button', { name: 'CSV' }).click();
  const path = await (await file).path();
  expect(readFileSync(path, 'utf8')).toContain(`${ADMIN.user},${access},${secret}`);

  await page.goto('/access/keys');
  const row = page.getByRole('row').filter({ hasText: access });
  await row.getByRole('button', { name: new RegExp(access) }).last().click();
  await page.getByRole('menuitem', { name: /^(Disable|停用)$/ }).click();
  await page.getByRole('dialog').locator('button[type=submit]').click();
  await expect(row).toContainText(/Disabled|停用/);
  expect(await lets(server, user, key)).toBe(false);
  await row.getByRole('button', { name: new RegExp(access) }).last().click();
  await page.getByRole('menuitem', { name: /^(Delete|删除)$/ }).click();
  await expectAccessible(page);
  await page.getByRole('dialog').locator('button[type=submit]').click();
  await expect(row).toHaveCount(0);
});

test('a user is made, put into a group, and deleted', async ({ page, signIn, admin }) => {
  const [name, group] = [named('ana'), named('operators')];
  await admin.ask('POST', '/v3/groups', { group: { name: group } });
  await signIn();
  await page.goto('/access/users');
  await page.getByRole('button', { name: /Create user|创建用户/ }).click();
  const form = page.getByRole('dialog');
  await form.getByRole('textbox').first().fill('not a name');
  await expect(form.locator('button[type=submit]')).toBeDisabled();
  await form.getByRole('textbox').first().fill(name);
  await form.getByRole('button', { name: /Generate|自动生成/ }).click();
  await expectAccessible(page);
  await form.locator('button[type=submit]').click();
  await expect(page.getByRole('heading', { level: 1, name })).toBeVisible();
  await page.getByRole('button', { name: /Add to a group|加入用户组/ }).click();
  await page.getByRole('menuitem', { name: group }).click();
  await page.getByRole('link', { name: group }).click();
  await expect(page.getByRole('link', { name })).toBeVisible();
  await expectAccessible(page);
  const role = page.getByRole('checkbox').first();
  await role.click();
  await expect(role).toBeChecked();
  await page.getByRole('link', { name }).click();
  await page.getByRole('button', { name: /^(Delete|删除)$/ }).click();
  const confirm = page.getByRole('dialog');
  await expect(confirm.locator('button[type=submit]')).toBeDisabled();
  await confirm.getByRole('textbox').fill(name);
  await confirm.locator('button[type=submit]').click();
  await expect(page).toHaveURL(/\/access\/users$/);
  await page.getByRole('searchbox').fill(name);
  await expect(page.getByText(/Nothing matches|没有符合筛选条件/)).toBeVisible();
});

test('a name that is taken is refused in the form, in the reader’s language', async ({ page, signIn, admin }, info) => {
  const name = named('taken');
  await admin.ask('POST', '/v3/groups', { group: { name } });
  await signIn();
  await page.goto('/access/groups');
  await page.getByRole('button', { name: /Create group|创建用户组/ }).click();
  const form = page.getByRole('dialog');
  await form.getByRole('textbox').first().fill(name);
  await form.locator('button[type=submit]').click();
  await expect(form.getByRole('alert')).toContainText(info.project.name.startsWith('zh') ? '已存在，请使用其他名称。' : 'It exists already. Choose another name.');
});

test('who administers nothing sees neither users nor the trail, and changes their own password', async ({ page, signIn, admin, server }) => {
  const user = named('bo');
  const { domain_id } = (await admin.ask('GET', '/v2/manage/sessions')) as { domain_id: string };
  await admin.ask('POST', '/v3.0/OS-USER/users', { user: { name: user, domain_id, password: PASSWORD } });
  await signIn({ user, password: PASSWORD });
  for (const path of ['/access/users', '/access/groups', '/audit']) {
    await page.goto(path);
    await expect(page.getByText(/Only administrators of the account|仅账号管理员/)).toBeVisible();
  }
  await page.goto('/account');
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
  await expectAccessible(page);
  const fields = page.locator('input[type=password]');
  await fields.nth(0).fill('not my password');
  await fields.nth(1).fill('Another-2026');
  await fields.nth(2).fill('Another-2026');
  const change = page.getByRole('button', { name: /^(Change password|修改密码)$/ });
  await change.click();
  await expect(page.getByRole('alert')).toContainText(/the original password is wrong|原密码错误/);
  await fields.nth(0).fill(PASSWORD);
  await change.click();
  await expect(page.getByText(/The password was changed|密码已修改/)).toBeVisible();
  await expect(server.session({ user, password: 'Another-2026' })).resolves.toBeTruthy();
});

test('what was deleted is restored, under another name when its own is taken, or purged', async ({ page, signIn, admin, server }) => {
  const org = named('bin');
  await admin.ask('POST', '/v2/manage/namespaces', { namespace: org });
  for (const tag of ['v1', 'v2']) await server.push(`${org}/app:${tag}`);
  await server.push(`${org}/tool:v1`);
  await admin.ask('DELETE', `/v2/manage/namespaces/${org}/repos/app/tags/v1`);
  await admin.ask('DELETE', `/v2/manage/namespaces/${org}/repos/tool`);
  await server.push(`${org}/tool:v1`);
  await signIn();
  await page.goto(`/bin?org=${org}`);
  const rows = page.getByRole('table').getByRole('row');
  await expect(rows.filter({ hasText: `${org}/app` })).toBeVisible();
  await expectAccessible(page);
  await page.getByRole('button', { name: new RegExp(`^(Restore|恢复) ${org}/tool$`) }).click();
  const form = page.getByRole('dialog');
  await expect(form.getByRole('textbox')).toHaveValue('tool');
  await form.locator('button[type=submit]').click();
  await expect(form.getByRole('alert')).toBeVisible();
  await form.getByRole('textbox').fill('tool-again');
  await expectAccessible(page);
  await form.locator('button[type=submit]').click();
  await expect(form).toHaveCount(0);
  await expect(rows.filter({ hasText: `${org}/tool` })).toHaveCount(0);
  await page.getByRole('button', { name: new RegExp(`(Purge|彻底删除) ${org}/app:v1`) }).click();
  await page.getByRole('dialog').locator('button[type=submit]').click();
  await expect(page.getByText(/The bin is empty|回收站为空/)).toBeVisible();
  await expect(admin.ask('GET', `/v2/manage/namespaces/${org}/repos/tool-again`)).resolves.toBeTruthy();
});

test('the trail is filtered by the address and exported', async ({ page, signIn, admin }) => {
  const org = named('trail');
  await admin.ask('POST', '/v2/manage/namespaces', { namespace: org });
  await signIn();
  await page.goto(`/audit?resource=${org}`);
  const row = page.getByRole('row').filter({ hasText: 'create_namespace' });
  await expect(row).toHaveCount(1);
  await expectAccessible(page);
  await row.getByRole('button', { name: /create_namespace/ }).click();
  await expect(page.getByRole('dialog')).toContainText(org);
  await page.keyboard.press('Escape');
  const file = page.waitForEvent('download');
  await page.getByRole('button', { name: /CSV/ }).click();
  const text = readFileSync(await (await file).path(), 'utf8');
  expect(text.split('\r\n').filter((line) => line.includes('create_namespace'))).toHaveLength(1);
  await page.goto(`/audit?resource=${org}&result=refused`);
  await page.getByRole('button', { name: /Clear all filters|清除全部筛选条件/ }).click();
  await expect(page).toHaveURL(/\/audit$/);
});

test('a user without console access is told why they cannot sign in', async ({ page, admin }) => {
  const user = named('robot');
  const { domain_id } = (await admin.ask('GET', '/v2/manage/sessions')) as { domain_id: string };
  await admin.ask('POST', '/v3.0/OS-USER/users', { user: { name: user, domain_id, password: PASSWORD, access_mode: 'programmatic' } });
  await page.goto('/sign-in');
  await page.locator('input[autocomplete=username]').fill(user);
  await page.locator('input[autocomplete=current-password]').fill(PASSWORD);
  await page.locator('button[type=submit]').click();
  await expect(page.getByRole('alert')).toContainText(/access is programmatic only|仅有编程访问权限/);
  await expectAccessible(page);
});

test('who manages an image is told why somebody may not pull or push it', async ({ page, signIn, server, admin }) => {
  const org = named('why');
  await admin.ask('POST', '/v2/manage/namespaces', { namespace: org });
  await server.push(`${org}/app:v1`);
  await signIn();
  await page.goto(`/images/${org}/app?tab=permissions`);
  const panel = page.getByRole('region', { name: /Why can somebody not|为什么某个用户不能/ });
  const ask = panel.getByRole('button', { name: /Explain|查看原因/ });
  // Somebody who does not log in.
  await ask.click();
  await expect(panel.getByRole('status')).toContainText(/This is refused now|当前被拒绝/);
  await expect(panel.getByText('the image is private')).toBeVisible();
  await expect(panel.getByRole('img', { name: /Stands in the way|阻止操作/ })).toBeVisible();
  await expectAccessible(page);
  await panel.getByLabel(/^(User|用户)$/).fill(ADMIN.user);
  await ask.click();
  await expect(panel.getByRole('status')).toContainText(/This is allowed now|当前允许/);
  await expectAccessible(page);
  await panel.getByLabel(/^(User|用户)$/).fill('nobody-at-all');
  await ask.click();
  await expect(panel.getByRole('alert')).toBeVisible();
  await expect(panel.getByRole('status')).toBeHidden();
});

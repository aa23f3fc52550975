import { ADMIN, expect, expectAccessible, Server, test } from './test';
import { OpenIdProvider } from './openid';

test('a wrong password is told, the right one leads to where one wanted to go', async ({ page, isMobile }) => {
  await page.goto('/organizations');
  await expect(page).toHaveURL(/\/sign-in\?next=/);
  await expectAccessible(page);
  const [account, user, password] = [page.locator('input[autocomplete=organization]'), page.locator('input[autocomplete=username]'), page.locator('input[autocomplete=current-password]')];
  const submit = page.locator('button[type=submit]');
  await submit.click();
  await expect(user).toHaveAttribute('aria-invalid', 'true');
  await user.fill(ADMIN.user);
  await password.fill('not the password');
  await submit.click();
  await expect(page.getByRole('alert')).toBeVisible();
  await expectAccessible(page);
  await account.fill(ADMIN.account);
  await password.fill(ADMIN.password);
  await submit.click();
  await expect(page).toHaveURL(/\/organizations$/);
  if (!isMobile) await expect(page.getByRole('navigation').first()).toBeVisible();
});

test('a link cannot lead elsewhere after the sign-in', async ({ page, server }) => {
  await page.goto('/sign-in?next=//evil.example/x');
  await page.locator('input[autocomplete=username]').fill(ADMIN.user);
  await page.locator('input[autocomplete=current-password]').fill(ADMIN.password);
  await page.locator('button[type=submit]').click();
  await expect(page).not.toHaveURL(/sign-in/);
  expect(new URL(page.url()).origin).toBe(server.url);
});

test('signing out leaves nothing behind', async ({ page, signIn }) => {
  await signIn();
  await page.goto('/');
  await page.getByRole('button', { name: /admin/ }).click();
  await page.getByRole('menuitem', { name: /Sign out|退出登录/ }).click();
  await expect(page).toHaveURL(/\/sign-in/);
  await page.goBack();
  await expect(page).toHaveURL(/\/sign-in/);
});

test('a session that ended asks for the password over the page and goes on', async ({ page, signIn, context }) => {
  await signIn();
  await page.goto('/organizations');
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
  await page.getByRole('button', { name: /Create organization|创建组织/ }).first().click();
  const form = page.getByRole('dialog');
  await form.getByRole('textbox').first().fill('after-the-break');
  await context.clearCookies();
  // What was typed is sent when the person is back.
  await form.locator('button[type=submit]').click();
  const again = page.getByRole('dialog', { name: /session has ended|会话已结束/ });
  await expectAccessible(page);
  await again.locator('input[autocomplete=username]').fill(ADMIN.user);
  await again.locator('input[autocomplete=current-password]').fill(ADMIN.password);
  await again.locator('button[type=submit]').click();
  await expect(page.getByText('after-the-break').first()).toBeVisible();
});

test('a sign-in at a provider comes back to where one wanted to go, in either language and colour', async ({ page, isMobile }) => {
  const server = await Server.start(['--outbound-allow', '127.0.0.0/8']);
  const provider = await OpenIdProvider.start(`${server.url}/v2/manage/sign-in/berth/corp/back`);
  try {
    const admin = await server.session();
    await admin.ask('POST', '/v2/manage/sign-in-providers', {
      name: 'corp',
      url: provider.issuer,
      secret: 'a secret',
      oidc: { client_id: 'berth', scopes: ['profile', 'groups'] },
    });
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.goto(`${server.url}/sign-in?next=/organizations&refused=unavailable`);
    await expect(page.getByRole('alert')).toBeVisible();
    await page.getByRole('button', { name: '简体中文' }).click();
    await expect(page.getByRole('link', { name: '使用 corp 登录' })).toBeVisible();
    await expectAccessible(page);
    await page.emulateMedia({ colorScheme: 'light' });
    await page.getByRole('button', { name: 'English' }).click();
    await expectAccessible(page);
    await page.getByRole('link', { name: 'Sign in with corp' }).click();
    await page.locator('input[name=login]').fill('s-1');
    await page.locator('input[name=password]').fill('any');
    await page.locator('button[type=submit]').click();
    await expect(page).toHaveURL(`${server.url}/organizations`);
    if (!isMobile) await expect(page.getByRole('button', { name: /mary/ })).toBeVisible();
  } finally {
    await provider.stop();
    await server.stop();
  }
});

import { expect, expectAccessible, test } from './test';

test('what one types is found, and Enter goes there', async ({ page, server, admin, signIn }) => {
  await admin.ask('POST', '/v2/manage/namespaces', { namespace: 'harbour' });
  await server.push('harbour/lighthouse:v1.2');
  await signIn();
  await page.goto('/organizations');
  await page.getByRole('button', { name: /^(Search|搜索)/ }).first().click();
  const input = page.getByRole('textbox', { name: /Search organizations|搜索组织/ });
  await input.fill('lighth');
  await expect(page.getByText('harbour/lighthouse')).toBeVisible();
  await expectAccessible(page);
  await input.press('Enter');
  await expect(page).toHaveURL(/\/images\/harbour\/lighthouse$/);
  await page.keyboard.press('Control+k');
  await input.fill('lighthouse:v1');
  await page.getByRole('dialog').getByText('v1.2').click();
  await expect(page).toHaveURL(/\/images\/harbour\/lighthouse\/tags\/v1\.2$/);
});

test('nothing is found where there is nothing', async ({ page, signIn }) => {
  await signIn();
  await page.goto('/organizations');
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
  await page.keyboard.press('Control+k');
  await page.getByRole('textbox', { name: /Search organizations|搜索组织/ }).fill('no-such-thing');
  await expect(page.getByText(/no-such-thing”/)).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toHaveCount(0);
});

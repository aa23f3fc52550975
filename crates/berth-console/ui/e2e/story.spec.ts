import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { small, writeLayout } from './image';
import { ADMIN, expect, Server, test } from './test';

const run = promisify(execFile);

test('the first ten minutes: from the address to an image that is pushed, looked into, shared, kept tidy and rolled out', async ({ page, context }) => {
  test.setTimeout(180_000);
  const folder = mkdtempSync(join(tmpdir(), 'berth-story-'));
  const heard: string[] = [];
  const receiver = createServer((request, answer) => {
    let body = '';
    request.on('data', (part: Buffer) => (body += part.toString()));
    request.on('end', () => {
      heard.push(body);
      answer.end();
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  const address = receiver.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const server = await Server.start(['--outbound-allow', '127.0.0.0/8']);
  await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: server.url });
  // Another account, to share with.
  await run(server.program, ['admin', 'account', 'create', 'partner', '--data-dir', server.data]);

  await test.step('sign in', async () => {
    await page.goto(server.url);
    await page.getByLabel('User name').fill(ADMIN.user);
    await page.getByRole('textbox', { name: 'Password' }).fill(ADMIN.password);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
  });

  await test.step('create an organization', async () => {
    await page.getByRole('link', { name: 'Organizations' }).first().click();
    await page.getByRole('button', { name: 'Create organization' }).first().click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('textbox').first().fill('harbour');
    await dialog.getByRole('button', { name: 'Create' }).click();
    await expect(page.getByText('harbour').first()).toBeVisible();
  });

  let login: string[] = [];
  await test.step('copy the login command', async () => {
    await page.getByRole('button', { name: 'Access' }).click();
    await page.getByRole('link', { name: 'Login commands' }).click();
    await page.getByRole('button', { name: 'Generate the command' }).click();
    await page.getByRole('button', { name: /^Copy .*(sign in|docker login|Sign in)/i }).first().click();
    const command = await page.evaluate(() => navigator.clipboard.readText());
    expect(command).toMatch(/^docker login /);
    login = command.split(/\s+/);
  });

  await test.step('push, and see the image appear without reloading', async () => {
    await page.getByRole('link', { name: 'My images' }).click();
    await expect(page.getByRole('heading', { name: 'My images' })).toBeVisible();
    const [user, key, host] = [login[login.indexOf('-u') + 1] ?? '', login[login.indexOf('-p') + 1] ?? '', login.at(-1) ?? ''];
    expect(host).toBe(server.host);
    await server.push('harbour/lighthouse:v1', [small], { user, password: key });
    await page.getByRole('link', { name: 'lighthouse' }).click();
    await expect(page.getByRole('link', { name: 'v1', exact: true })).toBeVisible();
    await server.push('harbour/lighthouse:v2', [{ ...small, env: ['MODE=newer'] }], { user, password: key });
    await expect(page.getByRole('link', { name: 'v2', exact: true })).toBeVisible();
  });

  await test.step('look inside', async () => {
    await page.getByRole('link', { name: 'v1', exact: true }).click();
    await expect(page.getByText('COPY . /app').first()).toBeVisible();
    await page.getByRole('tab', { name: 'Files' }).click();
    await expect(page.getByText('os-release').or(page.getByText('etc')).first()).toBeVisible();
    await page.getByRole('link', { name: 'lighthouse' }).first().click();
  });

  await test.step('share it', async () => {
    await page.getByRole('tab', { name: 'Sharing' }).click();
    await page.getByRole('button', { name: 'Share image' }).first().click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Share with').fill('partner');
    await dialog.getByLabel('Permanently valid').check();
    await dialog.getByRole('button', { name: 'Share', exact: true }).click();
    await expect(page.getByRole('cell', { name: 'partner', exact: true })).toBeVisible();
  });

  await test.step('keep it tidy', async () => {
    await page.getByRole('tab', { name: 'Retention' }).click();
    await page.getByRole('button', { name: 'Set a policy' }).click();
    await expect(page.getByRole('button', { name: 'Save; nothing goes now' })).toBeEnabled();
    await page.getByRole('button', { name: 'Save; nothing goes now' }).click();
    await expect(page.getByText('The policy is set')).toBeVisible();
  });

  await test.step('have somebody told of every push', async () => {
    await page.getByRole('tab', { name: 'Triggers' }).click();
    await page.getByRole('button', { name: 'Add trigger' }).first().click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Name', { exact: true }).fill('tell');
    await dialog.getByLabel('Send webhook').check();
    await dialog.getByLabel('Address').fill(`http://127.0.0.1:${address.port}/pushed`);
    await dialog.getByRole('button', { name: 'Add trigger' }).click();
    await expect(page.getByText('tell').first()).toBeVisible();
    await server.push('harbour/lighthouse:v3', [{ ...small, env: ['MODE=newest'] }]);
    await expect.poll(() => heard.join('\n'), { timeout: 30_000 }).toContain('v3');
  });

  await test.step('upload a saved image', async () => {
    const layout = join(folder, 'layout');
    writeLayout(layout, [{ ...small, labels: { saved: 'yes' } }]);
    const archive = join(folder, 'saved.tar');
    await run('skopeo', ['copy', `oci:${layout}:it`, `docker-archive:${archive}:somewhere/buoy:1.0`]);
    // A secret that was shown once is on the page; it is left behind.
    await page.goto(`${server.url}/uploads`);
    await page.locator('input[type=file]').setInputFiles(archive);
    await expect(page.getByText('buoy:1.0').first()).toBeVisible();
    await page.getByRole('link', { name: /buoy:1\.0/ }).first().click();
    await expect(page).toHaveURL(/\/buoy\/tags\/1\.0/);
  });

  receiver.close();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

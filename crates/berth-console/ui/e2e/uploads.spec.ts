import type { Page } from '@playwright/test';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, expectAccessible, test } from './test';
import { tar } from './tar';

const MIB = 1024 * 1024;
const CHOOSE = /^(Choose files|选择文件)$/;

const hex = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** A `docker save` package with one image of two layers, the first of so many random bytes. */
function saved(file: string, tags: string[] | null, size = 5000): { path: string; bytes: Buffer } {
  const layers = [tar([{ path: 'content', content: randomBytes(size) }]), tar([{ path: 'etc/motd', content: 'hello\n' }])];
  const config = Buffer.from(
    JSON.stringify({ os: 'linux', architecture: 'amd64', config: {}, rootfs: { type: 'layers', diff_ids: layers.map((layer) => `sha256:${hex(layer)}`) } }),
  );
  const paths = layers.map((layer) => `${hex(layer)}/layer.tar`);
  const manifest = [{ Config: `${hex(config)}.json`, RepoTags: tags, Layers: paths }];
  const bytes = tar([
    ...layers.map((layer, at) => ({ path: paths[at] ?? '', content: layer })),
    { path: `${hex(config)}.json`, content: config },
    { path: 'manifest.json', content: JSON.stringify(manifest) },
  ]);
  const path = join(mkdtempSync(join(tmpdir(), 'berth-saved-')), file);
  writeFileSync(path, bytes);
  return { path, bytes };
}

let made = 0;

/** An organization of the test's own. */
async function organization(admin: { ask: (method: string, path: string, body?: unknown) => Promise<unknown> }): Promise<string> {
  const name = `uploads-${process.pid}-${(made += 1)}`;
  await admin.ask('POST', '/v2/manage/namespaces', { namespace: name });
  return name;
}

test.beforeEach(async ({ page, signIn, admin }) => {
  const before = (await admin.ask('GET', '/v2/manage/archives')) as { uploads: { id: string; namespace: string }[] };
  for (const one of before.uploads) await admin.ask('DELETE', `/v2/manage/namespaces/${one.namespace}/archives/${one.id}`);
  await signIn();
  await page.emulateMedia({ reducedMotion: 'reduce' });
});

async function choose(page: Page, org: string, paths: string[]): Promise<void> {
  await page.evaluate((name) => localStorage.setItem('berth.upload.organization', name), org);
  await page.goto('/uploads');
  await expect(page.getByRole('button', { name: CHOOSE })).toBeVisible();
  await page.locator('.drop-zone input[type=file], input[type=file][multiple]').first().setInputFiles(paths);
}

test('files become images, and lead to them', async ({ page, admin }) => {
  await page.goto('/uploads');
  const org = await organization(admin);
  await expectAccessible(page);
  const first = saved('first.tar', ['registry.example.com/web/app:v1']);
  const second = saved('second.tar', ['web/app:v2']);
  const packed = `${second.path}.gz`;
  writeFileSync(packed, gzipSync(second.bytes));
  await choose(page, org, [first.path, packed]);
  for (const tag of ['v1', 'v2']) {
    await expect(page.getByRole('link', { name: new RegExp(`${org}/app:${tag}`) })).toBeVisible({ timeout: 30_000 });
  }
  await expectAccessible(page);
  await page.getByRole('link', { name: new RegExp(`${org}/app:v1`) }).click();
  await expect(page).toHaveURL(new RegExp(`/images/${org}/app/tags/v1`));
  const tags = (await admin.ask('GET', `/v2/manage/namespaces/${org}/repos/app/tags`)) as unknown[];
  expect(tags).toHaveLength(2);
});

test('what is no image, and what the server refuses, is told at once', async ({ page, admin }) => {
  await page.goto('/uploads');
  const org = await organization(admin);
  const text = join(mkdtempSync(join(tmpdir(), 'berth-saved-')), 'text.tar');
  writeFileSync(text, 'hello '.repeat(1000));
  const named = saved('named.tar', ['team/App:v1']);
  await choose(page, org, [text, named.path]);
  await expect(page.getByText(/^(Invalid image format|镜像格式不合法)$/)).toBeVisible();
  await expect(page.getByText(/^(The name of the image in the file is invalid|镜像包内的镜像名称不合法)$/)).toBeVisible();
  await expectAccessible(page);
});

test('a file without a name asks for one, and a tag that is there is not moved without a word', async ({ page, admin }) => {
  await page.goto('/uploads');
  const org = await organization(admin);
  await choose(page, org, [saved('nameless.tar', null).path]);
  await page.getByRole('textbox', { name: /^(Image|镜像名称)$/ }).fill('app');
  await page.getByRole('textbox', { name: /^(Tag|镜像版本)$/ }).fill('v1');
  await expectAccessible(page);
  await page.getByRole('button', { name: /^(Use this name|使用此名称)$/ }).click();
  await expect(page.getByRole('link', { name: new RegExp(`${org}/app:v1`) })).toBeVisible({ timeout: 30_000 });
  const digest = async () => ((await admin.ask('GET', `/v2/manage/namespaces/${org}/repos/app/tags`)) as { digest: string }[])[0]?.digest;
  const before = await digest();

  await page.getByRole('button', { name: /^(Take off the list|从列表中移除)/ }).click();
  // The hint of the button that was pressed goes with the pointer.
  await page.mouse.move(0, 0);
  await page.locator('input[type=file][multiple]').first().setInputFiles(saved('again.tar', ['app:v1']).path);
  const move = page.getByRole('button', { name: /^(Move the tag|覆盖该版本)$/ });
  await expect(move).toBeVisible();
  expect(await digest()).toBe(before);
  await expectAccessible(page);
  await move.click();
  await expect(page.getByRole('link', { name: new RegExp(`${org}/app:v1`) })).toBeVisible({ timeout: 30_000 });
  expect(await digest()).not.toBe(before);
});

test('100 MB go on after a cut connection, while one browses, and after a reload', async ({ page, context, admin }, info) => {
  test.slow();
  await page.goto('/uploads');
  const org = await organization(admin);
  const { path } = saved('large.tar', ['large:v1'], 100 * MIB);
  // Slow enough to be interrupted.
  await page.route(/\/bytes\?/, async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 300));
    await route.continue().catch(() => undefined);
  });
  await choose(page, org, [path]);
  const offset = async () => {
    const found = (await admin.ask('GET', '/v2/manage/archives')) as { uploads: { offset: number }[] };
    return found.uploads[0]?.offset ?? 0;
  };
  await expect.poll(offset).toBeGreaterThan(8 * MIB - 1);
  await context.setOffline(true);
  await expect(page.getByText(/connection is lost|连接中断/).first()).toBeVisible({ timeout: 15_000 });
  await context.setOffline(false);
  const cut = await offset();
  await expect.poll(offset, { timeout: 30_000 }).toBeGreaterThan(cut);

  // Elsewhere in the console the pill tells how far it is.
  if (!info.project.name.includes('phone')) await page.getByRole('link', { name: /^(Dashboard|总览|首页)/ }).first().click();
  const pill = page.getByRole('link', { name: /Uploading|正在上传/ });
  await expect(pill).toBeVisible();
  page.on('dialog', (dialog) => void dialog.accept());
  await page.goto('/uploads');
  const again = page.getByRole('button', { name: /^(Choose the file again|重新选择文件)/ });
  await expect(again).toBeVisible();
  await expectAccessible(page);
  const stood = await offset();
  const chooser = page.waitForEvent('filechooser');
  await again.click();
  await (await chooser).setFiles(path);
  await expect.poll(offset, { timeout: 30_000 }).toBeGreaterThan(stood);
  await page.unroute(/\/bytes\?/);
  await expect(page.getByRole('link', { name: new RegExp(`${org}/large:v1`) })).toBeVisible({ timeout: 60_000 });
});

test('an upload is paused, gone on with and cancelled', async ({ page, admin }) => {
  await page.goto('/uploads');
  const org = await organization(admin);
  const { path } = saved('paused.tar', ['paused:v1'], 40 * MIB);
  await page.route(/\/bytes\?/, async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 400));
    await route.continue().catch(() => undefined);
  });
  await choose(page, org, [path]);
  await page.getByRole('button', { name: /^(Pause|暂停):/ }).click();
  await expect(page.getByText(/^(Paused|已暂停)/)).toBeVisible();
  await page.getByRole('button', { name: /^(Go on|继续):/ }).click();
  await expect(page.getByText(/^(Sending|正在上传)/)).toBeVisible();
  await page.getByRole('button', { name: /^(Cancel the upload|取消上传):/ }).click();
  await expect(page.getByText(/^(No file is under way|没有正在上传的文件)$/)).toBeVisible();
  await expect.poll(async () => ((await admin.ask('GET', '/v2/manage/archives')) as { uploads: unknown[] }).uploads).toEqual([]);
});

// Lists of ten thousand: what is drawn is what is in sight, and what is looked for is found by the server.
import type { Server, Session } from './server';
import { expect, test } from './test';

const MANY = 10_000;
/** Requests that are under way at once while a list is filled. */
const AT_ONCE = 24;
/** Tags that one push sets (`?tag=`). */
const TAGS_AT_ONCE = 100;
/** Rows that may be in the page however long its list is. */
const DRAWN_MAX = 120;

/** Does something for each number, some of it at once. */
async function each(count: number, act: (n: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) {
      next += 1;
      await act(next - 1);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** Pushes one image under ten thousand tags, a hundred with each request. */
async function pushTags(server: Server, admin: Session): Promise<void> {
  await admin.ask('POST', '/v2/manage/namespaces', { namespace: 'many' });
  await server.push('many/tags:seed');
  const authorization = `Basic ${Buffer.from(`${server.login.user}:${server.login.password}`).toString('base64')}`;
  const type = 'application/vnd.oci.image.manifest.v1+json';
  const answer = await fetch(`${server.url}/v2/many/tags/manifests/seed`, { headers: { authorization, accept: type } });
  const digest = answer.headers.get('docker-content-digest') ?? '';
  const manifest = await answer.text();
  await each(MANY / TAGS_AT_ONCE, async (part) => {
    const tags = Array.from({ length: TAGS_AT_ONCE }, (_, n) => `tag=v1.${part * TAGS_AT_ONCE + n}`).join('&');
    const pushed = await fetch(`${server.url}/v2/many/tags/manifests/${digest}?${tags}`, {
      method: 'PUT',
      headers: { authorization, 'content-type': type },
      body: manifest,
    });
    if (pushed.status !== 201) throw new Error(`push: ${pushed.status} ${await pushed.text()}`);
  });
}

test('an image with ten thousand tags scrolls to its end and finds one of them', async ({ page, server, admin, signIn }) => {
  test.setTimeout(180_000);
  await pushTags(server, admin);
  await signIn();
  await page.goto('/images/many/tags');
  const rows = page.locator('table.data-table tbody tr[data-index]');
  const table = page.locator('table.data-table');
  await expect(table).toHaveAttribute('aria-rowcount', String(MANY + 2));
  expect(await rows.count()).toBeLessThan(DRAWN_MAX);
  await page.evaluate(() => window.scrollTo(0, document.documentElement.scrollHeight));
  await expect(page.locator(`tr[data-index="${MANY}"]`)).toBeVisible();
  expect(await rows.count()).toBeLessThan(DRAWN_MAX);
  await page.evaluate(() => window.scrollTo(0, 0));
  await page.locator('input[type=search]').first().fill('1.9876');
  await expect(table).toHaveAttribute('aria-rowcount', '2');
  await expect(rows.first()).toContainText('v1.9876');
});

test('a list of ten thousand images draws those in sight, filters and sorts them', async ({ page, admin, signIn }) => {
  test.setTimeout(240_000);
  await admin.ask('POST', '/v2/manage/namespaces', { namespace: 'plenty' });
  await each(MANY, async (n) => {
    await admin.ask('POST', '/v2/manage/namespaces/plenty/repos', { repository: `image-${n}`, is_public: false });
  });
  await signIn();
  await page.goto('/images');
  const rows = page.locator('table.data-table tbody tr[data-index]');
  const table = page.locator('table.data-table');
  await expect(table).toHaveAttribute('aria-rowcount', /^10\d{3}$/);
  expect(await rows.count()).toBeLessThan(DRAWN_MAX);
  await page.evaluate(() => window.scrollTo(0, document.documentElement.scrollHeight));
  await expect(page.locator(`tr[data-index="${MANY - 1}"]`)).toBeVisible();
  expect(await rows.count()).toBeLessThan(DRAWN_MAX);
  await page.evaluate(() => window.scrollTo(0, 0));
  await page.locator('input[type=search]').first().fill('image-9876');
  await expect(table).toHaveAttribute('aria-rowcount', '2');
  await expect(rows.first()).toContainText('image-9876');
});

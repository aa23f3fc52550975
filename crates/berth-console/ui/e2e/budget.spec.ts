import { expect, test } from './test';

/** Bytes over the wire before somebody sees the dashboard: console.md's figure for scripts and styles, packed with gzip. */
const BUDGET = 240 * 1024;

test('the first load is small, packed, and all of it from here', async ({ page, signIn, server }) => {
  const sizes = new Map<string, number>();
  const strangers: string[] = [];
  await signIn();
  // What a browser that knows no brotli gets.
  await page.route(/\/assets\//, (route) => route.continue({ headers: { ...route.request().headers(), 'accept-encoding': 'gzip' } }));
  page.on('request', (request) => {
    if (!request.url().startsWith(server.url) && !request.url().startsWith('data:')) strangers.push(request.url());
  });
  page.on('response', async (response) => {
    const path = new URL(response.url()).pathname;
    if (/\.(js|css)$/.test(path)) sizes.set(path, Number(response.headers()['content-length']));
  });
  await page.goto('/');
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
  // The stream of events never ends, so the network is never idle: all is there when nothing more has come for a while.
  await expect
    .poll(async () => {
      const before = sizes.size;
      await page.waitForTimeout(700);
      return sizes.size - before;
    })
    .toBe(0);
  const total = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  expect(sizes.size).toBeGreaterThan(3);
  expect(strangers).toEqual([]);
  expect(total, [...sizes].map(([path, size]) => `${size} ${path}`).join('\n')).toBeLessThanOrEqual(BUDGET);
});

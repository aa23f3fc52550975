import type { ImageSpec } from './image';
import { expect, test } from './test';

/** Runs where it is taken for markup: it says so on the page, and the policy that stops it complains. */
const HOSTILE = '<img src=x onerror="globalThis.ran=1"><script>globalThis.ran=2</script>';
const ORG = 'hostile';

const image: ImageSpec = {
  layers: [
    {
      files: [
        { path: 'app/' },
        { path: 'app/<b onclick=ran>.html', content: HOSTILE },
        { path: 'etc/' },
        { path: 'etc/os-release', content: `NAME="${HOSTILE}"\n` },
      ],
      by: `RUN echo ${HOSTILE} # buildkit`,
    },
  ],
  env: [`HOSTILE=${HOSTILE}`],
  labels: {
    'org.opencontainers.image.description': HOSTILE,
    'org.opencontainers.image.source': 'javascript:globalThis.ran=3',
    'org.opencontainers.image.url': `https://example.com/"onmouseover="globalThis.ran=4`,
    [HOSTILE]: HOSTILE,
  },
};

test('what others wrote is shown as text and runs nowhere', async ({ page, server, admin, signIn }) => {
  await admin.ask('POST', '/v2/manage/namespaces', { namespace: ORG });
  await server.push(`${ORG}/app:v1`, [image]);
  await admin.ask('PATCH', `/v2/manage/namespaces/${ORG}/repos/app`, { description: HOSTILE, is_public: true });
  await signIn();
  for (const [address, shown] of [
    ['', 'v1'],
    ['?tab=description', 'onerror='],
    ['/tags/v1?view=config', 'HOSTILE'],
    ['/tags/v1?view=layers', 'onerror='],
    ['/tags/v1?view=manifest', 'schemaVersion'],
    ['/tags/v1?view=files&path=app', '<b onclick=ran>.html'],
  ] as const) {
    await page.goto(`/images/${ORG}/app${address}`);
    await expect(page.getByText(shown).first(), address).toBeVisible();
    expect(await page.evaluate(() => (globalThis as { ran?: number }).ran), address).toBeUndefined();
    expect(await page.locator('img[src="x"], a[href^="javascript:"], b[onclick]').count(), address).toBe(0);
  }
  await page.getByRole('button', { name: '<b onclick=ran>.html' }).click();
  await expect(page.getByRole('region', { name: /Preview|预览/ }).getByText('globalThis.ran=2')).toBeVisible();
  expect(await page.evaluate(() => (globalThis as { ran?: number }).ran)).toBeUndefined();
});

test('a manifest that says that it is a page is none of this origin', async ({ context, server, admin, signIn }) => {
  await admin.ask('POST', '/v2/manage/namespaces', { namespace: `${ORG}-page` });
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: 'text/html',
    annotations: { a: "<script>fetch('/ran')</script><img src='/ran'><iframe src='/ran'></iframe>" },
  });
  const login = Buffer.from(`${server.login.user}:${server.login.password}`).toString('base64');
  const pushed = await fetch(`${server.url}/v2/${ORG}-page/app/manifests/v1`, {
    method: 'PUT',
    headers: { authorization: `Basic ${login}`, 'content-type': 'text/html' },
    body: manifest,
  });
  expect(pushed.status).toBe(201);
  await admin.ask('PATCH', `/v2/manage/namespaces/${ORG}-page/repos/app`, { is_public: true });
  await signIn();
  // A page of its own: what the policy stops here is told on the console, as it should be.
  const page = await context.newPage();
  const answered: string[] = [];
  page.on('response', (response) => answered.push(new URL(response.url()).pathname));
  const answer = await page.goto(`/v2/${ORG}-page/app/manifests/v1`, { waitUntil: 'load' });
  expect(answer?.status()).toBe(200);
  expect(answer?.headers()['content-security-policy']).toContain('sandbox');
  expect(answered).toEqual([`/v2/${ORG}-page/app/manifests/v1`]);
});

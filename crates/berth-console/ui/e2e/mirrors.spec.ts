import { expect, expectAccessible, Server, test } from './test';

test('a mirror is set up, tells what it saved and what went wrong, and fetches ahead', async ({ page, context }) => {
  const upstream = await Server.start();
  const server = await Server.start(['--outbound-allow', '127.0.0.0/8']);
  try {
    const there = await upstream.session();
    await there.ask('POST', '/v2/manage/namespaces', { namespace: 'library' });
    for (const tag of ['v1', 'v2', 'v3']) await upstream.push(`library/app:${tag}`);
    await there.ask('PATCH', '/v2/manage/namespaces/library/repos/app', { is_public: true });
    const admin = await server.session();
    await admin.ask('POST', '/v2/manage/namespaces', { namespace: 'hub' });
    const [name = '', value = ''] = admin.cookie.split('=');
    await context.addCookies([{ name, value, url: server.url, httpOnly: true, sameSite: 'Strict' }]);

    await page.goto(`${server.url}/settings/mirrors`);
    await page.getByRole('button', { name: /Add mirror/ }).click();
    const form = page.getByRole('dialog', { name: /Add a mirror/ });
    await form.getByRole('textbox', { name: 'Name', exact: true }).fill('hub');
    await form.getByRole('combobox', { name: 'Organization' }).click();
    await page.getByRole('option', { name: 'hub' }).click();
    await form.getByRole('textbox', { name: 'Registry' }).fill('docker.io');
    await form.getByRole('textbox', { name: 'Address' }).fill(upstream.url);
    await form.getByRole('switch', { name: /Everybody may pull/ }).check();
    await form.getByRole('textbox', { name: /Seconds between/ }).fill('0');
    await expect(form.getByText(/A whole number from 1/)).toBeVisible();
    await form.getByRole('textbox', { name: /Seconds between/ }).fill('600');
    await form.getByRole('textbox', { name: /Size bound/ }).fill('2');
    await form.getByRole('textbox', { name: /Fetched ahead/ }).fill('no pattern');
    await form.getByRole('button', { name: 'Add mirror' }).click();
    await expect(form.getByRole('alert')).toContainText(/is no image and a pattern of tags/);
    await form.getByRole('textbox', { name: /Fetched ahead/ }).fill('library/app:v2\n');
    await expectAccessible(page);
    await form.getByRole('button', { name: 'Add mirror' }).click();
    await expect(form).toBeHidden();
    expect(await admin.ask('GET', '/v2/manage/mirrors/hub')).toMatchObject({
      registry: 'docker.io', url: upstream.url, public: true, recheck_seconds: 600, bytes_max: 2 * 1024 ** 3, keep: [], prefetch: ['library/app:v2'],
    });

    await server.pull('hub/library/app:v1');
    await server.pull('hub/library/app:v1');
    // Counts are written in batches.
    const figures = async () => (await admin.ask('GET', '/v2/manage/mirrors/hub/figures')) as { hits: number; misses: number };
    await expect.poll(async () => (await figures()).hits).toBeGreaterThan(0);
    await page.reload();
    await expect(page.getByRole('row', { name: /hub/ }).getByText(/%/)).toBeVisible();
    await page.getByRole('button', { name: 'hub', exact: true }).click();
    const near = page.getByRole('dialog', { name: 'hub' });
    await expect(near.getByText(/\d+ of \d+ requests/)).toBeVisible();
    await expect(near.getByText('Nothing went wrong since the server started')).toBeVisible();
    await near.getByRole('button', { name: 'Fetch ahead now' }).click();
    const tags = async () => ((await admin.ask('GET', '/v2/manage/namespaces/hub/repos/library$app/tags')) as { Tag: string }[]).map((tag) => tag.Tag).toSorted();
    await expect.poll(tags).toEqual(['v1', 'v2']);

    await expect(near.getByText(`[host."${server.url}/v2/hub"]`)).toBeVisible();
    await near.getByText('docker', { exact: true }).click();
    await expect(near.getByText(/registry-mirrors/)).toBeVisible();
    await expectAccessible(page);

    await upstream.stop();
    await expect(server.pull('hub/library/app:v3')).rejects.toThrow();
    await page.reload();
    await expect(near.getByText(/What went wrong last/)).toBeVisible();
    await near.getByRole('button', { name: 'Close' }).click();
    await page.getByRole('switch', { name: 'Mirror hub is on' }).press('Space');
    await expect(page.getByText('Off', { exact: true })).toBeVisible();
    await page.getByRole('button', { name: 'hub', exact: true }).click();
    const ahead = near.getByRole('button', { name: 'Fetch ahead now' });
    await expect(ahead).toHaveAttribute('aria-disabled', 'true');
    await ahead.hover();
    await expect(page.getByText('The mirror is off and fetches nothing.')).toBeVisible();
  } finally {
    await server.stop();
    await upstream.stop();
  }
});

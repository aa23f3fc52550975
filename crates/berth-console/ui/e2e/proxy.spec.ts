import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ADMIN, expect, Server, test } from './test';

/** A free port, for a program that cannot choose one itself. */
async function freePort(): Promise<number> {
  const listener = createServer();
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const address = listener.address();
  await new Promise((resolve) => listener.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** An nginx that serves a server under a path, as docs/how-to/console.md has it. */
async function nginx(upstream: string, location: string): Promise<{ url: string; stop: () => void }> {
  const folder = mkdtempSync(join(tmpdir(), 'berth-nginx-'));
  const port = await freePort();
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/${name};`);
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off; pid ${folder}/pid; error_log ${folder}/error.log;
     events {} http { access_log off; ${paths.join(' ')}
       server { listen 127.0.0.1:${port}; location /tools/berth/ { ${location.replace('UPSTREAM', upstream)} proxy_set_header Host $http_host; proxy_buffering off; } } }`,
  );
  const child = spawn('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf')], { stdio: 'ignore' });
  const url = `http://127.0.0.1:${port}`;
  await expect(async () => fetch(url)).toPass();
  const stop = () => {
    child.kill('SIGTERM');
    rmSync(folder, { recursive: true, force: true });
  };
  return { url, stop };
}

for (const [how, settings, location] of [
  ['takes its path away', ['--trusted-proxies', '127.0.0.0/8'], 'proxy_pass UPSTREAM/; proxy_set_header X-Forwarded-Prefix /tools/berth;'],
  ['leaves its path where it is', ['--base-path', '/tools/berth'], 'proxy_pass UPSTREAM;'],
] as const) {
  test(`behind a proxy that ${how}, one signs in, goes about, and reloads`, async ({ page }) => {
    const server = await Server.start([...settings]);
    const proxy = await nginx(server.url, location);
    try {
      await page.goto(`${proxy.url}/tools/berth/organizations`);
      await expect(page).toHaveURL(/\/tools\/berth\/sign-in\?next=/);
      await page.locator('input[autocomplete=username]').fill(ADMIN.user);
      await page.locator('input[autocomplete=current-password]').fill(ADMIN.password);
      await page.locator('button[type=submit]').click();
      await expect(page).toHaveURL(`${proxy.url}/tools/berth/organizations`);
      await page.reload();
      await expect(page).toHaveURL(`${proxy.url}/tools/berth/organizations`);
      const cookies = await page.context().cookies(`${proxy.url}/tools/berth/`);
      expect(cookies.map(({ path, httpOnly, sameSite }) => ({ path, httpOnly, sameSite }))).toEqual([
        { path: '/tools/berth/', httpOnly: true, sameSite: 'Strict' },
      ]);
      expect(await page.context().cookies(proxy.url)).toEqual([]);
    } finally {
      proxy.stop();
      await server.stop();
    }
  });
}

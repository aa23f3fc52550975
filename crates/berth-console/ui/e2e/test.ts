import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test as base, expect, type Page } from '@playwright/test';
import { ADMIN, Server, type Session } from './server';

export { expect, ADMIN, Server };

interface Fixtures {
  /** The administrator, without a browser: puts in place what the test looks at. */
  admin: Session;
  /** Signs the page's browser in, as the administrator or somebody else. */
  signIn: (who?: { account?: string; user: string; password: string }) => Promise<void>;
  /** Fails the test when a page says something is wrong: script errors, refused requests nobody expects, broken policy. */
  complaints: string[];
}

/** Tests against a server per worker, with a page that may not complain. */
export const test = base.extend<Fixtures, { server: Server }>({
  server: [
    async ({}, use) => {
      const server = await Server.start();
      await use(server);
      await server.stop();
    },
    { scope: 'worker' },
  ],
  baseURL: async ({ server }, use) => use(server.url),
  admin: async ({ server }, use) => use(await server.session()),
  signIn: async ({ context, server }, use) => {
    await use(async (who = ADMIN) => {
      const { cookie } = await server.session(who);
      const [name = '', value = ''] = cookie.split('=');
      await context.addCookies([{ name, value, url: server.url, httpOnly: true, sameSite: 'Strict' }]);
    });
  },
  complaints: [
    async ({ page }, use) => {
      const complaints: string[] = [];
      await page.addInitScript(() => {
        document.addEventListener('securitypolicyviolation', (event) =>
          console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`),
        );
      });
      page.on('pageerror', (error) => complaints.push(`${error.name}: ${error.message}`));
      page.on('console', (message) => {
        // A refusal is an answer; what the page does with it is tested where it is expected.
        const refusal = message.text().startsWith('Failed to load resource');
        if (message.type() === 'error' && !refusal) complaints.push(message.text());
      });
      await use(complaints);
      expect(complaints).toEqual([]);
    },
    { auto: true },
  ],
});

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

interface AxeFinding {
  id: string;
  help: string;
  nodes: { html: string; failureSummary?: string }[];
}

/** What axe finds on the page once it stands, WCAG 2.0 to 2.2 A and AA and best practice; nothing is expected. */
export async function expectAccessible(page: Page): Promise<void> {
  // The address changes before the part of the console that draws the page is there.
  await expect(page.locator('h1').first()).toBeAttached();
  await page.evaluate(axeSource);
  // What appears only now, or fades in, has no name or contrast yet; what is wrong stays wrong.
  await expect.poll(() => findings(page)).toEqual([]);
}

async function findings(page: Page): Promise<string[]> {
  await page.evaluate(() => {
    // A spinner has no end.
    const ending = document.getAnimations().filter((one) => one.effect?.getComputedTiming().endTime !== Infinity);
    return Promise.all(ending.map((one) => one.finished.catch(() => undefined)));
  });
  const found = await page.evaluate(async () => {
    const axe = (globalThis as unknown as { axe: { run: (context: Document, options: object) => Promise<{ violations: AxeFinding[] }> } }).axe;
    return (await axe.run(document, { resultTypes: ['violations'] })).violations;
  });
  return found.map(({ id, help, nodes }) => `${id}: ${help}\n${nodes.map((node) => `  ${node.html}\n  ${node.failureSummary ?? ''}`).join('\n')}`);
}

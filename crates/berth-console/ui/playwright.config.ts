import { existsSync } from 'node:fs';
import { defineConfig, devices } from '@playwright/test';

/** Debian's browser, or the one that CHROMIUM names; a build of Playwright's own is never fetched. */
const places = [process.env['CHROMIUM'], '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const executablePath = places.find((place) => place !== undefined && existsSync(place));
if (executablePath === undefined) throw new Error('no Chromium: install the package chromium, or name one in CHROMIUM');

/** What is driven in the other language, theme and on a phone: every page with its axe run, and the flows that all people take. */
const EVERYWHERE = /(routes|sign-in|dashboard|search|center|contents)\.spec\.ts$/;

export default defineConfig({
  testDir: 'e2e',
  fullyParallel: true,
  forbidOnly: true,
  reporter: [['list']],
  timeout: 60_000,
  // A machine that builds beside it is slow; what is wrong stays wrong, and a second look is told as flaky.
  expect: { timeout: 15_000 },
  retries: 1,
  use: { launchOptions: { executablePath, args: ['--no-sandbox'] }, trace: 'retain-on-failure', screenshot: 'only-on-failure' },
  projects: [
    { name: 'en-light', use: { ...devices['Desktop Chrome'], locale: 'en-GB', colorScheme: 'light' } },
    { name: 'zh-dark', testMatch: EVERYWHERE, use: { ...devices['Desktop Chrome'], locale: 'zh-CN', colorScheme: 'dark' } },
    { name: 'phone', testMatch: EVERYWHERE, use: { ...devices['Pixel 7'], locale: 'en-GB', colorScheme: 'light' } },
  ],
});

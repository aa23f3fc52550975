import { randomBytes } from 'node:crypto';
import { Agent } from './agent';
import { small } from './image';
import { expect, expectAccessible, Server, test } from './test';

/** Large enough that nodes share it. */
const shared = { ...small, layers: [...small.layers, { files: [{ path: 'app/data', content: randomBytes(600 << 10) }], by: 'COPY data /app' }] };

test('nodes are listed with what they share, found by label, and told to have an image', async ({ page, context }) => {
  // Agents tell what they got in their own time.
  test.setTimeout(120_000);
  const server = await Server.start();
  const agents: Agent[] = [];
  try {
    const admin = await server.session();
    await admin.ask('POST', '/v2/manage/namespaces', { namespace: 'team' });
    await server.push('team/app:v1', [shared]);
    await server.push('team/app:v2');
    const [name = '', value = ''] = admin.cookie.split('=');
    await context.addCookies([{ name, value, url: server.url, httpOnly: true, sameSite: 'Strict' }]);

    await page.goto(`${server.url}/settings/agents`);
    await expect(page.getByRole('heading', { name: 'No agent is connected' })).toBeVisible();
    await expect(page.getByText(`berth agent run --registry ${server.url}`)).toBeVisible();

    agents.push(await Agent.start(server, ['zone=a', 'gpu=yes']), await Agent.start(server, ['zone=b']));
    const [first, second] = agents as [Agent, Agent];
    const table = page.getByRole('table', { name: 'Node agents' });
    await expect(table.getByText(first.id)).toBeVisible();
    await expect(table.getByText(second.id)).toBeVisible();
    await first.pull('team/app:v1');
    await second.pull('team/app:v1');
    await table.getByRole('button', { name: 'Show agents with zone=b' }).click();
    await expect(table.getByText(first.id)).toBeHidden();
    await expect(table.getByText(second.id)).toBeVisible();
    await page.getByRole('searchbox', { name: /Filter by label/ }).fill('zone=c');
    await page.getByRole('button', { name: 'Clear the filter' }).last().click();
    await expect(table.getByText(first.id)).toBeVisible();

    await page.goto(`${server.url}/images/team/app?tab=acceleration`);
    await page.getByRole('button', { name: 'Have it on nodes' }).click();
    const form = page.getByRole('dialog', { name: 'Have a tag on nodes' });
    await form.getByRole('combobox', { name: 'Tag' }).fill('v2');
    await expect(form.getByText('2 of 2 connected nodes')).toBeVisible();
    await form.getByRole('radio', { name: /all of these labels/ }).check();
    const labels = form.getByRole('combobox', { name: 'Labels' });
    await labels.fill('zone');
    await labels.press('Enter');
    await expect(form.getByText('A label is key=value')).toBeVisible();
    await labels.press('Backspace');
    await labels.fill('zone=c');
    await labels.press('Enter');
    await form.getByRole('button', { name: 'Tell the nodes' }).click();
    await expect(form.getByRole('alert')).toContainText(/no connected node/);
    await labels.press('Backspace');
    await labels.fill('zone=b');
    await labels.press('Enter');
    await expect(form.getByText('1 of 2 connected nodes')).toBeVisible();
    await expectAccessible(page);
    await form.getByRole('button', { name: 'Tell the nodes' }).click();
    await expect(form).toBeHidden();
    const preheats = page.getByRole('table', { name: 'On nodes ahead of time' });
    await expect(preheats.getByText('Complete')).toBeVisible();
    await expect(preheats.getByText('1 of 1 node')).toBeVisible();
    await preheats.getByRole('button', { name: 'v2', exact: true }).click();
    const near = page.getByRole('dialog', { name: 'v2 on nodes' });
    await expect(near.getByText(second.id)).toBeVisible();
    await expect(near.getByText('Has it')).toBeVisible();
    await expectAccessible(page);

    await near.getByRole('button', { name: 'Close' }).click();

    // Each says in its own time what it got from whom.
    await expect
      .poll(async () => ((await admin.ask('GET', '/v2/manage/agents')) as { agents: { bytes_from_peers: number }[] }).agents.some((agent) => agent.bytes_from_peers > 0), { timeout: 60_000 })
      .toBe(true);
    await page.goto(`${server.url}/settings/agents`);
    await page.getByRole('button', { name: 'Refresh' }).click();
    await expect(page.getByRole('list', { name: 'What agents share' }).getByText(/%/)).toBeVisible();
    await expect(table.getByText(/^[1-9][\d.]*%$/)).toBeVisible();

    // A node that is gone is waited for, until somebody cancels.
    await first.stop();
    agents.shift();
    await admin.ask('POST', '/v2/manage/namespaces/team/repos/app/preheats', { tag: 'v1', nodes: { labels: { zone: 'a' } } });
    await page.goto(`${server.url}/images/team/app?tab=acceleration`);
    await expect(preheats.getByText('Running')).toBeVisible();
    await preheats.getByRole('button', { name: 'Cancel: v1' }).click();
    await expect(preheats.getByText('Cancelled')).toBeVisible();
  } finally {
    for (const agent of agents) await agent.stop();
    await server.stop();
  }
});

/** An image of which an index can be made: each file's folder has an entry before it. */
const foldered = { ...small, layers: [{ files: [{ path: 'bin/' }, { path: 'bin/sh', content: '#!' }], by: 'ADD rootfs.tar /' }, ...small.layers.slice(1)] };

test('indexes for lazy starts are made on request and by rule, and who only reads changes nothing', async ({ page, server, admin, signIn }) => {
  const org = `lazy${Math.random().toString(36).slice(2, 8)}`;
  await admin.ask('POST', '/v2/manage/namespaces', { namespace: org });
  await server.push(`${org}/app:v1`, [foldered, { ...foldered, architecture: 'arm64' }]);
  await signIn();
  await page.goto(`/images/${org}/app?tab=acceleration`);
  await page.getByRole('button', { name: 'Make an index' }).click();
  const form = page.getByRole('dialog', { name: 'Make the index of a tag' });
  await form.getByRole('combobox', { name: 'Tag' }).fill('v9');
  await form.getByRole('button', { name: 'Make it' }).click();
  await expect(form.getByRole('alert')).toBeVisible();
  await form.getByRole('combobox', { name: 'Tag' }).fill('v1');
  await form.getByRole('button', { name: 'Make it' }).click();
  const runs = page.getByRole('table', { name: 'Indexes for lazy starts', exact: true });
  await expect(runs.getByText('Done')).toBeVisible();
  await expect(runs.getByText(/^2 of 2 images/)).toBeVisible();
  await runs.getByRole('button', { name: 'v1', exact: true }).click();
  const near = page.getByRole('dialog', { name: 'Indexes of v1' });
  await expect(near.getByText('linux/arm64')).toBeVisible();
  await expect(near.getByText(/% of the layers/).first()).toBeVisible();
  await expectAccessible(page);
  await near.getByRole('button', { name: 'Close' }).click();

  // The organization's rule, then the image's own beside it.
  await page.goto(`/organizations/${org}?tab=rules`);
  await page.getByRole('switch', { name: 'Make an index after each push' }).click();
  await expect(page.getByText('The rule is in force')).toBeVisible();
  await page.getByRole('textbox', { name: 'Tags' }).fill('release-*');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect.poll(() => admin.ask('GET', `/v2/manage/namespaces/${org}/lazy_rule`)).toMatchObject({ tags: 'release-*' });
  await page.goto(`/images/${org}/app?tab=acceleration`);
  await expect(page.getByText('release-*')).toBeVisible();
  await page.getByRole('switch', { name: 'Make an index after each push' }).click();
  await expect(page.getByText('The rule is in force')).toBeVisible();
  await server.push(`${org}/app:v2`, [{ ...foldered, env: ['MODE=other'] }]);
  // Nobody reloads: the push is told.
  await expect(runs.getByRole('button', { name: 'v2', exact: true })).toBeVisible();
  await expect(runs.getByText(/^Rule, /)).toBeVisible();
  await page.getByRole('switch', { name: 'Make an index after each push' }).click();
  await expect(page.getByText(/No index is made by this rule any more/)).toBeVisible();

  const { domain_id } = (await admin.ask('GET', '/v2/manage/sessions')) as { domain_id: string };
  const reader = { user: `${org}reader`, password: 'Correct-horse-2' };
  const made = (await admin.ask('POST', '/v3.0/OS-USER/users', { user: { name: reader.user, password: reader.password, domain_id } })) as { user: { id: string } };
  await admin.ask('POST', `/v2/manage/namespaces/${org}/access`, [{ user_id: made.user.id, user_name: reader.user, auth: 1 }]);
  await page.context().clearCookies();
  await signIn({ account: 'berth', ...reader });
  await page.goto(`/images/${org}/app?tab=acceleration`);
  for (const name of ['Have it on nodes', 'Make an index']) await expect(page.getByRole('button', { name })).toHaveAttribute('aria-disabled', 'true');
  await expect(page.getByRole('switch', { name: 'Make an index after each push' })).toBeDisabled();
  for (const place of ['mirrors', 'agents']) {
    await page.goto(`/settings/${place}`);
    await expect(page.getByText('Only administrators of the account see the settings.')).toBeVisible();
  }
});

test('a rule has pushes on nodes, and says when there was none', async ({ page, server, admin, signIn }) => {
  const org = `ruled${Math.random().toString(36).slice(2, 8)}`;
  await admin.ask('POST', '/v2/manage/namespaces', { namespace: org });
  await signIn();
  await page.goto(`/organizations/${org}?tab=rules`);
  await page.getByRole('switch', { name: 'Have each push on nodes' }).click();
  await expect(page.getByText('Pushes go to nodes from now on')).toBeVisible();
  const labels = page.getByRole('combobox', { name: 'Labels' });
  await labels.fill('zone=a');
  await labels.press('Enter');
  await page.getByRole('button', { name: 'Save the rule' }).click();
  await expect.poll(() => admin.ask('GET', `/v2/manage/namespaces/${org}/preheat_rule`)).toMatchObject({ enabled: true, tags: '', nodes: { labels: { zone: 'a' } } });
  await expectAccessible(page);
  await server.push(`${org}/app:v1`);
  await page.goto(`/images/${org}/app?tab=acceleration`);
  const preheats = page.getByRole('table', { name: 'On nodes ahead of time' });
  await expect(preheats.getByText('No such node')).toBeVisible();
  await expect(preheats.getByText(/^Rule, /)).toBeVisible();
});

import { createServer, type IncomingHttpHeaders, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ADMIN, expect, expectAccessible, Server, test } from './test';

/** Where a test's webhook is sent: notes what came. */
class Receiver {
  readonly heard: { headers: IncomingHttpHeaders; event: { type: string; data: { tag: string } } }[] = [];
  private constructor(private readonly server: HttpServer) {}

  static async start(): Promise<Receiver> {
    const server = createServer();
    const receiver = new Receiver(server);
    server.on('request', (request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        receiver.heard.push({ headers: request.headers, event: JSON.parse(Buffer.concat(parts).toString()) });
        response.writeHead(204).end();
      });
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/hook`;
  }

  stop(): void {
    this.server.close();
  }
}

/** A name of its own for each run of a test: the server is shared. */
const fresh = (word: string) => `${word}${Math.random().toString(36).slice(2, 8)}`;

test('a policy shows what goes, deletes that and nothing else, and can be deleted', async ({ page, server, admin, signIn }) => {
  const org = fresh('keep');
  await admin.ask('POST', '/v2/manage/namespaces', { namespace: org });
  for (const tag of ['a1', 'b2', 'c3', 'release']) await server.push(`${org}/app:${tag}`);
  await signIn();
  await page.goto(`/images/${org}/app?tab=retention`);
  await page.getByRole('button', { name: /Set a policy|添加老化规则/ }).click();
  await page.getByLabel(/What decides|策略类型/).selectOption('newest');
  await page.getByLabel(/How many stay|保留数目/).fill('1');
  const kept = page.getByRole('combobox', { name: /but never these tags|但始终保留以下版本/ });
  await kept.fill('rel*');
  await kept.press('Enter');
  const save = page.getByRole('button', { name: /Save and delete 2 tags now|保存并立即删除 2 个版本/ });
  await expect(save).toBeVisible();
  await expectAccessible(page);
  await save.click();
  const question = page.getByRole('dialog');
  await expect(question.getByText('a1', { exact: true })).toBeVisible();
  await expect(question.getByText('b2', { exact: true })).toBeVisible();
  await question.getByRole('button', { name: /Save and delete|保存并立即删除/ }).click();
  await expect(question).toBeHidden();
  const tags = async () => (await admin.ask('GET', `/v2/manage/namespaces/${org}/repos/app/tags`)) as { Tag: string }[];
  await expect.poll(async () => (await tags()).map((tag) => tag.Tag).toSorted()).toEqual(['c3', 'release']);
  await page.getByText(/Retention log|老化日志/).click();
  await expect(page.getByRole('table', { name: /Retention log|老化日志/ }).getByText('a1', { exact: true })).toBeVisible();
  await page.getByRole('button', { name: /Delete the policy|删除老化规则/ }).click();
  await page.getByRole('dialog').getByRole('button', { name: /Delete the policy|删除老化规则/ }).click();
  await expect(page.getByRole('button', { name: /Set a policy|添加老化规则/ })).toBeVisible();
});

test('a rule makes tags immutable, says which, and is deleted again', async ({ page, server, admin, signIn }) => {
  const org = fresh('fixed');
  await admin.ask('POST', '/v2/manage/namespaces', { namespace: org });
  for (const tag of ['v1', 'latest']) await server.push(`${org}/app:${tag}`);
  await signIn();
  await page.goto(`/images/${org}/app?tab=immutability`);
  await page.getByRole('button', { name: /Add rule|添加规则/ }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('textbox', { name: /^Tags|^版本/ }).fill('v*');
  await expect(dialog.getByText('v1', { exact: true })).toBeVisible();
  await expectAccessible(page);
  await dialog.getByRole('button', { name: /Make immutable|设为不可变/ }).click();
  await expect(dialog).toBeHidden();
  const again = { layers: [{ files: [{ path: 'other', content: 'another image' }], by: 'COPY other /' }] };
  await expect(server.push(`${org}/app:v1`, [again])).rejects.toThrow(/immutable/);
  await page.getByRole('button', { name: /Delete the rule on v\*|删除规则 v\*/ }).click();
  await page.getByRole('dialog').getByRole('button', { name: /^Delete$|^删除$/ }).click();
  await expect(page.getByText(/Every tag can be moved|所有版本都可以/)).toBeVisible();
  await server.push(`${org}/app:v1`, [again]);
});

test('a webhook is set up, its secret shown once, and a push is delivered', async ({ page, context }) => {
  const receiver = await Receiver.start();
  const server = await Server.start(['--outbound-allow', '127.0.0.0/8']);
  try {
    const admin = await server.session();
    await admin.ask('POST', '/v2/manage/namespaces', { namespace: 'team' });
    await server.push('team/app:v1');
    const [name = '', value = ''] = admin.cookie.split('=');
    await context.addCookies([{ name, value, url: server.url, httpOnly: true, sameSite: 'Strict' }]);
    await page.goto(`${server.url}/images/team/app?tab=triggers`);
    await page.getByRole('button', { name: /Add trigger|添加触发器/ }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('textbox', { name: /^Name|^名称/ }).fill('1ci');
    await expect(dialog.getByText(/Begins with a letter|以字母开头/)).toBeVisible();
    await dialog.getByRole('textbox', { name: /^Name|^名称/ }).fill('ci');
    await dialog.getByRole('radio', { name: /^Pattern|匹配式触发/ }).check();
    await dialog.getByRole('textbox', { name: /^Pattern|匹配式触发/ }).fill('v*');
    await dialog.getByRole('radio', { name: /Send webhook|发送 Webhook/ }).check();
    await dialog.getByRole('textbox', { name: /^Address|^地址/ }).fill(receiver.url);
    await expect(dialog.getByText(/Waits for 1 of 1|现有 1 个版本中/)).toBeVisible();
    await dialog.getByRole('button', { name: /Add trigger|添加触发器/ }).click();
    await expect(page.getByRole('dialog').getByText(/^whsec_/)).toBeVisible();
    await page.getByRole('dialog').getByRole('button', { name: /I have stored it|我已保存/ }).click();
    await server.push('team/app:v2');
    await expect.poll(() => receiver.heard.map((one) => one.event.data.tag)).toEqual(['v2']);
    expect(receiver.heard[0]?.headers['webhook-signature']).toMatch(/^v1,/);
    await page.getByRole('button', { name: 'ci', exact: true }).click();
    const drawer = page.getByRole('dialog');
    await expect(drawer.getByText(/^Delivered$|^已送达$/)).toBeVisible();
    await drawer.getByRole('button', { name: /v2/ }).click();
    await expect(drawer.getByText(/io\.berth\.tag\.pushed/)).toBeVisible();
    await expectAccessible(page);
    await drawer.getByRole('button', { name: /Send again|重新发送/ }).click();
    await expect.poll(() => receiver.heard.length).toBe(2);
  } finally {
    await server.stop();
    receiver.stop();
  }
});

test('a refusal stands in the form, and who may not change something reads why', async ({ page, server, admin, signIn }) => {
  await signIn();
  await page.goto('/settings/regions');
  await page.getByRole('button', { name: /Register region|注册区域/ }).first().click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('textbox', { name: /^Region|^区域/ }).fill('nowhere');
  await dialog.getByRole('textbox', { name: /^Address|^镜像仓库地址/ }).fill('http://127.0.0.1:1');
  await dialog.getByRole('button', { name: /Test and register|测试并注册/ }).click();
  await expect(dialog.getByRole('alert')).toBeVisible();

  const org = fresh('read');
  const user = fresh('reader');
  await admin.ask('POST', '/v2/manage/namespaces', { namespace: org });
  await server.push(`${org}/app:v1`);
  const made = (await admin.ask('POST', '/v3.0/OS-USER/users', { user: { name: user, password: ADMIN.password, domain_id: await domain(admin) } })) as { user: { id: string } };
  await admin.ask('POST', `/v2/manage/namespaces/${org}/access`, [{ user_id: made.user.id, user_name: user, auth: 1 }]);
  await page.context().clearCookies();
  await signIn({ account: ADMIN.account, user, password: ADMIN.password });
  await page.goto(`/images/${org}/app?tab=triggers`);
  const add = page.getByRole('button', { name: /Add trigger|添加触发器/ });
  await expect(add).toHaveAttribute('aria-disabled', 'true');
  await add.focus();
  await expect(page.getByText(/You need the write right|此操作需要编辑权限/)).toBeVisible();
  await page.goto('/settings/clusters');
  await expect(page.getByText(/Only administrators of the account see|仅账号管理员可以查看设置/)).toBeVisible();
});

async function domain(admin: { ask: (method: string, path: string) => Promise<unknown> }): Promise<string> {
  return ((await admin.ask('GET', '/v2/manage/sessions')) as { domain_id: string }).domain_id;
}

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const source = join(import.meta.dirname, '../../../../e2e/openid');
// Where the other tests have it, too.
const folder = join(import.meta.dirname, '../../../../target/debug/e2e-openid');

/** An OpenID provider with one person, `s-1`, who is called mary. */
export class OpenIdProvider {
  private constructor(
    readonly issuer: string,
    private readonly child: ChildProcess,
  ) {}

  /** Starts one that leads browsers back there. */
  static async start(wayBack: string): Promise<OpenIdProvider> {
    mkdirSync(folder, { recursive: true });
    for (const name of ['package.json', 'package-lock.json', 'provider.js']) copyFileSync(join(source, name), join(folder, name));
    if (!existsSync(join(folder, 'node_modules/.package-lock.json'))) {
      execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: folder });
    }
    const people = join(mkdtempSync(join(tmpdir(), 'berth-e2e-')), 'people.json');
    writeFileSync(people, JSON.stringify({ 's-1': { preferred_username: 'mary', groups: [] } }));
    const port = await freePort();
    const settings = JSON.stringify({ secret: 'a secret', redirect_uris: [wayBack] });
    const child = spawn('node', [join(folder, 'provider.js'), String(port), people, settings], { stdio: 'ignore' });
    const issuer = `http://127.0.0.1:${port}`;
    const answers = () =>
      fetch(`${issuer}/requests`).then(
        () => true,
        () => false,
      );
    while (!(await answers())) {
      if (child.exitCode !== null) throw new Error(`the provider ended with ${child.exitCode}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return new OpenIdProvider(issuer, child);
  }

  /** Ends it. */
  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill();
    await ended;
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

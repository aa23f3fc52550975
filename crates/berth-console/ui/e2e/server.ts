import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { type ImageSpec, small, writeLayout } from './image';

/** The administrator of every server of the tests. */
export const ADMIN = { account: 'berth', user: 'admin', password: 'Correct-horse-1' };

const binary = process.env['BERTH_BIN'] ?? join(import.meta.dirname, '../../../../target/debug/berth');
const run = promisify(execFile);

/** A real server with a data folder of its own. */
export class Server {
  readonly url: string;
  private readonly child: ChildProcess;
  private readonly folder: string;

  private constructor(url: string, child: ChildProcess, folder: string) {
    this.url = url;
    this.child = child;
    this.folder = folder;
  }

  /** Starts one on a free port; `settings` are flags of `berth serve`. */
  static async start(settings: string[] = []): Promise<Server> {
    if (!existsSync(binary)) throw new Error(`there is no ${binary}: cargo build --workspace, or set BERTH_BIN`);
    const folder = mkdtempSync(join(tmpdir(), 'berth-e2e-'));
    const words = ['serve', '--data-dir', join(folder, 'data'), '--listen', '127.0.0.1:0', '--log-format', 'json'];
    // Every test makes its own.
    words.push('--limits-organizations-per-user', '1000', ...settings);
    const child = spawn(binary, words, {
      env: { ...process.env, BERTH_ADMIN_PASSWORD: ADMIN.password },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const said: string[] = [];
    const url = new Promise<string>((resolve, reject) => {
      const hear = (line: string) => {
        said.push(line);
        const found = /"url":"(http:\/\/[^"]+)"/.exec(line);
        if (line.includes('"listening"') && found?.[1] !== undefined) resolve(found[1]);
      };
      createInterface({ input: child.stdout }).on('line', hear);
      createInterface({ input: child.stderr }).on('line', hear);
      child.once('exit', (code) => reject(new Error(`berth ended with ${code}:\n${said.join('\n')}`)));
    });
    return new Server(await url, child, folder);
  }

  /** The program that runs, for its other commands. */
  readonly program = binary;

  /** The folder of its data. */
  get data(): string {
    return join(this.folder, 'data');
  }

  /** The host and port, as clients of a registry name it. */
  get host(): string {
    return new URL(this.url).host;
  }

  /** Ends it and forgets its data. */
  async stop(): Promise<void> {
    // A test may have ended it before.
    if (this.child.exitCode !== null) return;
    const ended = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill('SIGTERM');
    await ended;
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Pushes an image with skopeo; several of them as an index. `name` is such as `team/app:v1`. */
  async push(name: string, images: ImageSpec[] = [small], login: { user: string; password: string } = this.login): Promise<void> {
    const layout = mkdtempSync(join(this.folder, 'layout-'));
    writeLayout(layout, images);
    const words = ['copy', '--all', '--dest-tls-verify=false', '--dest-creds', `${login.user}:${login.password}`];
    await run('skopeo', [...words, `oci:${layout}:it`, `docker://${this.host}/${name}`]);
  }

  /** Pulls an image with skopeo, as a client does that keeps nothing. */
  async pull(name: string): Promise<void> {
    const layout = mkdtempSync(join(this.folder, 'pulled-'));
    const { user, password } = this.login;
    await run('skopeo', ['copy', '--src-tls-verify=false', '--src-creds', `${user}:${password}`, `docker://${this.host}/${name}`, `oci:${layout}:it`]);
  }

  /** What docker and its like log in with. */
  get login(): { user: string; password: string } {
    return { user: `${ADMIN.account}/${ADMIN.user}`, password: ADMIN.password };
  }

  /** A session of the API, for what a test puts in place before it looks. */
  async session(who: { account?: string; user: string; password: string } = ADMIN): Promise<Session> {
    const answer = await fetch(`${this.url}/v2/manage/sessions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(who),
    });
    if (!answer.ok) throw new Error(`sign-in: ${answer.status} ${await answer.text()}`);
    const cookie = (answer.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
    const { csrf_token } = (await answer.json()) as { csrf_token: string };
    return new Session(this.url, cookie, csrf_token);
  }
}

/** Somebody who is signed in, without a browser. */
export class Session {
  constructor(
    readonly url: string,
    /** `name=value` of the session's cookie. */
    readonly cookie: string,
    private readonly proof: string,
  ) {}

  /** Asks the API; a refusal fails the test. */
  async ask(method: string, path: string, body?: unknown): Promise<unknown> {
    const answer = await fetch(this.url + path, {
      method,
      headers: { cookie: this.cookie, 'x-csrf-token': this.proof, 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  }
}

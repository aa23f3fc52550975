import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import type { Server } from './server';

const run = promisify(execFile);

/** A real node agent of a server, with a cache of its own, and the server's administrator as its login. */
export class Agent {
  private constructor(
    /** What it calls itself. */
    readonly id: string,
    /** Where its clients ask. */
    private readonly local: string,
    private readonly server: Server,
    private readonly child: ChildProcess,
    private readonly folder: string,
  ) {}

  static async start(server: Server, labels: string[]): Promise<Agent> {
    const folder = mkdtempSync(join(tmpdir(), 'berth-agent-'));
    const login = join(folder, 'login');
    writeFileSync(login, `${server.login.user}:${server.login.password}`, { mode: 0o600 });
    const words = ['agent', 'run', '--registry', server.url, '--listen', '127.0.0.1:0', '--peer-listen', '127.0.0.1:0', '--token-file', login];
    words.push('--cache', join(folder, 'cache'), '--cache-bytes', '64MiB', ...labels.flatMap((label) => ['--label', label]));
    const child = spawn(server.program, words, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NO_COLOR: '1' } });
    const said: string[] = [];
    const [id, local] = await new Promise<[string, string]>((resolve, reject) => {
      const hear = (line: string) => {
        said.push(line);
        const local = /\blocal=(\S+)/.exec(line)?.[1];
        const id = /\bid="?([^\s"]+)/.exec(line)?.[1];
        if (line.includes('the agent answers') && local !== undefined && id !== undefined) resolve([id, local]);
      };
      createInterface({ input: child.stdout }).on('line', hear);
      createInterface({ input: child.stderr }).on('line', hear);
      child.once('exit', (code) => reject(new Error(`the agent ended with ${code}:\n${said.join('\n')}`)));
    });
    return new Agent(id, local, server, child, folder);
  }

  /** Pulls an image through it, as a client of its node does. */
  async pull(name: string): Promise<void> {
    const layout = mkdtempSync(join(this.folder, 'pulled-'));
    const { user, password } = this.server.login;
    await run('skopeo', ['copy', '--src-tls-verify=false', '--src-creds', `${user}:${password}`, `docker://${this.local}/${name}`, `oci:${layout}:it`]);
  }

  /** Ends it and forgets its cache. */
  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill('SIGTERM');
    await ended;
    rmSync(this.folder, { recursive: true, force: true });
  }
}

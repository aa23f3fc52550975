import { expect, test } from 'vitest';
import { type Client, needsTrust, steps, trust } from './clients';

const login = (host: string, secure: boolean) => ({ address: { host, secure }, user: 'local@AK', key: 'KEY' });
const texts = (client: Client, secure: boolean, stdin = false) =>
  steps(client, { login: login('reg.example.com', secure), image: 'team/app:v1', stdin }).map((step) => step.text);

test('the login of docker is the command of the guide', () => {
  expect(texts('docker', true)[0]).toBe('docker login -u local@AK -p KEY reg.example.com');
});

test.each(['docker', 'podman', 'nerdctl', 'skopeo'] as const)('%s takes the key from standard input', (client) => {
  const [command] = texts(client, true, true);
  expect(command).toMatch(/^echo KEY \| .* --password-stdin reg\.example\.com$/);
  expect(command).not.toContain(' -p ');
});

test('containerd has the login in each command', () => {
  expect(texts('containerd', true)[0]).toBe('ctr image pull --user local@AK:KEY reg.example.com/team/app:v1');
});

test.each([
  ['podman', '--tls-verify=false'],
  ['skopeo', '--tls-verify=false'],
  ['nerdctl', '--insecure-registry'],
  ['containerd', '--plain-http'],
] as const)('%s is told of plain http by %s, and only of that', (client, flag) => {
  expect(texts(client, false)[0]).toContain(flag);
  expect(texts(client, true).join(' ')).not.toContain(flag);
});

test('the secret of a cluster is what kubernetes reads', () => {
  const yaml = texts('kubernetes', true)[1] ?? '';
  const json = yaml.slice(yaml.indexOf('{'));
  expect(JSON.parse(json)).toEqual({ auths: { 'reg.example.com': { username: 'local@AK', password: 'KEY' } } });
});

test.each([
  ['docker', 'localhost:5000', false, false],
  ['docker', '127.0.0.1:5000', false, false],
  ['docker', 'reg.example.com', false, true],
  ['docker', 'localhost.example.com', false, true],
  ['docker', 'reg.example.com', true, false],
  ['podman', 'localhost:5000', false, true],
] as const)('%s at %s with TLS %s has to be told: %s', (client, host, secure, needed) => {
  expect(needsTrust(client, { host, secure })).toBe(needed);
});

test('an own authority is named to containerd, plain http is not', () => {
  const file = (secure: boolean) => trust('containerd', { host: 'r:5000', secure }).find((step) => step.file !== undefined)?.text;
  expect(file(true)).toContain('ca = "/etc/containerd/certs.d/r:5000/ca.crt"');
  expect(file(false)).toBe('server = "http://r:5000"\n\n[host."http://r:5000"]\n  capabilities = ["pull", "resolve", "push"]');
});

import type { RegistryAddress } from '../../../app/registry';

/** What a login consists of. */
export interface Login {
  address: RegistryAddress;
  user: string;
  key: string;
}

/** A program that pulls and pushes. */
export type Client = 'docker' | 'podman' | 'nerdctl' | 'containerd' | 'skopeo' | 'kubernetes';

/** The programs, in the order of their tabs. */
export const CLIENTS: readonly Client[] = ['docker', 'podman', 'nerdctl', 'containerd', 'skopeo', 'kubernetes'];

/** What a command is for; the texts have a word for each. */
export type Purpose = 'login' | 'pull' | 'push' | 'tag' | 'copy' | 'crictl' | 'secret' | 'yaml' | 'use';

/** A command, or the content of a file. */
export interface Step {
  purpose: Purpose;
  text: string;
}

/** What commands are written for. */
export interface Wanted {
  login: Login;
  /** The image they are about, without the registry's address. */
  image: string;
  /** Whether the key goes through standard input, where no list of processes shows it. */
  stdin: boolean;
}

/** Name of the secret in a cluster. */
const SECRET = 'berth-login';

/** The commands for a client: first the login, then pulling and pushing an image. */
export function steps(client: Client, wanted: Wanted): Step[] {
  const full = `${wanted.login.address.host}/${wanted.image}`;
  switch (client) {
    case 'docker':
      return engine('docker', '', wanted);
    case 'podman':
      return engine('podman', wanted.login.address.secure ? '' : ' --tls-verify=false', wanted);
    case 'nerdctl':
      return engine('nerdctl', wanted.login.address.secure ? '' : ' --insecure-registry', wanted);
    case 'containerd':
      return containerd(wanted.login, full);
    case 'skopeo':
      return skopeo(wanted, full);
    case 'kubernetes':
      return kubernetes(wanted.login);
  }
}

function engine(program: string, flag: string, { login, image, stdin }: Wanted): Step[] {
  const { host } = login.address;
  const full = `${host}/${image}`;
  return [
    { purpose: 'login', text: loginWith(`${program} login${flag}`, login, stdin) },
    { purpose: 'pull', text: `${program} pull${flag} ${full}` },
    { purpose: 'tag', text: `${program} tag ${lastPart(image)} ${full}` },
    { purpose: 'push', text: `${program} push${flag} ${full}` },
  ];
}

function loginWith(command: string, { address, user, key }: Login, stdin: boolean): string {
  if (stdin) return `echo ${key} | ${command} -u ${user} --password-stdin ${address.host}`;
  return `${command} -u ${user} -p ${key} ${address.host}`;
}

function containerd({ address, user, key }: Login, full: string): Step[] {
  const plain = address.secure ? '' : ' --plain-http';
  return [
    { purpose: 'pull', text: `ctr image pull${plain} --user ${user}:${key} ${full}` },
    { purpose: 'push', text: `ctr image push${plain} --user ${user}:${key} ${full}` },
    { purpose: 'crictl', text: `crictl pull --creds ${user}:${key} ${full}` },
  ];
}

function skopeo({ login, image, stdin }: Wanted, full: string): Step[] {
  const verify = (side: string) => (login.address.secure ? '' : ` --${side}tls-verify=false`);
  return [
    { purpose: 'login', text: loginWith(`skopeo login${verify('')}`, login, stdin) },
    { purpose: 'copy', text: `skopeo copy${verify('dest-')} --all docker://docker.io/library/${lastPart(image)} docker://${full}` },
  ];
}

function kubernetes({ address, user, key }: Login): Step[] {
  const config = JSON.stringify({ auths: { [address.host]: { username: user, password: key } } });
  const yaml = [
    'apiVersion: v1',
    'kind: Secret',
    'metadata:',
    `  name: ${SECRET}`,
    'type: kubernetes.io/dockerconfigjson',
    'stringData:',
    '  .dockerconfigjson: |',
    `    ${config}`,
  ];
  const create = `kubectl create secret docker-registry ${SECRET} --docker-server=${address.host} --docker-username=${user} --docker-password=${key}`;
  return [
    { purpose: 'secret', text: create },
    { purpose: 'yaml', text: yaml.join('\n') },
    { purpose: 'use', text: `spec:\n  imagePullSecrets:\n    - name: ${SECRET}` },
  ];
}

/** `team/app:v1` is `app:v1` on the machine that pushes it. */
function lastPart(image: string): string {
  return image.slice(image.lastIndexOf('/') + 1);
}

/** A file that makes a client trust a registry, or what to run. */
export interface Trust {
  /** The file's path; absent for a command. */
  file?: string;
  text: string;
}

/** Whether a client has to be told that this registry is without TLS; docker takes its own machine for granted. */
export function needsTrust(client: Client, { host, secure }: RegistryAddress): boolean {
  if (secure) return false;
  const local = /^(localhost|127(\.\d+){3}|\[::1\])(:\d+)?$/.test(host);
  return !(local && (client === 'docker' || client === 'containerd' || client === 'nerdctl'));
}

/** What makes a client accept a registry without TLS, or one whose certificate comes from an own authority. */
export function trust(client: Client, { host, secure }: RegistryAddress): Trust[] {
  const scheme = secure ? 'https' : 'http';
  switch (client) {
    case 'docker':
      if (secure) return [authority(`/etc/docker/certs.d/${host}`)];
      return [
        { file: '/etc/docker/daemon.json', text: JSON.stringify({ 'insecure-registries': [host] }, null, 2) },
        { text: 'sudo systemctl restart docker' },
      ];
    case 'podman':
    case 'skopeo':
      if (secure) return [authority(`/etc/containers/certs.d/${host}`)];
      return [
        { file: `/etc/containers/registries.conf.d/berth.conf`, text: `[[registry]]\nlocation = "${host}"\ninsecure = true` },
      ];
    case 'nerdctl':
    case 'containerd':
    case 'kubernetes': {
      const folder = `/etc/containerd/certs.d/${host}`;
      const lines = [
        `server = "${scheme}://${host}"`,
        '',
        `[host."${scheme}://${host}"]`,
        '  capabilities = ["pull", "resolve", "push"]',
        ...(secure ? [`  ca = "${folder}/ca.crt"`] : []),
      ];
      const file = { file: `${folder}/hosts.toml`, text: lines.join('\n') };
      return secure ? [authority(folder), file] : [file];
    }
  }
}

function authority(folder: string): Trust {
  return { text: `sudo mkdir -p ${folder} && sudo cp ca.crt ${folder}/ca.crt` };
}

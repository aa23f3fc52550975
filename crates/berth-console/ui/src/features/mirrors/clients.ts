import type { RegistryAddress } from '../../app/registry';
import type { Mirror } from './api';

/** What has images pulled through a mirror; `name` is any client that names the image in full. */
export const MIRROR_CLIENTS = ['containerd', 'docker', 'podman', 'name'] as const;
export type MirrorClient = (typeof MIRROR_CLIENTS)[number];

/** A text to put somewhere: the file that it belongs into, or none for a command. */
export interface Configuration {
  file: string | undefined;
  text: string;
}

/** docker mirrors this registry and no other. */
export const DOCKER_HUB = 'docker.io';

/** What a client is told, so that it pulls through a mirror; nothing for one that has no way to be told. */
export function configurations(client: MirrorClient, address: RegistryAddress, mirror: Pick<Mirror, 'namespace' | 'registry' | 'url'>): Configuration[] {
  const scheme = address.secure ? 'https' : 'http';
  switch (client) {
    case 'containerd':
      return [
        {
          file: `/etc/containerd/certs.d/${mirror.registry}/hosts.toml`,
          text: lines(
            `server = "${mirror.url}"`,
            '',
            `[host."${scheme}://${address.host}/v2/${mirror.namespace}"]`,
            '  capabilities = ["pull", "resolve"]',
            '  override_path = true',
          ),
        },
      ];
    case 'docker': {
      if (mirror.registry !== DOCKER_HUB) return [];
      const host = hostOf(mirror.namespace, address.host);
      return [
        { file: '/etc/docker/daemon.json', text: `{ "registry-mirrors": ["${scheme}://${host}"] }` },
        { file: 'berth.toml', text: `mirror.hosts = ["${host}=${mirror.namespace}"]` },
      ];
    }
    case 'podman':
      return [
        {
          file: '/etc/containers/registries.conf',
          text: lines(
            '[[registry]]',
            `prefix = "${mirror.registry}"`,
            `location = "${new URL(mirror.url).host}"`,
            '',
            '[[registry.mirror]]',
            `location = "${address.host}/${mirror.namespace}"`,
            ...(address.secure ? [] : ['insecure = true']),
          ),
        },
      ];
    case 'name':
      return [{ file: undefined, text: `docker pull ${address.host}/${mirror.namespace}/${mirror.registry === DOCKER_HUB ? 'library/alpine:latest' : '<image>:<tag>'}` }];
  }
}

const lines = (...all: string[]) => all.join('\n');

/** A host name of the mirror's own, below the registry's; of an example where the registry has an address and no name. */
function hostOf(organization: string, registry: string): string {
  const { hostname, port } = new URL(`http://${registry}`);
  const hasName = hostname.includes('.') && !/^[\d.]+$/.test(hostname) && !hostname.startsWith('[');
  const label = organization.replaceAll(/[_.]+/g, '-');
  return `${label}.${hasName ? hostname : 'example.com'}${port === '' ? '' : `:${port}`}`;
}

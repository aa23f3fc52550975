import { expect, test } from 'vitest';
import { configurations } from './clients';

const hub = { namespace: 'hub', registry: 'docker.io', url: 'https://registry-1.docker.io' };
const berth = { host: 'berth.example.com', secure: true };

test('containerd is told the organization in the path, and where to go when the mirror is away', () => {
  expect(configurations('containerd', berth, hub)).toEqual([
    {
      file: '/etc/containerd/certs.d/docker.io/hosts.toml',
      text: 'server = "https://registry-1.docker.io"\n\n[host."https://berth.example.com/v2/hub"]\n  capabilities = ["pull", "resolve"]\n  override_path = true',
    },
  ]);
});

test('docker needs a host of its own, and mirrors nothing but Docker Hub', () => {
  expect(configurations('docker', berth, hub).map((one) => one.text)).toEqual([
    '{ "registry-mirrors": ["https://hub.berth.example.com"] }',
    'mirror.hosts = ["hub.berth.example.com=hub"]',
  ]);
  expect(configurations('docker', { host: '10.0.0.5:5000', secure: false }, { ...hub, namespace: 'my_hub' }).map((one) => one.text)).toEqual([
    '{ "registry-mirrors": ["http://my-hub.example.com:5000"] }',
    'mirror.hosts = ["my-hub.example.com:5000=my_hub"]',
  ]);
  expect(configurations('docker', berth, { ...hub, registry: 'quay.io' })).toEqual([]);
});

test('podman is told where the images come from besides, and of plain HTTP', () => {
  const [told] = configurations('podman', { host: 'localhost:5000', secure: false }, hub);
  expect(told?.text).toBe(
    '[[registry]]\nprefix = "docker.io"\nlocation = "registry-1.docker.io"\n\n[[registry.mirror]]\nlocation = "localhost:5000/hub"\ninsecure = true',
  );
});

test('an image is pulled by its name here', () => {
  expect(configurations('name', berth, { ...hub, namespace: 'quay', registry: 'quay.io' })[0]?.text).toBe('docker pull berth.example.com/quay/<image>:<tag>');
});

import { isImageType } from './kinds';

/** The programs that pull images. */
export const CLIENTS = ['docker', 'podman', 'nerdctl', 'ctr', 'crictl', 'skopeo'] as const;
export type Client = (typeof CLIENTS)[number];

/** What stands for a login in commands. */
const LOGIN = "'<user>:<password>'";

/** An image as clients name it: by tag, or by digest. */
export function imageReference(path: string, reference: string): string {
  return reference.includes(':') ? `${path}@${reference}` : `${path}:${reference}`;
}

/**
 * The command by which a client pulls. `plain`: the registry is reached without TLS, which most insist on unless told;
 * `login`: with the place of a login, for clients that take it there.
 */
export function pullCommand(client: Client, reference: string, plain: boolean = location.protocol === 'http:', login = true): string {
  const option = (text: string) => (plain ? `${text} ` : '');
  const as = (text: string) => (login ? `${text} ${LOGIN} ` : '');
  switch (client) {
    case 'docker':
      return `docker pull ${reference}`;
    case 'podman':
      return `podman pull ${option('--tls-verify=false')}${reference}`;
    case 'nerdctl':
      return `nerdctl pull ${option('--insecure-registry')}${reference}`;
    case 'ctr':
      return `ctr images pull ${option('--plain-http')}${as('--user')}${reference}`;
    case 'crictl':
      return `crictl pull ${as('--creds')}${reference}`;
    case 'skopeo':
      return `skopeo copy ${option('--src-tls-verify=false')}${as('--src-creds')}docker://${reference} oci-archive:${file(reference)}.tar`;
  }
}

/** The command to copy first: docker's for images; what is no image is pulled by what knows it. */
export function pullOf(path: string, tag: string, type: string | null | undefined, secure: boolean): string {
  if (isImageType(type)) return pullCommand('docker', imageReference(path, tag), !secure);
  return artifactCommands(path, tag, imageReference(path, tag), type ?? '', secure)[0]?.[1] ?? '';
}

/** How what is no image is pulled: by which client, and its command. */
export function artifactCommands(path: string, tag: string, reference: string, type: string, secure: boolean): (readonly [string, string])[] {
  const oras = ['oras', `oras pull ${secure ? '' : '--plain-http '}${reference}`] as const;
  if (!type.includes('cncf.helm')) return [oras];
  // A chart's version is its tag, in which `_` stands for `+`.
  return [['helm', `helm pull oci://${path} --version ${tag.replaceAll('_', '+')}${secure ? '' : ' --plain-http'}`], oras];
}

/** A pod that runs an image, with the secret that it is pulled with. */
export function podManifest(reference: string): string {
  const name = file(reference).toLowerCase().replaceAll(/[^a-z0-9-]/g, '-').slice(0, 50);
  return `apiVersion: v1
kind: Pod
metadata:
  name: ${name}
spec:
  imagePullSecrets:
    - name: berth-pull
  containers:
    - name: ${name}
      image: ${reference}
`;
}

/** The command that makes the secret which the pod names. */
export function secretCommand(host: string): string {
  return `kubectl create secret docker-registry berth-pull --docker-server=${host} --docker-username='<user>' --docker-password='<password>'`;
}

/** The last part of the image's name. */
function file(reference: string): string {
  const last = reference.slice(reference.lastIndexOf('/') + 1);
  return last.split(/[:@]/)[0] ?? last;
}

import { describe, expect, it } from 'vitest';
import { CLIENTS, imageReference, podManifest, pullCommand, secretCommand } from './pull';

describe('commands that pull', () => {
  const reference = imageReference('hub.test/team/app', 'v1');

  it('names an image by tag or by digest', () => {
    expect(reference).toBe('hub.test/team/app:v1');
    expect(imageReference('hub.test:5000/team/app', 'sha256:ab')).toBe('hub.test:5000/team/app@sha256:ab');
  });

  it.each(CLIENTS)('%s insists on TLS unless it is told', (client) => {
    expect(pullCommand(client, reference, false)).toContain('hub.test/team/app:v1');
    expect(pullCommand(client, reference, false)).not.toMatch(/insecure|plain-http|tls-verify/);
    if (client !== 'docker' && client !== 'crictl') expect(pullCommand(client, reference, true)).toMatch(/insecure|plain-http|tls-verify/);
  });

  it('names the pod as a cluster allows, whatever the image is called', () => {
    expect(podManifest('hub.test:5000/team/My_app.x@sha256:ab')).toContain('name: my-app-x\n');
    expect(podManifest(reference)).toContain(`image: ${reference}`);
    expect(secretCommand('hub.test:5000')).toContain('--docker-server=hub.test:5000');
  });
});

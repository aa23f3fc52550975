import { describe, expect, it } from 'vitest';
import { GUIDE_CLIENTS, samples } from './guide';

describe('samples of the guide', () => {
  const secure = { host: 'hub.test', secure: true };
  const plain = { host: 'hub.test', secure: false };

  it.each(GUIDE_CLIENTS)('%s pushes and pulls the whole name', (client) => {
    const { push, pull } = samples(client, secure, 'hub.test/team/app', '{Tag}');
    expect(push.at(-1)?.text).toContain('hub.test/team/app:{Tag}');
    expect(pull.at(-1)?.text).toContain('hub.test/team/app:{Tag}');
    expect(push.at(-1)?.text).not.toMatch(/insecure|plain|tls/);
  });

  it('names the image on the own machine by its last part', () => {
    expect(samples('docker', secure, 'hub.test/team/a/b', 'v1').push[0]?.text).toBe('docker tag b:v1 hub.test/team/a/b:v1');
  });

  it('says to those who insist on TLS that there is none', () => {
    expect(samples('containerd', plain, 'hub.test/team/app', 'v1').pull[0]?.text).toBe(
      "ctr image pull --plain-http --user '<user>:<password>' hub.test/team/app:v1",
    );
  });
});

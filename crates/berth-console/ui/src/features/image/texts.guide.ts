import { defineTexts } from '../../app/texts';

const english = {
  login: { title: '1. Log in', help: 'A login command that ends by itself, or one that lasts as long as its access key. Run it on the machine that pulls or pushes.' },
  tag: 'Tag',
  tagHelp: 'Fill it in, and the commands below have it.',
  invalid: 'At most 128 letters, digits, “_”, “.” and “-”; it does not begin with “.” or “-”.',
  client: 'Client',
  clients: { docker: 'Docker', podman: 'Podman', nerdctl: 'nerdctl', containerd: 'containerd', skopeo: 'skopeo' },
  push: { title: '2. Push', help: 'Name a local image for this registry, then push it. A tag that is there already is moved to the new image.' },
  pull: { title: '3. Pull', help: 'Who is logged in and may read this image pulls it.', open: 'Everybody may pull this image, also without a login.' },
  name: 'Name it',
  pushIt: 'Push it',
  pullIt: 'Pull it',
  copyIt: 'Copy it',
  loginNote: 'containerd keeps no logins: each command carries one. Generate it above, or write user and key in the place of <user>:<password>.',
  readOnly: 'You may pull this image; pushing needs the write right.',
};

/** What a translation has to have. */
export type GuideWords = typeof english;

/** Words of the guide to pushing and pulling. */
export const guideTexts = defineTexts(english, () => import('./texts.guide.zh'));

// An OpenID provider for tests: oidc-provider with its own pages, and people out of a file that is read each time, so that
// a test changes what is known of somebody. Who signs in types their subject.
import { readFileSync } from 'node:fs';
import Provider, { interactionPolicy } from 'oidc-provider';

const [port, people, client] = process.argv.slice(2);
const known = () => JSON.parse(readFileSync(people, 'utf8'));
const settings = JSON.parse(client);
const issuer = `http://127.0.0.1:${port}`;
const { base } = interactionPolicy;

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'berth',
      client_secret: settings.secret,
      redirect_uris: settings.redirect_uris,
      grant_types: ['authorization_code', 'urn:ietf:params:oauth:grant-type:device_code'],
      response_types: ['code'],
    },
    // Another application of the same provider.
    {
      client_id: 'other',
      client_secret: 'other-secret',
      redirect_uris: ['http://127.0.0.1:1/'],
      grant_types: ['authorization_code'],
      response_types: ['code'],
    },
  ],
  claims: { openid: ['sub'], profile: ['preferred_username'], groups: ['groups'] },
  scopes: ['openid', 'profile', 'groups'],
  cookies: { keys: ['a key of this test'] },
  features: { deviceFlow: { enabled: true }, devInteractions: { enabled: true } },
  interactions: { policy: base() },
  pkce: { required: () => true },
  async findAccount(ctx, id) {
    const person = known()[id];
    return person && { accountId: id, claims: async () => ({ sub: id, ...person }) };
  },
  async loadExistingGrant(ctx) {
    const grant = new ctx.oidc.provider.Grant({
      clientId: ctx.oidc.client.clientId,
      accountId: ctx.oidc.session.accountId,
    });
    grant.addOIDCScope('openid profile groups');
    await grant.save();
    return grant;
  },
});
// How often the keys were asked for.
let asked = 0;
provider.use(async (ctx, next) => {
  if (ctx.path === '/requests') {
    ctx.body = String(asked);
    return;
  }
  if (ctx.path === '/jwks') asked += 1;
  await next();
});
provider.listen(Number(port), '127.0.0.1');

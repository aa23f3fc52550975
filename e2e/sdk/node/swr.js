// Drives operations whose requests differ on the wire from the Python SDK's: `$` raw in a path, another list of signed
// headers, compact bodies, a body with DELETE, and the errors as this SDK reads them.
//
// usage: swr.js ENDPOINT AK SK USER_ID
const assert = require('node:assert/strict');
const core = require('@huaweicloud/huaweicloud-sdk-core');
const swr = require('@huaweicloud/huaweicloud-sdk-swr/v2/public-api');

const [endpoint, ak, sk, userId] = process.argv.slice(2);
const client = withKey(sk);
const place = { namespace: 'node-team', repository: 'back$end' };
let calls = 0;

function withKey(secret) {
  const credential = new core.BasicCredentials().withAk(ak).withSk(secret)
    .withProjectId('0123456789abcdef0123456789abcdef');
  return swr.SwrClient.newBuilder().withCredential(credential).withEndpoint(endpoint).build();
}

async function call(operation, status, fields = {}, body = undefined) {
  const answer = await client[operation](request(operation, fields, body));
  assert.equal(answer.httpStatusCode, status, operation);
  calls += 1;
  return answer;
}

async function refused(operation, status, code, fields = {}, body = undefined, by = client) {
  const failure = await by[operation](request(operation, fields, body)).then(
    () => assert.fail(`${operation} was not refused`), (error) => error);
  assert.deepEqual([failure.httpStatusCode, failure.errorCode], [status, code], operation);
  assert.ok(failure.errorMsg && failure.requestId, operation);
}

function request(operation, fields, body) {
  const made = new swr[operation[0].toUpperCase() + operation.slice(1) + 'Request']();
  return Object.assign(made, fields, body === undefined ? {} : { body });
}

async function main() {
  const organization = { namespace: place.namespace };
  const auths = (auth) => [{ user_id: userId, user_name: 'mary', auth }];
  await call('createNamespace', 201, {}, organization);
  await refused('createNamespace', 409, 'SVCSTG.SWR.4090060', {}, organization);
  const listed = await call('listNamespaces', 200, { filter: 'namespace::node|mode::visible' });
  assert.deepEqual(listed.namespaces.map((row) => row.name), ['node-team']);
  await call('createNamespaceAuth', 200, organization, auths(1));
  await call('updateNamespaceAuth', 201, organization, auths(3));
  await call('deleteNamespaceAuth', 204, organization, [userId]);
  const repository = { repository: 'back/end', is_public: false, description: '后端 é' };
  await call('createRepo', 200, organization, repository);
  const shown = await call('showRepository', 200, place);
  assert.deepEqual([shown.name, shown.description], ['back/end', '后端 é']);
  const page = await call('listReposDetails', 200, { limit: '10', offset: '0', filter: 'name::k/e' });
  assert.deepEqual([page[0].name, page[0].total_range], ['back/end', 1]);
  await call('createUserRepositoryAuth', 201, place, auths(1));
  await call('deleteUserRepositoryAuth', 204, place, [userId]);
  const rule = { template: 'date_rule', params: { days: '30' }, tag_selectors: [{ kind: 'regexp', pattern: '^v.*' }] };
  const retention = await call('createRetention', 201, place, { algorithm: 'or', rules: [rule] });
  await call('deleteRetention', 200, { ...place, retentionId: retention.id });
  const login = await call('createSecret', 200, { projectname: 'local' });
  assert.match(login['X-Swr-Dockerlogin'] ?? login.xSwrDockerlogin, /^docker login -u local@/);
  await refused('showRepository', 404, 'SVCSTG.SWR.4040010', { ...place, repository: 'missing' });
  await refused('listNamespaces', 401, 'APIGW.0301', {}, undefined, withKey(sk + 'x'));
  await call('deleteRepo', 204, place);
  await call('deleteNamespaces', 204, organization);
  console.log(JSON.stringify({ calls }));
}

main().catch((error) => { console.error(error); process.exit(1); });

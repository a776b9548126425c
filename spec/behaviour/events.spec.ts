import { type ServerEvent, createOAuthCallbackServer } from '../../src/index.ts';
import * as assert from '../helpers/assert.ts';
import { virtualTime } from '../helpers/clock.ts';
import { visit } from '../helpers/http.ts';
import { record } from '../helpers/record.ts';
import { listening, redirectTo } from '../helpers/server.ts';
import { suite } from '../helpers/suite.ts';

const test = suite('server.events');

test('reports the life of a server in order, by its own clock', async () => {
  const { scheduler, advance } = virtualTime();
  const server = createOAuthCallbackServer({ scheduler });
  const told = record(server.events);
  try {
    advance(100);
    await server.listen();
    const { redirectUri } = server;
    const [one, two, three, four] = [
      await server.begin(),
      await server.begin(),
      await server.begin({ ttl: 50 }),
      await server.begin(),
    ];
    for (const flow of [one, two, three, four]) flow.response.subscribe({ error: () => undefined });
    await visit(redirectTo(redirectUri, { code: 'a', state: one.state }));
    await visit(redirectTo(redirectUri, { code: 'a', state: one.state }));
    await visit(redirectTo(redirectUri, { error: 'access_denied', state: two.state }));
    await visit(redirectUri);
    advance(50);
    await visit(redirectTo(redirectUri, { code: 'a', state: three.state }));
    four.cancel();
    await server.close();

    const at = 100;
    const none = { flowId: undefined, reason: undefined };
    const expected: ServerEvent[] = [
      { type: 'listening', at, redirectUri },
      { type: 'begun', at, flowId: one.id, expiresAt: 600_100 },
      { type: 'begun', at, flowId: two.id, expiresAt: 600_100 },
      { type: 'begun', at, flowId: three.id, expiresAt: 150 },
      { type: 'begun', at, flowId: four.id, expiresAt: 600_100 },
      { type: 'redirect', at, disposition: 'accepted', flowId: one.id, reason: undefined },
      { type: 'answered', at, flowId: one.id, outcome: 'code', error: undefined },
      { type: 'redirect', at, disposition: 'duplicate', ...none },
      { type: 'redirect', at, disposition: 'accepted', flowId: two.id, reason: undefined },
      { type: 'answered', at, flowId: two.id, outcome: 'error', error: 'access_denied' },
      { type: 'redirect', at, disposition: 'malformed', flowId: undefined, reason: 'missing_code' },
      { type: 'expired', at: 150, flowId: three.id },
      { type: 'redirect', at: 150, disposition: 'late', ...none },
      { type: 'cancelled', at: 150, flowId: four.id, reason: 'cancelled' },
      { type: 'closed', at: 150 },
    ];
    assert.equal(told.values, expected);
    assert.equal(told.ending, { completed: true });
  } finally {
    await server.close();
  }
});

test('B-11 H-01 never carries a code, a state, a verifier or text of a stranger', async () => {
  await using server = await listening();
  const told = record(server.events);
  const secrets: string[] = ['CANARY'];
  for (let count = 0; count < 10; count++) {
    const flow = await server.begin();
    secrets.push(flow.state, flow.codeVerifier);
    const stranger = {
      iss: 'https://CANARY.example',
      error_description: 'CANARY',
      error_uri: 'https://CANARY.example',
    };
    await visit(redirectTo(server.redirectUri, { code: 'CANARY', state: 'CANARY', error: 'CANARY' }));
    await visit(redirectTo(server.redirectUri, { code: 'CANARY', state: flow.state, ...stranger }));
    await visit(redirectTo(server.redirectUri, { code: 'CANARY', state: flow.state, ...stranger }));
    await visit(`${server.redirectUri}?code=CANARY&code=CANARY&state=${flow.state}`);
  }
  const printed = JSON.stringify(told.values);
  assert.is(told.values.filter(({ type }) => type === 'answered').length, 10);
  for (const secret of secrets) assert.not.match(printed, secret);
});

test.run();

/** No printer shows a secret of an object that a program gets from the core, the bridge, a client or a store. */
import { firstValueFrom, take, toArray } from 'rxjs';
import { createBridge } from '../../src/bridge.ts';
import { connectCallbackHost } from '../../src/client.ts';
import { AuthorizationError, CallbackResponse, createOAuthCallbackServer } from '../../src/index.ts';
import { createMonitor } from '../../src/monitor.ts';
import { Redirect } from '../../src/model/redirect.ts';
import { createStoredHost } from '../../src/redis.ts';
import { memoryStore } from '../../src/store/memory.ts';
import * as assert from '../helpers/assert.ts';
import { visit } from '../helpers/http.ts';
import { leaks, unreadable } from '../helpers/printers.ts';
import { suite } from '../helpers/suite.ts';

const code = 'code-CANARY-of-a-sign-in';
const token = 'token-CANARY-of-a-bridge-0123456789';
const stateOf = (name: string): string => `state-CANARY-${name}-of-43-characters-0123456789`;

const test = suite('printing what programs get');

/** Asserts that no printer shows one of the secrets, and that a template string says what the object is. */
function keeps(what: string, object: object, secrets: Readonly<Record<string, string>>): void {
  assert.equal([what, leaks(object, secrets)], [what, []]);
  assert.equal([what, leaks({ list: [object] }, secrets)], [what, []]);
}

test('a response, a redirect and an error show neither code nor state, and say what they are', () => {
  const state = stateOf('response');
  const response = new CallbackResponse({ code, state });
  const denied = new CallbackResponse({ error: 'access_denied', state });
  const objects = {
    response,
    redirect: new Redirect('accepted', response, 1, '1'),
    'refused redirect': new Redirect('malformed', denied, 1, undefined, 'missing_code'),
    error: new AuthorizationError(denied),
  };
  for (const [what, object] of Object.entries(objects)) {
    keeps(what, object, { code, state });
    assert.equal([what, unreadable(object)], [what, []]);
  }
});

test('responses and redirects are compared by equals', () => {
  const response = (fields: object) => CallbackResponse.fromDict({ code, state: stateOf('a'), ...fields });
  assert.ok(response({}).equals(response({})));
  for (const other of [{ code: 'x' }, { state: 'x' }, { iss: 'x' }, { code: undefined, error: 'x' }])
    assert.not.ok(response({}).equals(response(other)), JSON.stringify(other));
  const redirect = (of: CallbackResponse, at = 1, flowId = '1') => new Redirect('accepted', of, at, flowId);
  assert.ok(redirect(response({})).equals(redirect(response({}))));
  assert.not.ok(redirect(response({})).equals(redirect(response({ code: 'x' }))));
  assert.not.ok(redirect(response({})).equals(redirect(response({}), 2)));
  assert.not.ok(redirect(response({})).equals(redirect(response({}), 1, '2')));
});

test('a flow of a server shows no secret while it waits, with its response, and after its end', async () => {
  await using server = createOAuthCallbackServer();
  await server.listen();
  const state = stateOf('own');
  const flow = await server.begin({ state });
  const secrets = { code, state, codeVerifier: flow.codeVerifier };
  keeps('a pending flow', flow, secrets);
  assert.equal(unreadable(flow), []);
  assert.equal(Reflect.ownKeys(flow), []);
  const events = firstValueFrom(server.events.pipe(take(2), toArray()));
  const redirect = firstValueFrom(server.redirects);
  const { status } = await visit(`${server.redirectUri}?code=${code}&state=${state}`);
  assert.is(status, 200);
  keeps('an answered flow', flow, secrets);
  keeps('its redirect', await redirect, secrets);
  keeps('its events', await events, secrets);
  // The control: the program itself gets both.
  assert.equal((await firstValueFrom(flow.response)).toDict(), { code, state });
  const cancelled = await server.begin({ state: stateOf('cancelled') });
  cancelled.cancel(new Error('no more'));
  keeps('a cancelled flow', cancelled, { state: cancelled.state, codeVerifier: cancelled.codeVerifier });
  keeps('the server', server, secrets);
});

test('a bridge, a remote host, its flows and a monitor show neither token nor state nor code', async () => {
  await using server = createOAuthCallbackServer();
  await using bridge = createBridge(server, {
    tokens: [{ name: 'cli', token, roles: ['listener', 'monitor'] }],
  });
  await bridge.listen();
  const monitor = createMonitor(server, bridge);
  const url = new URL('/bridge', server.redirectUri.replace(/^http/, 'ws')).href;
  const host = await connectCallbackHost(url, { token });
  try {
    const state = stateOf('remote');
    const flow = await host.begin({ state });
    const secrets = { token, code, state, codeVerifier: flow.codeVerifier };
    keeps('a pending remote flow', flow, secrets);
    assert.equal(unreadable(flow), []);
    assert.equal(Reflect.ownKeys(flow), []);
    const response = firstValueFrom(flow.response);
    assert.is((await visit(`${host.redirectUri}?code=${code}&state=${state}`)).status, 200);
    keeps('its response', await response, secrets);
    keeps('an answered remote flow', flow, secrets);
    keeps('the host', host, secrets);
    keeps('the bridge', bridge, secrets);
    keeps('the monitor', monitor, secrets);
  } finally {
    await host.close();
  }
});

test('a stored host, its flows and the store show neither state nor code', async () => {
  await using server = createOAuthCallbackServer();
  await server.listen();
  const store = memoryStore();
  await using host = createStoredHost(server, store);
  const state = stateOf('stored');
  const flow = await host.begin({ state });
  const secrets = { code, state, codeVerifier: flow.codeVerifier };
  assert.equal(Reflect.ownKeys(flow), []);
  assert.is((await visit(`${host.redirectUri}?code=${code}&state=${state}`)).status, 200);
  await firstValueFrom(flow.response);
  keeps('a stored flow', flow, secrets);
  keeps('the stored host', host, secrets);
  keeps('the memory store', store, secrets);
});

test.run();

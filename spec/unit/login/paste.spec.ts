import type { Flow, Redirect } from '../../../src/index.ts';
import { paste } from '../../../src/login.ts';
import * as assert from '../../helpers/assert.ts';
import { connectCallbackHost } from '../../../src/client.ts';
import { token, withBridge } from '../../helpers/bridge.ts';
import { observe, withServer } from '../../helpers/endpoint.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('paste');
const issuer = 'https://as.example';

const forms: readonly (readonly [what: string, text: (flow: Flow) => string])[] = [
  ['the whole URL', ({ redirectUri, state }) => `${redirectUri}?code=a%2Fb&state=${state}`],
  ['one with a fragment', ({ redirectUri, state }) => `${redirectUri}?code=a%2Fb&state=${state}#_=_`],
  [
    'one broken by line ends',
    ({ redirectUri, state }) => `  ${redirectUri}?code=a%2\r\n  Fb&state=${state}\n`,
  ],
  ['one without a scheme', ({ redirectUri, state }) => `${redirectUri.slice(7)}?code=a%2Fb&state=${state}`],
  ['the path', ({ redirectUri, state }) => `${new URL(redirectUri).pathname}?code=a%2Fb&state=${state}`],
  ['the query', ({ state }) => `?code=a%2Fb&state=${state}`],
  ['the query without its mark', ({ state }) => `state=${state}&code=a%2Fb`],
  ['a bare code', () => 'a/b'],
  ['a bare code, percent-encoded still', () => ' a%2fb\n'],
];

for (const [what, text] of forms) {
  test(`takes ${what}`, () =>
    withServer({}, async ({ server, redirects, events }) => {
      const flow = await server.begin({ context: 'one', issuer });
      const other = observe(await server.begin());
      const seen = observe(flow);
      const redirect = await paste(server, text(flow), flow);
      assert.equal([redirect.disposition, redirect.flowId], ['accepted', flow.id]);
      assert.equal(
        seen.responses.map(({ code, state }) => [code, state]),
        [['a/b', flow.state]],
      );
      assert.equal([redirects.at(-1) === redirect, other.responses], [true, []]);
      assert.equal(
        events.slice(-2).map(({ type }) => type),
        ['redirect', 'answered'],
      );
    }));
}

test('takes an error, and a URL without saying for which flow', () =>
  withServer({}, async ({ server }) => {
    const flow = await server.begin();
    const seen = observe(flow);
    await paste(server, `${flow.redirectUri}?error=access_denied&state=${flow.state}`);
    assert.is(seen.responses[0]?.error, 'access_denied');
  }));

const refusals: readonly (readonly [text: (flow: Flow) => string, disposition: string, reason?: string])[] = [
  [({ redirectUri }) => `${redirectUri}?code=c&state=another-state-of-no-flow`, 'unmatched'],
  [({ redirectUri }) => `${redirectUri}?code=c`, 'malformed', 'missing_state'],
  [
    ({ redirectUri, state }) => `${redirectUri}?code=c&state=${state}&code=d`,
    'malformed',
    'repeated_parameter',
  ],
  [
    ({ redirectUri, state }) => `${redirectUri}?code=c&state=${state}&iss=https%3A%2F%2Fevil.example`,
    'wrong_issuer',
  ],
  [({ redirectUri, state }) => `${redirectUri}?code=c&state=${state}`, 'wrong_issuer'],
  [({ state }) => `https://evil.example/callback?code=c&state=${state}`, 'refused', 'wrong_host'],
  [({ state }) => `https://as.example/authorize?state=${state}&response_type=code`, 'wrong_redirect_uri'],
  [({ redirectUri, state }) => `${redirectUri}/x?code=c&state=${state}`, 'wrong_redirect_uri'],
  [({ redirectUri }) => redirectUri, 'malformed', 'missing_code'],
];

test('rejects a URL for the same reasons as a redirect, and the flow keeps waiting', () =>
  withServer({}, async ({ server }) => {
    const flow = await server.begin({ issuer, issuerAdvertised: true });
    const seen = observe(flow);
    for (const [text, disposition, reason] of refusals) {
      const redirect = await paste(server, text(flow), flow);
      assert.equal([redirect.disposition, redirect.reason], [disposition, reason], text(flow));
      assert.is(redirect.response.code, undefined);
    }
    assert.equal(seen, { responses: [], errors: [], completed: false });
    const good = `code=c&state=${flow.state}&iss=${issuer}`;
    assert.is((await paste(server, good, flow)).disposition, 'accepted');
    assert.is((await paste(server, good, flow)).disposition, 'duplicate');
    assert.is((await paste(server, 'another-code', flow)).disposition, 'duplicate');
    assert.is(seen.responses.length, 1);
  }));

test('races with the redirect itself, and exactly one is accepted', () =>
  withServer({}, async ({ server, visit, redirects }) => {
    for (let round = 0; round < 20; round++) {
      const flow = await server.begin();
      const seen = observe(flow);
      const query = `?code=c&state=${flow.state}`;
      await Promise.all([visit(`/callback${query}`), paste(server, query, flow)]);
      assert.is(seen.responses.length, 1);
    }
    assert.is(redirects.filter(({ disposition }) => disposition === 'accepted').length, 20);
  }));

test('names the missing part', () =>
  withServer({}, async ({ server }) => {
    for (const nothing of ['', ' \n', '#x']) {
      const error = await assert.rejects(paste(server, nothing), 'invalid_option');
      assert.match(error.message, 'got nothing');
    }
    const error = await assert.rejects(paste(server, 'CANARY-a-code'), 'invalid_option');
    assert.not.match(error.message, 'CANARY');
    await server.close();
    await assert.rejects(paste(server, '?code=c'), 'not_listening');
  }));

test('keeps the query of the redirect URI, and strips what a proxy strips', () =>
  withServer({ callbackPath: '/cb?env=1', publicUrl: 'https://sign-in.example/app' }, async ({ server }) => {
    const one = await server.begin();
    const url = `https://sign-in.example/app/cb?env=1&code=c&state=${one.state}`;
    assert.is((await paste(server, url)).disposition, 'accepted');
    const other = await server.begin();
    assert.is((await paste(server, 'c', other)).disposition, 'accepted');
    const third = await server.begin();
    const wrong = `https://sign-in.example/app/cb?env=2&code=c&state=${third.state}`;
    assert.is((await paste(server, wrong)).disposition, 'wrong_redirect_uri');
  }));

test('reaches flows in the store', () =>
  withBridge(async ({ server, url }) => {
    const host = await connectCallbackHost(url, { token });
    try {
      const flow = await host.begin();
      const response = new Promise((resolve) => flow.response.subscribe(resolve));
      const redirect: Redirect = await paste(server, `?code=c&state=${flow.state}`);
      assert.is(redirect.disposition, 'accepted');
      assert.is(((await response) as { code: string }).code, 'c');
    } finally {
      await host.close();
    }
  }));

test('is held until its flow begins', () =>
  withServer({ unmatched: { holdFor: 5_000, max: 1 } }, async ({ server }) => {
    const state = 'a-state-that-is-strong-enough';
    assert.is((await paste(server, `?code=c&state=${state}`)).disposition, 'held');
    const seen = observe(await server.begin({ state }));
    assert.is(seen.responses[0]?.code, 'c');
  }));

test.run();

/** The fake provider checks what clients send. Each check has a provider without it, which must be found out. */
import { startFakeProvider, visit } from '../../../../src/testing.ts';
import { sha256 } from '../../../../src/base/sha256.ts';
import * as assert from '../../../helpers/assert.ts';
import { complains } from '../../../helpers/complains.ts';
import {
  codeOf,
  deviceGrantType,
  fails,
  post,
  redeem,
  redirectUri,
  refresh,
  register,
  request,
  respond,
  verifier,
  without,
  type Answered,
} from '../../../helpers/fake-client.ts';
import { suite } from '../../../helpers/suite.ts';
import { edit, weakenedModule, type Change } from '../../../helpers/weakened.ts';

type Start = typeof startFakeProvider;

interface Check {
  readonly check: (start: Start) => Promise<void>;
  readonly twin: Change;
}

const checks: Readonly<Record<string, Check>> = {
  'rejects a code verifier that does not fit': {
    check: async (start) => {
      await using provider = await start();
      await fails(
        redeem(provider, await codeOf(provider), { code_verifier: 'w'.repeat(43) }),
        'invalid_grant',
      );
      await fails(redeem(provider, await codeOf(provider), { code_verifier: '' }), 'invalid_grant');
    },
    twin: edit('if (challenge !== code.codeChallenge) throw', 'if (!challenge) throw'),
  },
  'rejects a code verifier of another form, although it fits': {
    check: async (start) => {
      await using provider = await start();
      for (const code_verifier of ['short', 'ä'.repeat(43), 'v'.repeat(129)]) {
        const code = await codeOf(provider, { code_challenge: sha256(code_verifier, 'base64url') });
        await fails(redeem(provider, code, { code_verifier }), 'invalid_grant');
      }
    },
    twin: edit('if (!verifierForm.test(verifier))', 'if (!verifier)'),
  },
  'rejects parameters that come twice, except for resource': {
    check: async (start) => {
      await using provider = await start();
      const twice = `${String(new URLSearchParams(request(provider)))}&state=other`;
      assert.is(
        (await fetch(`${provider.authorizationEndpoint}?${twice}`, { redirect: 'manual' })).status,
        400,
      );
      const sent = {
        grant_type: 'authorization_code',
        client_id: provider.clientId,
        code_verifier: verifier,
      };
      const fields = new URLSearchParams({
        ...sent,
        redirect_uri: redirectUri,
        code: await codeOf(provider),
      });
      const sends = async (more: string): Promise<number> => {
        const body = new URLSearchParams(`${String(fields)}&${more}`);
        return (await fetch(provider.tokenEndpoint, { method: 'POST', body })).status;
      };
      assert.equal([await sends('code=other'), await sends('resource=a&resource=b')], [400, 200]);
    },
    twin: edit('return twice === undefined ? undefined', 'return twice !== given[0] ? undefined'),
  },
  'rejects parameters of a POST request in the query': {
    check: async (start) => {
      await using provider = await start();
      const fields = {
        grant_type: 'authorization_code',
        client_id: provider.clientId,
        redirect_uri: redirectUri,
      };
      const sent = { ...fields, code_verifier: verifier, code: await codeOf(provider) };
      const url = `${provider.tokenEndpoint}?${String(new URLSearchParams(sent))}`;
      await fails(post(url, {}), 'invalid_request');
      await fails(post(`${provider.tokenEndpoint}?a=1`, sent), 'invalid_request');
    },
    twin: edit("const isWrong = method === 'POST' && searchParams.size > 0;", 'const isWrong = !method;'),
  },
  'rejects a request without an S256 challenge': {
    check: async (start) => {
      await using provider = await start();
      const plain = request(provider, { code_challenge: verifier, code_challenge_method: 'plain' });
      for (const fields of [plain, without(request(provider), 'code_challenge_method')])
        assert.is((await respond(provider, fields)).get('error'), 'invalid_request');
    },
    twin: edit("if (parameters['code_challenge_method'] !== 'S256')", 'if (!parameters)'),
  },
  'takes a code once, and revokes what it gave when the code comes again': {
    check: async (start) => {
      await using provider = await start();
      const code = await codeOf(provider);
      assert.is((await redeem(provider, code)).status, 200);
      assert.ok(provider.tokens.every(({ active }) => active));
      await fails(redeem(provider, code), 'invalid_grant');
      assert.ok(provider.tokens.every(({ active }) => !active));
    },
    twin: edit('if (code.used) {', 'if (!code) {', 'testing/provider/grants.ts'),
  },
  'rejects a code with another redirect URI': {
    check: async (start) => {
      await using provider = await start();
      const other = { redirect_uri: 'http://127.0.0.1:2/callback' };
      await fails(redeem(provider, await codeOf(provider), other), 'invalid_grant');
    },
    twin: edit("if (parameters['redirect_uri'] !== code.redirectUri)", 'if (!parameters)'),
  },
  'rotates refresh tokens, and revokes the family of one that comes twice': {
    check: async (start) => {
      await using provider = await start();
      const { body: first } = await redeem(provider, await codeOf(provider));
      const { body: second } = await refresh(provider, first['refresh_token']);
      assert.is.not(second['refresh_token'], first['refresh_token']);
      assert.equal(
        provider.tokens.map(({ type, active }) => [type, active]),
        [
          ['access_token', true],
          ['refresh_token', false],
          ['access_token', true],
          ['refresh_token', true],
        ],
      );
      await fails(refresh(provider, first['refresh_token']), 'invalid_grant');
      await fails(refresh(provider, second['refresh_token']), 'invalid_grant');
      assert.is(new Set(provider.tokens.map(({ family }) => family)).size, 1);
      assert.ok(provider.tokens.every(({ active }) => !active));
    },
    twin: edit('if (token.used) token.of.revoked = true;', ''),
  },
  'takes a pushed request once': {
    check: async (start) => {
      await using provider = await start({ pushedRequests: 'required' });
      assert.is((await respond(provider, request(provider))).get('error'), 'invalid_request');
      const { status, body } = await post(`${provider.issuer}/par`, request(provider));
      assert.is(status, 201);
      const pushed = { client_id: provider.clientId, request_uri: String(body['request_uri']) };
      assert.ok((await respond(provider, pushed)).get('code'));
      assert.is((await respond(provider, pushed)).get('code'), null);
    },
    twin: edit("this.#pushed.delete(requestUri ?? '');", ''),
  },
  'expires a pushed request': {
    check: async (start) => {
      await using provider = await start();
      const { body } = await post(`${provider.issuer}/par`, request(provider));
      const { now } = Date;
      try {
        Date.now = () => now() + Number(body['expires_in']) * 1_000;
        const pushed = { client_id: provider.clientId, request_uri: String(body['request_uri']) };
        assert.not.ok((await respond(provider, pushed)).has('code'));
      } finally {
        Date.now = now;
      }
    },
    twin: edit('if (pushed && Date.now() >= expiresAt)', 'if (pushed && !expiresAt)'),
  },
  'compares redirect URIs by their characters': {
    check: async (start) => {
      const uris = ['https://app.example', 'https://app.example/callback', 'http://[::1]/callback'];
      await using provider = await start({ clients: [{ clientId: 'c', redirectUris: uris }] });
      const taken = async (redirect_uri: string): Promise<boolean> =>
        (await respond(provider, request(provider, { redirect_uri }))).has('code');
      for (const uri of [...uris, 'http://[::1]:4711/callback']) assert.ok(await taken(uri), uri);
      for (const uri of [
        'https://app.example/',
        'https://APP.example/callback',
        'https://app.example:443/callback',
        'https://app.example/a/../callback',
        'https://app.example/callback?',
        'https://app.example/callback#',
        'http://[::1]:4711/callback/',
      ])
        assert.not.ok(await taken(uri), uri);
    },
    twin: edit(
      'if (!URL.canParse(redirectUri) || !isLoopback(new URL(redirectUri).hostname)) return redirectUri;',
      'if (!isLoopback(new URL(redirectUri).hostname)) return new URL(redirectUri).href;',
    ),
  },
  'rejects another redirect URI than the registered ones, except for the port on loopback': {
    check: async (start) => {
      await using provider = await start();
      const { status, body } = await register(provider, {
        redirect_uris: ['http://127.0.0.1/callback', 'https://app.example/callback'],
        token_endpoint_auth_method: 'none',
      });
      assert.is(status, 201);
      const client_id = String(body['client_id']);
      const taken = async (redirect_uri: string): Promise<boolean> =>
        (await respond(provider, request(provider, { client_id, redirect_uri }))).has('code');
      assert.ok(await taken('http://127.0.0.1:4711/callback'));
      assert.ok(await taken('https://app.example/callback'));
      for (const other of [
        'http://127.0.0.1/other',
        'https://app.example:8443/callback',
        'javascript:1',
        'http://127.0.0.1/callback#a',
        '',
      ])
        assert.not.ok(await taken(other), other);
    },
    twin: edit('redirectUris === undefined || redirectUris.some', 'true || redirectUris.some'),
  },
  'asks a confidential client for its secret': {
    check: async (start) => {
      await using provider = await start({ clients: [{ clientId: 'a b', clientSecret: 's:+ä' }] });
      await fails(redeem(provider, await codeOf(provider)), 'invalid_client', 401);
      await fails(redeem(provider, await codeOf(provider), { client_secret: 'x' }), 'invalid_client', 401);
      assert.is((await redeem(provider, await codeOf(provider), { client_secret: 's:+ä' })).status, 200);
      const basic = btoa(`a+b:${encodeURIComponent('s:+ä')}`);
      const headers = { Authorization: `Basic ${basic}` };
      assert.is((await redeem(provider, await codeOf(provider), { client_id: '' }, headers)).status, 200);
      for (const wrong of ['a+b:%', 'a+b', 'a+b:', ':']) {
        const unproven = { Authorization: `Basic ${btoa(wrong)}` };
        await fails(redeem(provider, await codeOf(provider), {}, unproven), 'invalid_client', 401);
      }
    },
    twin: edit('if (secret !== client.clientSecret)', 'if (!client)'),
  },
  'lets a client authenticate in one way only, and only in the one that it has registered': {
    check: async (start) => {
      await using provider = await start({
        clients: [{ clientId: 'c', clientSecret: 's' }, { clientId: 'd' }],
      });
      const headers = { Authorization: `Basic ${btoa('c:s')}` };
      await fails(
        redeem(provider, await codeOf(provider), { client_secret: 's' }, headers),
        'invalid_request',
      );
      for (const [fields, other] of [
        [{ client_id: 'd' }, headers],
        [{ client_id: 'd' }, { Authorization: 'Bearer x' }],
        [{ client_id: 'd', client_secret: 'x' }, {}],
      ] as const)
        await fails(redeem(provider, await codeOf(provider), fields, other), 'invalid_client', 401);
      const { body } = await register(provider, { redirect_uris: [redirectUri] });
      const { client_id, client_secret } = body as Readonly<Record<'client_id' | 'client_secret', string>>;
      const code = await codeOf(provider, { client_id });
      await fails(redeem(provider, code, { client_id, client_secret }), 'invalid_client', 401);
      const basic = { Authorization: `Basic ${btoa(`${client_id}:${client_secret}`)}` };
      assert.is((await redeem(provider, code, { client_id }, basic)).status, 200);
    },
    twin: edit('if (client.authentication !== undefined && client.authentication !== used)', 'if (!used)'),
  },
  'gives a registered client no grant that it has not registered': {
    check: async (start) => {
      await using provider = await start();
      const registered = { redirect_uris: [redirectUri], token_endpoint_auth_method: 'none' };
      const { client_id } = (await register(provider, registered)).body as { client_id: string };
      const { body } = await redeem(provider, await codeOf(provider, { client_id }), { client_id });
      assert.equal(['access_token' in body, 'refresh_token' in body], [true, false]);
      await fails(refresh(provider, 'x', { client_id }), 'unauthorized_client');
      await fails(post(`${provider.issuer}/device_authorization`, { client_id }), 'unauthorized_client');
    },
    twin: edit(
      'return grantTypes === undefined || grantTypes.includes(grantType);',
      "return grantTypes?.[0] !== grantType || grantType !== '';",
    ),
  },
  'slows a device down that asks too often, and gives it tokens all the same': {
    check: async (start) => {
      await using provider = await start({ deviceInterval: 2 });
      const { clientId: client_id } = provider;
      const { body } = await post(`${provider.issuer}/device_authorization`, { client_id });
      const device_code = String(body['device_code']);
      const { now } = Date;
      let seconds = 0;
      const pollsAfter = (more: number): Promise<Answered> => {
        seconds += more;
        return post(provider.tokenEndpoint, { grant_type: deviceGrantType, client_id, device_code });
      };
      try {
        Date.now = () => now() + seconds * 1_000;
        await fails(pollsAfter(0), 'authorization_pending');
        await fails(pollsAfter(2), 'authorization_pending');
        await fails(pollsAfter(1), 'slow_down');
        await fails(pollsAfter(2), 'slow_down');
        await fails(pollsAfter(12), 'authorization_pending');
        await visit(String(body['verification_uri_complete']));
        assert.is((await pollsAfter(0)).status, 200);
      } finally {
        Date.now = now;
      }
    },
    twin: edit(
      'if (isTooSoon) signIn.interval += 5_000;\n  return isTooSoon;',
      'return !isTooSoon && isTooSoon;',
    ),
  },
  'gives tokens to a device once its user has allowed it': {
    check: async (start) => {
      await using provider = await start();
      const begun = await post(`${provider.issuer}/device_authorization`, { client_id: provider.clientId });
      const { device_code, verification_uri, user_code } = begun.body as Readonly<Record<string, string>>;
      const poll = (): Promise<Answered> =>
        post(provider.tokenEndpoint, {
          grant_type: deviceGrantType,
          client_id: provider.clientId,
          device_code: device_code ?? '',
        });
      await fails(poll(), 'authorization_pending');
      // As a person may type it.
      const typed = user_code?.toLowerCase().replace('-', ' ') ?? '';
      const page = await visit(verification_uri ?? '', { fields: { user_code: typed } });
      assert.equal([page.status, page.title], [200, 'Device connected']);
      assert.is((await poll()).status, 200);
      await fails(poll(), 'invalid_grant');
    },
    twin: edit(
      "if (!end) throw new ProviderError('authorization_pending'",
      "if (!end) throw new ProviderError('slow_down'",
    ),
  },
  'revokes a refresh token with its family, and only for its client': {
    check: async (start) => {
      await using provider = await start({ clients: [{ clientId: 'one' }, { clientId: 'two' }] });
      const { body } = await redeem(provider, await codeOf(provider));
      const token = String(body['refresh_token']);
      const revoke = (client_id: string): Promise<Answered> =>
        post(`${provider.issuer}/revoke`, { client_id, token });
      assert.is((await revoke('two')).status, 200);
      assert.ok(provider.tokens.every(({ active }) => active));
      assert.is((await revoke('one')).status, 200);
      assert.ok(provider.tokens.every(({ active }) => !active));
      const headers = { Authorization: `Bearer ${String(body['access_token'])}` };
      assert.is((await fetch(`${provider.issuer}/userinfo`, { headers })).status, 401);
    },
    twin: edit('if (token?.clientId !== clientId) return;', 'if (!token) return;'),
  },
};

const test = suite('checks of the fake provider');

for (const [name, { check, twin }] of Object.entries(checks)) {
  test(name, () => check(startFakeProvider));
  test(`the control: a provider that does not is found out: ${name}`, async () => {
    const { startFakeProvider: weak } = (await weakenedModule('testing.ts', twin)) as {
      startFakeProvider: Start;
    };
    await complains(() => check(weak), /./);
  });
}

test.run();

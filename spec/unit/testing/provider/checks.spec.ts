/** The fake provider checks what clients send. Each check has a provider without it, which must be found out. */
import { startFakeProvider, visit } from '../../../../src/testing.ts';
import * as assert from '../../../helpers/assert.ts';
import { complains } from '../../../helpers/complains.ts';
import {
  codeOf,
  deviceGrantType,
  fails,
  post,
  redeem,
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

import { once, type EventEmitter } from 'node:events';
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js';
import { Client } from '@modelcontextprotocol/client';
import { mcpAuth, memoryStore } from '../../../src/mcp.ts';
import { mayLeadTo } from '../../../src/mcp/origins.ts';
import { resourceMetadataOf } from '../../../src/mcp/resource-metadata.ts';
import * as assert from '../../helpers/assert.ts';
import { listenOnLoopback } from '../../helpers/loopback.ts';
import { ruleOf, twin } from '../../helpers/mcp/rule.ts';
import { gate, toolCall, withMcp } from '../../helpers/mcp/with-mcp.ts';
import { suite } from '../../helpers/suite.ts';
import { edit } from '../../helpers/weakened.ts';

const test = suite('mcp: attacked requests');
const rule = ruleOf(test);

const saying =
  (message: RegExp) =>
  (error: Error): boolean =>
    message.test(error.message);

rule(
  'an answer that arrives after signOut() does not say that the person is signed in',
  (create) => {
    const [sent, late] = [gate(), gate()];
    let holds = false;
    const fetch = async (input: string | URL, init?: RequestInit): Promise<Response> => {
      const response = await globalThis.fetch(input, init);
      if (!holds || !String(input).endsWith('/mcp')) return response;
      sent.open();
      await late.opened;
      return response;
    };
    return withMcp({ create, auth: { fetch } }, async (mcp) => {
      await mcp.signedIn();
      const states: string[] = [];
      mcp.auth.status(mcp.server.url).subscribe(({ state }) => states.push(state));
      holds = true;
      const call = mcp.call();
      await sent.opened;
      await mcp.auth.signOut(mcp.server.url);
      late.open();
      assert.is((await call).status, 200);
      assert.equal(states, ['signed_in', 'sign_in_required']);
    });
  },
  [
    twin(
      'believes any answer',
      edit('if (!isIdle || session.held !== held) return;', 'if (!isIdle) return;'),
      /equal/,
    ),
  ],
);

rule(
  'a Request is sent as it is, with its body, twice if the first answer is 401',
  (create) =>
    withMcp({ create }, async (mcp) => {
      const request = new Request(mcp.server.url, toolCall('whoami'));
      const fetch = mcp.auth.fetch(mcp.server.url) as typeof globalThis.fetch;
      const response = await fetch(request);
      assert.equal([response.status, response.url], [200, mcp.server.url]);
    }),
  [
    twin(
      'takes the text of a Request for its URL',
      edit('return input instanceof Request ? input.url : input;', 'return input as string;'),
      /equal/,
    ),
  ],
);

rule(
  'a lifetime of 0 seconds does not refresh tokens at each request',
  (create) => {
    const fetch = async (input: string | URL, init?: RequestInit): Promise<Response> => {
      const response = await globalThis.fetch(input, init);
      if (!String(input).endsWith('/token')) return response;
      return Response.json({ ...((await response.json()) as object), expires_in: 0 });
    };
    return withMcp({ create, auth: { fetch } }, async (mcp) => {
      await mcp.signedIn();
      for (let calls = 0; calls < 3; calls++) assert.is((await mcp.call()).status, 200);
      assert.equal(mcp.seen, {});
    });
  },
  [twin('takes 0 for an expiry', edit("if (from !== 'store' && expiresAt <= since) return;", ''), /refresh/)],
);

test('requests that share a signal make Node warn of nothing', () =>
  withMcp({}, async (mcp) => {
    const warnings: Error[] = [];
    const warn = (warning: Error): void => void warnings.push(warning);
    process.on('warning', warn);
    try {
      await mcp.signedIn();
      mcp.server.revokeTokens();
      const { signal } = new AbortController();
      assert.equal(new Set(await mcp.crowd(20, { signal })), new Set([200]));
    } finally {
      process.off('warning', warn);
    }
    assert.equal(
      warnings.map(({ name }) => name),
      [],
    );
  }));

test('a handshake that is late ends its request, and the client can connect again', async () => {
  await using silent = await listenOnLoopback();
  await using auth = mcpAuth();
  const clients = [Client, LegacyClient].map((kind) => new kind({ name: 'a', version: '1.0.0' }));
  for (const client of [...clients, ...clients]) {
    const ended = once(silent.http, 'request').then(([, response]) =>
      once(response as EventEmitter, 'close'),
    );
    const connecting = auth.connect(client, `${silent.origin}/mcp`, {
      handshakeTimeout: 50,
    });
    await assert.rejects(connecting, saying(/did not answer the handshake within 50 ms/));
    await ended;
  }
});

for (const host of [
  '0.0.0.0',
  '[::]',
  '[::ffff:127.0.0.1]',
  'localhost.',
  'x.localhost.',
  '127.1',
  '2130706433',
])
  test(`metadata of a remote server does not lead to https://${host}`, () => {
    assert.is(mayLeadTo('https://mcp.example', `https://${host}/`), false);
    assert.ok(mayLeadTo('http://localhost:4000', `http://${host}/`));
  });

const resources = [
  ['https://mcp.example/mcp?tenant=a', 'https://mcp.example/mcp?tenant=a', true],
  ['https://mcp.example/mcp?tenant=a', 'https://mcp.example/mcp', true],
  ['https://mcp.example/mcp?tenant=a', 'https://mcp.example/mcp?tenant=b', false],
  ['https://mcp.example/mcp', 'https://mcp.example/mcp?tenant=b', false],
  ['https://mcp.example/mcp', 'https://mcp.example/mc', false],
  ['https://mcp.example/mcp', 'https://mcp.example./mcp', false],
] as const;
for (const [server, resource, isOf] of resources)
  test(`metadata of ${resource} is ${isOf ? '' : 'not '}taken for ${server}`, async () => {
    const fetch = (): Promise<Response> => Promise.resolve(Response.json({ resource }));
    const found = resourceMetadataOf(server, undefined, fetch, new AbortController().signal);
    if (isOf) assert.is((await found)?.resource, resource);
    else await assert.rejects(found, saying(/has metadata of the resource/));
  });

rule(
  'the refresh token of an issuer with a path goes nowhere while that has no metadata, and the error says so',
  async (create) => {
    const issuer = 'https://as.example/tenant';
    const asked: string[] = [];
    const fetch = (input: string | URL): Promise<Response> => {
      asked.push(String(input));
      return Promise.resolve(new Response('', { status: 403 }));
    };
    const store = memoryStore();
    const fields = { access_token: 'old', refresh_token: 'r', token_type: 'bearer', expires_at: 1 };
    const tokens = { issuer, client_id: 'c', ...fields };
    await store.set('server https://mcp.example/mcp', { v: 1, tokens, client: { client_id: 'c' } });
    await using auth = create({ fetch, store });
    const call = auth.fetch('https://mcp.example/mcp')('https://mcp.example/mcp');
    await assert.rejects(call, saying(/answered (?:with )?(?:status )?403/));
    assert.ok(asked.every((url) => url.includes('/.well-known/')));
  },
  [
    twin(
      'tries the endpoints of the origin',
      edit('if (!mayLackMetadata || issuer !== origin ||', 'if (!mayLackMetadata ||'),
      /403|must be equal/,
    ),
  ],
);

test.run();

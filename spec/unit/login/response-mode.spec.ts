import type { Observable } from 'rxjs';
import { connectCallbackHost } from '../../../src/client.ts';
import type { DiscoveryError, SignInEvent, SignInOptions } from '../../../src/login.ts';
import { signIn } from '../../../src/login.ts';
import { startFakeProvider, visit } from '../../../src/testing.ts';
import * as assert from '../../helpers/assert.ts';
import { token, withBridge } from '../../helpers/bridge.ts';
import { complains } from '../../helpers/complains.ts';
import { withServer } from '../../helpers/endpoint.ts';
import { startIssuer } from '../../helpers/issuer.ts';
import { clientId, subject } from '../../helpers/provider.ts';
import { suite } from '../../helpers/suite.ts';
import { Watched } from '../../helpers/watched.ts';
import { edit, weakenedModule } from '../../helpers/weakened.ts';

const test = suite('response mode of signIn');

type SignIn = (options: SignInOptions) => Observable<SignInEvent>;

/** Signs in at a server that lists `form_post` only. */
async function signsInByForm(sign: SignIn): Promise<void> {
  await using as = await startFakeProvider({ metadata: { response_modes_supported: ['form_post'] } });
  await withServer({ settle: 60_000 }, async ({ server }) => {
    const modes: unknown[] = [];
    server.events.subscribe((event) => {
      if (event.type === 'begun') modes.push(event.responseMode);
    });
    using watched = new Watched(
      sign({ issuer: as.issuer, clientId: as.clientId, scope: ['openid', 'notes'], host: server }),
    );
    const { url, responseMode } = await watched.next('authorize');
    assert.equal([responseMode, url.searchParams.get('response_mode')], ['form_post', 'form_post']);
    assert.is(url.searchParams.get('scope'), 'openid notes');
    assert.is((await visit(url)).status, 200);
    assert.is((await watched.tokens()).claims?.sub, subject);
    assert.equal(modes, ['form_post']);
  });
}

test('takes form_post if the metadata does not list query, and the events say so', () =>
  signsInByForm(signIn));

test('the control: a sign-in that asks for query in any case is refused', async () => {
  const twin = (await weakenedModule(
    'login/sign-in.ts',
    edit("if (modes === undefined) return wanted ?? 'query';", "if (modes) return wanted ?? 'query';"),
  )) as { signIn: SignIn };
  await complains(() => signsInByForm(twin.signIn), /form_post/);
});

test('takes form_post at a service over the bridge', async () => {
  await using as = await startFakeProvider({ metadata: { response_modes_supported: ['form_post'] } });
  await withBridge(async ({ url }) => {
    await using host = await connectCallbackHost(url, { token });
    using watched = new Watched(signIn({ issuer: as.issuer, clientId: as.clientId, scope: 'openid', host }));
    const { url: asked } = await watched.next('authorize');
    await visit(asked);
    assert.is((await watched.tokens()).claims?.sub, subject);
  });
});

test('takes query if the metadata lists both or nothing, and what is asked for otherwise', async () => {
  const listed = [['form_post', 'query'], undefined, ['query', 'form_post']];
  const seen: (string | undefined)[] = [];
  for (const [index, modes] of listed.entries()) {
    await using as = await startIssuer({ metadata: { response_modes_supported: modes } });
    const asked = index === 2 ? ({ responseMode: 'form_post' } as const) : {};
    using watched = new Watched(signIn({ issuer: as.issuer, clientId, ...asked }));
    seen.push((await watched.next('authorize')).responseMode);
  }
  assert.equal(seen, ['query', 'query', 'form_post']);
});

for (const [modes, wanted, requires] of [
  [['fragment', 'query.jwt'], undefined, 'query or form_post'],
  [['query'], 'form_post', 'form_post'],
] as const)
  test(`ends before a browser opens if the metadata lists ${modes.join(' and ')} only`, async () => {
    await using as = await startIssuer({ metadata: { response_modes_supported: modes } });
    const options = { issuer: as.issuer, clientId, ...(wanted && { responseMode: wanted }) };
    using watched = new Watched(signIn(options));
    const error = (await watched.failure()) as DiscoveryError;
    assert.equal([error.code, error.flaw], ['discovery_failed', 'response_mode_not_supported']);
    assert.is(
      error.message,
      `the issuer ${as.issuer} lists only "${modes.join(' ')}" in response_modes_supported; ${requires} is required`,
    );
    assert.equal(watched.types, ['failed']);
  });

test.run();

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { inspect } from 'node:util';
import * as openid from 'openid-client';
import { firstValueFrom, type Observable } from 'rxjs';
import type { DiscoveryError, RefreshOptions, SignInEvent, SignInOptions } from '../../../src/login.ts';
import { DpopKey, refresh, signIn, Tokens } from '../../../src/login.ts';
import { announcing } from '../../helpers/announced.ts';
import * as assert from '../../helpers/assert.ts';
import { virtualTime } from '../../helpers/clock.ts';
import { complains } from '../../helpers/complains.ts';
import { root } from '../../helpers/consumer.ts';
import { deviceFeatures, deviceGrant, enterCode } from '../../helpers/device.ts';
import { visit } from '../../helpers/http.ts';
import { comingBack, json, startIssuer } from '../../helpers/issuer.ts';
import { clientId, native, startProvider, subject, type SignInProvider } from '../../helpers/provider.ts';
import { suite } from '../../helpers/suite.ts';
import { Watched } from '../../helpers/watched.ts';
import { edit, weakenedModule } from '../../helpers/weakened.ts';

const test = suite('DPoP');

type SignIn = (options: SignInOptions) => Observable<SignInEvent>;
type Refresh = (tokens: Tokens, options?: RefreshOptions) => Observable<Tokens>;

const client = { ...native, client_id: clientId, token_endpoint_auth_method: 'none' };

/** Features of a provider that gives a nonce, and takes no proof without it. */
const withNonce = {
  dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => true },
};

/** A provider whose client gets bound tokens only. */
function bindingProvider(features: object = {}): Promise<SignInProvider> {
  return startProvider({
    configuration: {
      clients: [{ ...client, dpop_bound_access_tokens: true }],
      features: { devInteractions: { enabled: false }, userinfo: { enabled: true }, ...features },
    },
  });
}

/** Signs in at a server that wants a nonce in each proof. */
async function signsIn(
  as: SignInProvider,
  sign: SignIn = signIn,
  options: Partial<SignInOptions> = {},
): Promise<Tokens> {
  using watched = new Watched(
    sign({ issuer: as.issuer, clientId, scope: 'openid offline_access', dpop: true, ...options }),
  );
  await watched.visit();
  return await watched.tokens();
}

async function gets(as: SignInProvider, { access_token, dpopKey }: Tokens): Promise<unknown> {
  const configuration = await openid.discovery(new URL(as.issuer), clientId, undefined, openid.None(), {
    // eslint-disable-next-line @typescript-eslint/no-deprecated
    execute: [openid.allowInsecureRequests],
  });
  const DPoP = openid.getDPoPHandle(configuration, await dpopKey!.keyPair());
  return openid.fetchUserInfo(configuration, access_token, subject, { DPoP });
}

test('binds the tokens to the key, and an API takes them with its proof', async () => {
  await using as = await bindingProvider(withNonce);
  const tokens = await signsIn(as);
  assert.is(tokens.token_type, 'dpop');
  assert.is(tokens.toDict().dpop_jkt, tokens.dpopKey?.thumbprint);
  assert.is(((await gets(as, tokens)) as { sub: string }).sub, subject);
  await assert.rejects(gets(as, Tokens.fromDict({ ...tokens.toDict(), ...dictOf(DpopKey.generate()) })));
  const renewed = await firstValueFrom(refresh(tokens));
  assert.equal([renewed.token_type, renewed.dpopKey?.thumbprint], ['dpop', tokens.dpopKey?.thumbprint]);
  await gets(as, renewed);
});

const dictOf = (key: DpopKey) => ({ dpop_jkt: key.thumbprint, dpop_jwk: key.toJwk() });

test('sends a request once more with the nonce that the server wants', async () => {
  await using as = await bindingProvider(withNonce);
  await signsIn(as);
  assert.is(as.requests.filter((line) => line === 'POST /token').length, 2);
});

test('the control: a sign-in that hides the answer with the nonce gets no tokens', async () => {
  const twin = (await weakenedModule(
    'login/sign-in.ts',
    edit('if (error === nonceRequired) return', "if (error === '') return"),
  )) as { signIn: SignIn };
  await using as = await bindingProvider(withNonce);
  await complains(async () => {
    await signsIn(as, twin.signIn);
  }, /use_dpop_nonce/);
});

test('proves the key to the endpoints of pushed requests and of devices too', async () => {
  await using as = await bindingProvider({
    ...withNonce,
    pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: true },
  });
  assert.is((await signsIn(as)).token_type, 'dpop');
  await using devices = await startProvider({
    configuration: { ...deviceGrant, features: { ...deviceFeatures, ...withNonce } },
  });
  const { scheduler, advance } = virtualTime();
  using watched = new Watched(
    signIn({ issuer: devices.issuer, clientId, scope: 'openid', device: 'only', dpop: true, scheduler }),
  );
  await enterCode(await watched.next('device'));
  await watched.next('waiting');
  advance(5_000);
  assert.is((await watched.tokens()).token_type, 'dpop');
});

test('registers a client whose tokens are bound', async () => {
  await using as = await startProvider({ registration: true });
  using watched = new Watched(signIn({ issuer: as.issuer, scope: 'openid', dpop: true }));
  await watched.visit();
  assert.is((await watched.tokens()).token_type, 'dpop');
});

test('refreshes in another process, which has the saved tokens only', async () => {
  await using as = await bindingProvider(withNonce);
  const tokens = await signsIn(as);
  const program = `
    import { refresh, Tokens } from './src/login.ts';
    import { firstValueFrom } from 'rxjs';
    const renewed = await firstValueFrom(refresh(Tokens.fromDict(JSON.parse(process.env.TOKENS))));
    console.log(renewed.token_type, renewed.dpopKey.thumbprint);`;
  const { status, stdout, stderr } = await ran(program, JSON.stringify(tokens.toDict()));
  assert.equal([status, stdout], [0, `dpop ${tokens.dpopKey?.thumbprint}\n`], stderr);
});

async function ran(program: string, TOKENS: string) {
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
    cwd: root,
    env: { ...process.env, TOKENS },
  });
  const [stdout, stderr, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number]>,
  ]);
  return { status, stdout, stderr };
}

/** Refuses another key before a request is sent, which could use up the refresh token. */
async function keepsToTheKey(renew: Refresh): Promise<void> {
  await using as = await bindingProvider();
  const tokens = await signsIn(as);
  const { dpop_jwk, ...apart } = tokens.toDict();
  const requests = as.requests.length;
  for (const [given, options, got] of [
    [tokens, { dpop: DpopKey.generate() }, 'another key'],
    [Tokens.fromDict(apart), {}, 'none'],
  ] as const) {
    const error = await assert.rejects(
      (async () => firstValueFrom(renew(given, options)))(),
      'invalid_option',
    );
    assert.is(error.message, `dpop must be the key that the tokens are bound to; got ${got}`);
  }
  assert.is(as.requests.length, requests);
  const dpop = DpopKey.fromJwk(dpop_jwk!);
  assert.is((await firstValueFrom(renew(Tokens.fromDict(apart), { dpop }))).token_type, 'dpop');
}

test('refreshes with the key of the tokens only, whether it is with them or apart', () =>
  keepsToTheKey(refresh));

test('the control: a refresh with another key is refused by the server', async () => {
  const twin = (await weakenedModule(
    'login/refresh.ts',
    edit('if (dpop_jkt === undefined || key?.thumbprint === dpop_jkt) return key;', 'if (key) return key;'),
  )) as { refresh: Refresh };
  await complains(() => keepsToTheKey(twin.refresh), /token_request_failed|invalid_grant/);
});

/** Takes no token that is not bound, though the server has answered with one. */
async function takesBoundTokensOnly(sign: SignIn): Promise<void> {
  await using as = await startIssuer({
    metadata: { dpop_signing_alg_values_supported: ['ES256'] },
    token: (_form, response) => json(response, 200, { access_token: 'CANARY', token_type: 'Bearer' }),
  });
  using watched = new Watched(sign({ issuer: as.issuer, clientId, dpop: true }));
  await visit(comingBack((await watched.next('authorize')).url, { code: 'c' }));
  const error = await watched.failure();
  assert.is(
    error.message,
    `the token endpoint of ${as.issuer} gave an access token that is not bound to the DPoP key: its token_type is bearer`,
  );
  assert.not.match(inspect(error, { showHidden: true, depth: Infinity }), 'CANARY');
}

test('takes no token that is not bound', () => takesBoundTokensOnly(signIn));

test('the control: a sign-in that believes the server takes any token', async () => {
  const twin = (await weakenedModule(
    'login/sign-in.ts',
    edit("if (dpop && token_type !== 'dpop')", "if (dpop && token_type === '')"),
  )) as { signIn: SignIn };
  await complains(() => takesBoundTokensOnly(twin.signIn), /no failed/);
});

test('ends before a browser opens if the server does not list ES256', async () => {
  const changes = { dpop_signing_alg_values_supported: ['RS256'] };
  await using as = await startProvider({ intercept: announcing(changes) });
  using watched = new Watched(signIn({ issuer: as.issuer, clientId, dpop: true }));
  const error = (await watched.failure()) as DiscoveryError;
  assert.equal([error.flaw, watched.types], ['dpop_not_supported', ['failed']]);
  assert.is(
    error.message,
    `the issuer ${as.issuer} lists only "RS256" in dpop_signing_alg_values_supported; ES256 is required`,
  );
});

test('proves nothing if it is not asked to', async () => {
  const proofs: IncomingMessage['headers'][string][] = [];
  await using as = await startProvider({
    intercept: ({ headers }) => {
      proofs.push(headers['dpop']);
      return false;
    },
  });
  const { token_type, dpopKey } = await signsIn(as, signIn, { dpop: false });
  assert.equal([token_type, dpopKey, proofs.filter(Boolean)], ['bearer', undefined, []]);
});

test('prints no private key, and restores a key from its JWK', () => {
  const key = DpopKey.generate();
  const { d } = key.toJwk() as { d: string };
  const record = { issuer: 'https://as.example', client_id: 'c', access_token: 'a', token_type: 'dpop' };
  const tokens = Tokens.fromDict({ ...record, ...dictOf(key) });
  for (const each of [key, tokens]) {
    const printed = [
      String(each),
      JSON.stringify(each),
      inspect(each, { showHidden: true, depth: Infinity }),
    ];
    assert.not.match(printed.join('\n'), d);
    assert.match(printed.join('\n'), key.thumbprint);
  }
  assert.is(DpopKey.fromJwk(key.toJwk()).thumbprint, key.thumbprint);
  assert.is(tokens.dpopKey?.thumbprint, key.thumbprint);
  assert.ok(Tokens.fromDict(tokens.toDict()).equals(tokens));
});

for (const [what, change] of Object.entries({
  'a public key': { d: undefined },
  'another curve': { crv: 'P-384' },
  'another kind': { kty: 'RSA' },
  'a key that is no point of the curve': { x: 'CANARY' },
}))
  test(`refuses ${what} as a key, and does not show it`, () => {
    const jwk = { ...DpopKey.generate().toJwk(), ...change };
    const error = assert.throws(() => DpopKey.fromJwk(jwk), 'invalid_option');
    assert.is(error.message, 'jwk must be a private JWK of the curve P-256');
    const bound = { issuer: 'i', client_id: 'c', access_token: 'a', token_type: 'dpop', dpop_jwk: jwk };
    assert.throws(() => Tokens.fromDict(bound), 'invalid_option');
  });

test('refuses tokens whose key is not the one that they name', () => {
  const { dpop_jwk } = dictOf(DpopKey.generate());
  const { dpop_jkt } = dictOf(DpopKey.generate());
  const record = { issuer: 'i', client_id: 'c', access_token: 'a', token_type: 'dpop', dpop_jkt, dpop_jwk };
  assert.match(assert.throws(() => Tokens.fromDict(record), 'invalid_option').message, 'dpop_jkt names');
});

test.run();

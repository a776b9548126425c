/** Servers whose metadata names another issuer, for which openid-client has rules of its own. */
import { firstValueFrom } from 'rxjs';
import {
  DiscoveryError,
  refresh,
  signIn,
  type ServerMetadata,
  type SignInOptions,
} from '../../../src/login.ts';
import * as assert from '../../helpers/assert.ts';
import { visit } from '../../helpers/http.ts';
import { comingBack } from '../../helpers/issuer.ts';
import { suite } from '../../helpers/suite.ts';
import { Watched } from '../../helpers/watched.ts';

const test = suite('servers with another issuer in their metadata');

const clientId = 'c';
const entra = 'https://login.microsoftonline.com';
const tenant = '72f988bf-86f1-41af-91ab-2d7cd011db47';
const template = `${entra}/{tenantid}/v2.0`;

/** A server of many tenants, which cannot be asked from here: a `fetch` that answers for it. */
function serverOf(base: string, issuer: string): { metadata: ServerMetadata; server: Server } {
  const metadata = {
    issuer,
    authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
    token_endpoint: `${base}/oauth2/v2.0/token`,
    jwks_uri: `${base}/discovery/v2.0/keys`,
    id_token_signing_alg_values_supported: ['RS256'],
    token_endpoint_auth_methods_supported: ['client_secret_post', 'client_secret_basic'],
  };
  const server: Server = {
    claims: {},
    asked: [],
    fetch: (url) => {
      server.asked.push(url);
      if (url === `${base}/.well-known/openid-configuration`) return Promise.resolve(Response.json(metadata));
      if (url !== metadata.token_endpoint) return Promise.resolve(new Response(null, { status: 404 }));
      const iat = Math.floor(Date.now() / 1_000);
      const claims = { aud: clientId, sub: 'ada', iat, exp: iat + 600, ...server.claims };
      const id_token = `${[{ alg: 'RS256' }, claims].map(encoded).join('.')}.AAAA`;
      return Promise.resolve(
        Response.json({ access_token: 'a', token_type: 'Bearer', refresh_token: 'r', id_token }),
      );
    },
  };
  return { metadata, server };
}

interface Server {
  /** Claims of the next ID token. */
  claims: Record<string, unknown>;
  readonly asked: string[];
  readonly fetch: NonNullable<SignInOptions['fetch']>;
}

const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Signs in; the ID token has these claims, and the nonce that was asked for. */
async function signedIn(
  options: SignInOptions,
  server: Server,
  claims: Record<string, unknown>,
): Promise<Watched> {
  const watched = new Watched(signIn({ scope: 'openid', fetch: server.fetch, clientId, ...options }));
  const { url } = await watched.next('authorize');
  server.claims = { nonce: url.searchParams.get('nonce'), ...claims };
  await visit(comingBack(url, { code: 'c' }));
  await watched.ended();
  return watched;
}

for (const alias of ['common', 'organizations'])
  for (const given of [true, false])
    test(`signs in at ${alias} of Entra with ${given ? 'given' : 'discovered'} metadata, and refreshes`, async () => {
      const issuer = `${entra}/${alias}/v2.0`;
      const { metadata, server } = serverOf(issuer, template);
      const options = { issuer, ...(given && { metadata }) };
      const of = { iss: `${entra}/${tenant}/v2.0`, tid: tenant };
      using watched = await signedIn(options, server, of);
      const tokens = await watched.tokens();
      assert.equal([tokens.claims?.iss, tokens.issuer], [of.iss, issuer]);
      server.claims = of;
      const { fetch } = server;
      const renewed = await firstValueFrom(refresh(tokens, { fetch, ...(given && { metadata }) }));
      assert.equal([renewed.issuer, renewed.claims?.sub], [issuer, 'ada']);

      for (const [what, claims] of [
        ['another tenant than it says', { ...of, tid: 'another' }],
        ['no tenant', { iss: of.iss }],
        ['another server', { ...of, iss: `https://evil.example/${tenant}/v2.0` }],
        ['the template', { ...of, iss: template }],
      ] as const) {
        using rejected = await signedIn(options, server, claims);
        const { message } = await rejected.failure();
        assert.match(message, 'unexpected JWT "iss" (issuer) claim value', `an ID token of ${what}`);
      }
    });

for (const [what, issuer, named, iss] of [
  ['consumers of Entra', `${entra}/consumers/v2.0`, `${entra}/9188040d/v2.0`, `${entra}/9188040d/v2.0`],
  [
    'a tenant of Entra by its domain',
    `${entra}/a.example/v2.0`,
    `${entra}/${tenant}/v2.0`,
    `${entra}/${tenant}/v2.0`,
  ],
  ['Entra with a slash', `${entra}/common/v2.0/`, template, `${entra}/${tenant}/v2.0`],
  [
    'version 1 of Entra',
    `${entra}/common`,
    'https://sts.windows.net/{tenantid}/',
    `https://sts.windows.net/${tenant}/`,
  ],
  [
    'a policy of Azure AD B2C',
    'https://a.b2clogin.com/a.example/policy/v2.0',
    `https://a.b2clogin.com/${tenant}/v2.0/`,
    `https://a.b2clogin.com/${tenant}/v2.0/`,
  ],
] as const)
  test(`signs in at ${what}`, async () => {
    const { server } = serverOf(issuer.replace(/\/$/, ''), named);
    using watched = await signedIn({ issuer }, server, { iss, tid: tenant });
    assert.equal([(await watched.tokens()).claims?.iss, (await watched.tokens()).issuer], [iss, issuer]);
    using rejected = await signedIn({ issuer }, server, { iss: 'https://evil.example', tid: tenant });
    assert.is((await rejected.failure()).code, 'token_request_failed');
  });

test('says to give the tenant at a server of many tenants without a rule', async () => {
  for (const base of ['https://login.microsoftonline.us/common/v2.0', 'https://as.example/common']) {
    const { server, metadata } = serverOf(base, 'https://as.example/{tenantid}/v2.0');
    const { fetch } = server;
    for (const more of [{}, { metadata }]) {
      using watched = new Watched(signIn({ issuer: base, clientId, fetch, ...more }));
      const error = (await watched.failure()) as DiscoveryError;
      assert.is(error.flaw, 'issuer_mismatch');
      assert.is(
        error.message,
        `the issuer ${base} has metadata of "https://as.example/{tenantid}/v2.0"; use the issuer of one tenant, with its id`,
      );
    }
  }
});

test('takes metadata of Entra for no other server', async () => {
  const issuer = 'https://as.example/common/v2.0';
  const { server } = serverOf(issuer, template);
  using watched = new Watched(signIn({ issuer, clientId, fetch: server.fetch }));
  assert.is((await watched.failure()).code, 'discovery_failed');
});

test.run();

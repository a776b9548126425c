/** A real OpenID Connect server that needs no person: whoever opens a URL of it has an account, and allows or denies. */
import { generateKeyPairSync } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Provider } from 'oidc-provider';
import { CookieJar } from '../../src/testing/cookie-jar.ts';
import { withoutAdvice } from '../../src/cli/demo/without-advice.ts';
import { listenOnLoopback, type Loopback } from './loopback.ts';

/** The user at the moment of a sign-in. */
export interface User {
  answer: 'allow' | 'deny';
  account: string;
}

export interface ProviderOptions {
  /** Answer of the user. @default 'allow' */
  answer?: 'allow' | 'deny';
  /** User of the coming sign-in, in place of `answer`. @default `ada`, with `answer` */
  user?: () => User;
  /** Issuer, by the provider's origin. @default the origin */
  issuerOf?: (origin: string) => string;
  /** True if programs may register (RFC 7591). @default false */
  registration?: boolean;
  /** Beside or in place of the configuration that is made here. */
  configuration?: Readonly<Record<string, unknown>>;
  /** Adds middleware and listeners, before the first request. */
  prepare?: (provider: Provider) => void;
  /** Answers a request before the provider does; says whether it has. */
  intercept?: (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>;
}

export interface SignInProvider extends AsyncDisposable {
  readonly issuer: string;
  /** `POST /token`, in the order they came. */
  readonly requests: readonly string[];
  readonly provider: Provider;
  readonly loopback: Loopback;
}

export const clientId = 'a-public-client';
export const confidential = { id: 'a-confidential-client', secret: 'a-secret-of-32-characters-or-more' };
export const subject = 'ada';

/** All providers sign with it. */
export const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
export const native = {
  application_type: 'native',
  redirect_uris: ['http://127.0.0.1/callback'],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
};

/** Configuration of a provider that revokes tokens (RFC 7009). */
export const revoking = {
  features: { devInteractions: { enabled: false }, revocation: { enabled: true } },
};

/** Lifetimes of what the provider issues, in seconds. */
export const lifetimes = {
  AccessToken: 600,
  AuthorizationCode: 60,
  Grant: 600,
  IdToken: 600,
  RefreshToken: 600,
  Session: 600,
  Interaction: 600,
};

export async function startProvider(options: ProviderOptions = {}): Promise<SignInProvider> {
  const { answer = 'allow', registration = false, configuration, intercept } = options;
  const { user = () => ({ answer, account: subject }), issuerOf = (origin: string) => origin } = options;
  const loopback = await listenOnLoopback();
  const { http, origin } = loopback;
  const issuer = issuerOf(origin);
  const settings = {
    clients: [
      { ...native, client_id: clientId, token_endpoint_auth_method: 'none' },
      {
        ...native,
        client_id: confidential.id,
        client_secret: confidential.secret,
        token_endpoint_auth_method: 'client_secret_basic',
      },
    ],
    scopes: ['openid', 'offline_access', 'notes'],
    pkce: { required: () => true },
    findAccount: (_context: unknown, accountId: string) => ({
      accountId,
      claims: () => ({ sub: accountId }),
    }),
    features: {
      devInteractions: { enabled: false },
      registration: { enabled: registration },
    },
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'spec', use: 'sig' }] },
    cookies: { keys: ['a key of the specs, for cookies'] },
    issueRefreshToken: (_context: unknown, client: { grantTypeAllowed(type: string): boolean }) =>
      client.grantTypeAllowed('refresh_token'),
    ttl: lifetimes,
    ...configuration,
  };
  const provider = await withoutAdvice(
    async () => new (await import('oidc-provider')).Provider(issuer, settings),
  );
  options.prepare?.(provider);
  const requests: string[] = [];
  const protocol = provider.callback();
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '', url = '' } = request;
    requests.push(`${method} ${url.split('?')[0] ?? ''}`);
    if (await intercept?.(request, response)) return;
    if (url.startsWith('/interaction/')) await interact(provider, user(), request, response);
    else protocol(request, response);
  };
  http.on('request', (request, response) => void serve(request, response));
  return {
    issuer,
    requests,
    provider,
    loopback,
    [Symbol.asyncDispose]: () => loopback[Symbol.asyncDispose](),
  };
}

/** Signs in; returns the redirect to the program, without following it. */
export async function redirectOf({ issuer }: Pick<SignInProvider, 'issuer'>, url: URL): Promise<URL> {
  const jar = new CookieJar();
  let next = url;
  while (next.origin === new URL(issuer).origin) {
    const answer = await fetch(next, {
      redirect: 'manual',
      headers: jar.headersFor({ url: next, isCrossSite: false, isForm: false }),
    });
    jar.store(next, answer.headers.getSetCookie());
    next = new URL(answer.headers.get('location')!, next);
  }
  return next;
}

async function interact(
  provider: Provider,
  { answer, account }: User,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { prompt, params, session } = await provider.interactionDetails(request, response);
  if (answer === 'deny') {
    const denied = { error: 'access_denied', error_description: 'The user declined' };
    await provider.interactionFinished(request, response, denied, { mergeWithLastSubmission: false });
  } else if (prompt.name === 'login') {
    const signedIn = { login: { accountId: account } };
    await provider.interactionFinished(request, response, signedIn, { mergeWithLastSubmission: false });
  } else {
    const grant = new provider.Grant({
      accountId: session?.accountId ?? account,
      clientId: params.client_id,
    });
    const { missingOIDCScope = [], missingResourceScopes = {} } = prompt.details;
    grant.addOIDCScope(missingOIDCScope.join(' '));
    for (const [resource, scopes] of Object.entries(missingResourceScopes))
      grant.addResourceScope(resource, scopes.join(' '));
    const consented = { consent: { grantId: await grant.save() } };
    await provider.interactionFinished(request, response, consented, { mergeWithLastSubmission: true });
  }
}

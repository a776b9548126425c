import type { Configuration, CustomFetch, TokenEndpointResponse } from 'openid-client';
import type { CallbackResponse } from '../model/callback-response.ts';
import { InvalidOptionError } from '../base/invalid-option.ts';
import { errorText } from '../base/printable.ts';
import { withoutUndefined } from '../base/without-undefined.ts';
import type { Flow } from '../model/flow.ts';
import type { Client } from './client.ts';
import { TokenError } from './errors.ts';
import { loadOpenId, type OpenId } from './openid-client.ts';
import { queryOf } from './response-query.ts';
import { refusalOf } from './refusals.ts';
import { deviceGrant } from './server-metadata.ts';
import { Tokens } from './tokens.ts';

export interface Exchange {
  issuer: string;
  client: Client;
  flow: Flow;
  /** Value that the ID token must contain; undefined if no ID token was requested. */
  nonce: string | undefined;
  scope: string | undefined;
  resource: readonly string[];
}

/** Exchanges the code of a response for tokens, and validates the ID token if there is one. Rejects with `TokenError`. */
export async function exchange(
  { issuer, client, flow, nonce, scope, resource }: Exchange,
  response: CallbackResponse,
  signal: AbortSignal,
): Promise<Tokens> {
  const openid = await loadOpenId();
  const configuration = await client.configure(signal);
  const url = new URL(flow.redirectUri);
  url.search = String(queryOf(response));
  const send = configuration[openid.customFetch] as CustomFetch;
  configuration[openid.customFetch] = (to, init) => {
    // openid-client removes the query of the redirect URI, but the query may be registered too (RFC 6749 section 3.1.2).
    if (init.body instanceof URLSearchParams && init.body.has('redirect_uri'))
      init.body.set('redirect_uri', flow.redirectUri);
    return send(to, init);
  };
  let answer: TokenEndpointResponse;
  try {
    answer = await openid.authorizationCodeGrant(
      configuration,
      url,
      {
        expectedState: flow.state,
        pkceCodeVerifier: flow.codeVerifier,
        ...(nonce !== undefined && { expectedNonce: nonce, idTokenExpected: true }),
      },
      resources(resource),
      await client.proof(configuration),
    );
  } catch (error) {
    throw tokenError(openid, error, issuer, [response.code, flow.codeVerifier, client.secret]);
  }
  // A server may omit a scope that is the same as the requested one (RFC 6749 section 5.1).
  return tokensOf(answer, issuer, client, resource, { scope });
}

/**
 * Asks once if the user has entered the code of a device authorization. Rejects with `TokenError`, whose `error` is
 * `authorization_pending` until then.
 *
 * @see RFC 8628 section 3.4
 */
export async function redeemDevice(
  { issuer, client, scope, resource }: Omit<Exchange, 'flow' | 'nonce'>,
  deviceCode: string,
  signal: AbortSignal,
): Promise<Tokens> {
  const openid = await loadOpenId();
  const configuration = await client.configure(signal);
  const body = resources(resource);
  body.set('device_code', deviceCode);
  let answer: TokenEndpointResponse;
  try {
    answer = await openid.genericGrantRequest(
      configuration,
      deviceGrant,
      body,
      await client.proof(configuration),
    );
  } catch (error) {
    throw tokenError(openid, error, issuer, [deviceCode, client.secret]);
  }
  if (scope?.split(' ').includes('openid') && answer.id_token === undefined)
    throw new TokenError(
      issuer,
      `the token endpoint of ${issuer} gave an invalid answer: no id_token`,
      undefined,
    );
  return tokensOf(answer, issuer, client, resource, { scope });
}

/** Requests new tokens with a refresh token. Rejects with `TokenError`. */
export async function renew(
  client: Client,
  before: Tokens,
  parameters: { scope?: string | undefined; resource: readonly string[] },
  signal: AbortSignal,
): Promise<Tokens> {
  const openid = await loadOpenId();
  const { issuer, refresh_token } = before;
  if (refresh_token === undefined)
    throw new InvalidOptionError('tokens', 'must have a refresh_token; got none');
  const body = resources(parameters.resource);
  if (parameters.scope !== undefined) body.set('scope', parameters.scope);
  const configuration = await client.configure(signal);
  const answered = onTokenAnswer(openid, configuration);
  let answer: TokenEndpointResponse;
  try {
    answer = await openid.refreshTokenGrant(
      configuration,
      refresh_token,
      body,
      await client.proof(configuration),
    );
  } catch (error) {
    throw tokenError(openid, error, issuer, [refresh_token, client.secret], keptOf(before, await answered()));
  }
  // A server may omit fields that have not changed (RFC 6749 section 6, OpenID Connect Core section 12.2).
  const { id_token } = before;
  const { scope = before.scope } = parameters;
  const after = tokensOf(answer, issuer, client, parameters.resource, { refresh_token, scope, id_token });
  // The user must stay the same (OpenID Connect Core section 12.2).
  if (after.claims && before.claims && after.claims.sub !== before.claims.sub)
    throw new TokenError(
      issuer,
      `the token endpoint of ${issuer} returned the ID token of another user`,
      undefined,
    );
  return after;
}

function resources(resource: readonly string[]): URLSearchParams {
  return new URLSearchParams(resource.map((each) => ['resource', each]));
}

function tokensOf(
  answer: TokenEndpointResponse,
  issuer: string,
  { id, dpop }: Client,
  resource: readonly string[],
  kept: Readonly<Record<string, string | undefined>> = {},
): Tokens {
  const { expires_in, token_type } = answer;
  // Without this, a stolen token could be used, and the caller believes that it cannot.
  if (dpop && token_type !== 'dpop')
    throw new TokenError(
      issuer,
      `the token endpoint of ${issuer} gave an access token that is not bound to the DPoP key: its token_type is ${errorText(token_type)}`,
      undefined,
    );
  const bound = dpop && { dpop_jkt: dpop.thumbprint, dpop_jwk: dpop.toJwk() };
  // Both are always set: some servers send a field of the same name with another meaning.
  const requested = resource.length > 0 ? resource : undefined;
  const expires_at = expires_in === undefined ? undefined : Math.floor(Date.now() / 1_000) + expires_in;
  const fields = { ...kept, ...answer, ...bound, issuer, client_id: id, resource: requested, expires_at };
  return Tokens.fromDict(withoutUndefined(fields));
}

/** Returns a function that resolves with the fields of the token answer; undefined if there is no valid one. */
function onTokenAnswer(openid: OpenId, configuration: Configuration): () => Promise<unknown> {
  const send = configuration[openid.customFetch] as CustomFetch;
  let latest: Response | undefined;
  configuration[openid.customFetch] = async (to, init) => {
    const response = await send(to, init);
    if (init.method === 'POST' && response.ok) latest = response.clone();
    return response;
  };
  return async () => {
    const body: unknown = await latest?.json().catch(() => undefined);
    return body;
  };
}

/** Gives the tokens to keep after an answer that was rejected though the server may have replaced the refresh token. */
function keptOf(before: Tokens, answer: unknown): Tokens | undefined {
  const { refresh_token, id_token } = (answer ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof refresh_token !== 'string' || refresh_token === before.refresh_token) return undefined;
  const given = { ...before.toDict(), refresh_token };
  try {
    // An ID token that is not valid may be of another user. It is compared only to find that out.
    const { claims } = Tokens.fromDict({ ...given, id_token });
    return claims && before.claims && claims.sub !== before.claims.sub ? undefined : Tokens.fromDict(given);
  } catch {
    return Tokens.fromDict(given);
  }
}

function tokenError(
  openid: OpenId,
  thrown: unknown,
  issuer: string,
  secrets: readonly (string | undefined)[],
  kept?: Tokens,
): TokenError {
  const sent = secrets.filter((secret) => secret !== undefined);
  const { reason, error, unanswered, status } = refusalOf(openid, thrown, sent);
  const message = `the token endpoint of ${issuer} ${reason}`;
  return new TokenError(issuer, message, error, unanswered, status, kept);
}

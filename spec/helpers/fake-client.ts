/** A client of the fake provider that sends what it is told to, right or wrong. */
import { sha256 } from '../../src/base/sha256.ts';
import type { FakeProvider } from '../../src/testing.ts';
import * as assert from './assert.ts';

type Fields = Readonly<Record<string, string>>;

export const verifier = 'v'.repeat(43);
export const redirectUri = 'http://127.0.0.1:1/callback';
export const deviceGrantType = 'urn:ietf:params:oauth:grant-type:device_code';

export const request = (provider: FakeProvider, more: Fields = {}): Fields => ({
  client_id: provider.clientId,
  response_type: 'code',
  redirect_uri: redirectUri,
  state: 'the-state',
  scope: 'openid notes',
  code_challenge: sha256(verifier, 'base64url'),
  code_challenge_method: 'S256',
  ...more,
});

export const without = (fields: Fields, name: string): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([each]) => each !== name));

/** Follows no redirect: returns the parameters of the response, or those of no response. */
export async function respond(provider: FakeProvider, fields: Fields): Promise<URLSearchParams> {
  const url = `${provider.authorizationEndpoint}?${String(new URLSearchParams(fields))}`;
  const { headers } = await fetch(url, { redirect: 'manual' });
  return new URL(headers.get('location') ?? 'http://none').searchParams;
}

export const codeOf = async (provider: FakeProvider, more?: Fields): Promise<string> =>
  (await respond(provider, request(provider, more))).get('code') ?? '';

export interface Answered {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

export async function post(url: string, fields: Fields, headers: Fields = {}): Promise<Answered> {
  const answer = await fetch(url, { method: 'POST', body: new URLSearchParams(fields), headers });
  const text = await answer.text();
  return { status: answer.status, body: (text && JSON.parse(text)) as Record<string, unknown> };
}

export const redeem = (
  provider: FakeProvider,
  code: string,
  more: Fields = {},
  headers?: Fields,
): Promise<Answered> =>
  post(
    provider.tokenEndpoint,
    {
      grant_type: 'authorization_code',
      client_id: provider.clientId,
      redirect_uri: redirectUri,
      code_verifier: verifier,
      code,
      ...more,
    },
    headers,
  );

export const refresh = (provider: FakeProvider, token: unknown, more: Fields = {}): Promise<Answered> =>
  post(provider.tokenEndpoint, {
    grant_type: 'refresh_token',
    client_id: provider.clientId,
    refresh_token: String(token),
    ...more,
  });

export const register = async (provider: FakeProvider, metadata: unknown): Promise<Answered> => {
  const headers = { 'Content-Type': 'application/json' };
  const answer = await fetch(`${provider.issuer}/register`, {
    method: 'POST',
    body: typeof metadata === 'string' ? metadata : JSON.stringify(metadata),
    headers,
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
};

export async function fails(answer: Promise<Answered>, error: string, status = 400): Promise<void> {
  const { body, ...rest } = await answer;
  assert.equal([body['error'], rest.status], [error, status]);
}

/** The part of an authorization server that answers requests before `oidc-provider` does. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import type { Client } from 'oidc-provider';
import type { Records } from './records.ts';
import type { AuthorizationServerSwitches } from './switches.ts';

export class Front {
  readonly #switches: AuthorizationServerSwitches;
  readonly #records: Records;
  readonly #find: (clientId: string) => Promise<Client | undefined>;

  /** @param find Returns a registered client. */
  constructor(
    switches: AuthorizationServerSwitches,
    records: Records,
    find: (clientId: string) => Promise<Client | undefined>,
  ) {
    this.#switches = switches;
    this.#records = records;
    this.#find = find;
  }

  /** Answers in place of the provider; resolves with false if the provider must answer. */
  async answers(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const { method = '', url = '' } = request;
    const { pathname, searchParams } = new URL(url, 'http://localhost');
    // RFC 8414 and OpenID Connect have the same document at two paths; the provider has the second.
    if (pathname === '/.well-known/oauth-authorization-server')
      request.url = '/.well-known/openid-configuration';
    const route = `${method} ${pathname}`;
    if (route === 'POST /reg') this.#records.counts.register++;
    if (route === 'GET /auth') return this.#authorizes(searchParams, response);
    if (route === 'POST /token') return this.#exchanges(request, response);
    return false;
  }

  async #authorizes(query: URLSearchParams, response: ServerResponse): Promise<boolean> {
    const { counts, forgotten } = this.#records;
    counts.authorize++;
    const clientId = query.get('client_id') ?? '';
    const status = forgotten.has(clientId)
      ? this.#switches.forgottenStatus
      : (await this.#isStrange(clientId, query.get('redirect_uri') ?? ''))
        ? 400
        : undefined;
    if (status === undefined) return false;
    counts.errorPages++;
    response.writeHead(status, { 'Content-Type': 'text/html' }).end('<h1>This sign-in is not possible</h1>');
    return true;
  }

  async #isStrange(clientId: string, redirectUri: string): Promise<boolean> {
    if (!this.#switches.strictRedirectUris) return false;
    const client = await this.#find(clientId);
    return client !== undefined && !client.redirectUris.includes(redirectUri);
  }

  async #exchanges(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const switches = this.#switches;
    const { authorization } = request.headers;
    if (!switches.decodesBasic && authorization !== undefined)
      request.headers.authorization = encodedBasic(authorization);
    await switches.beforeToken?.();
    const { tokenEndpoint } = switches;
    if (tokenEndpoint === 'answers') return false;
    const form = new URLSearchParams(await text(request));
    this.#records.countToken(form.get('grant_type'));
    if (tokenEndpoint === 'unavailable') response.writeHead(503).end();
    else if (tokenEndpoint === 'resets') request.socket.destroy();
    return true;
  }
}

/** Encodes the id and the secret once more: the provider, which decodes them, then compares them as they came. */
function encodedBasic(header: string): string {
  const [id = '', ...secret] = Buffer.from(header.replace(/^basic /i, ''), 'base64')
    .toString()
    .split(':');
  const encoded = [id, secret.join(':')].map(encodeURIComponent).join(':');
  return `Basic ${Buffer.from(encoded).toString('base64')}`;
}

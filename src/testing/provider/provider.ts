import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readAnswer, type Answer, type FakeAnswer } from './answer.ts';
import { Authorization, refused } from './authorization.ts';
import { Clients } from './clients.ts';
import { Devices } from './device.ts';
import {
  json,
  problem,
  ProviderError,
  readRequest,
  write,
  type FakeEndpoint,
  type FakeProviderRequest,
  type Received,
  type Reply,
} from './exchange.ts';
import { Grants, type FakeToken } from './grants.ts';
import { keySet } from './id-token.ts';
import { metadataOf } from './metadata.ts';
import {
  readFakeProviderOptions,
  type FakeProviderOptions,
  type ReadFakeProviderOptions,
} from './options.ts';
import { textPage } from './pages.ts';
import { TokenEndpoint } from './tokens.ts';

/** Authorization server for tests, on loopback. */
export interface FakeProvider extends AsyncDisposable {
  /** Issuer: `http://127.0.0.1` with the port. */
  readonly issuer: string;
  /** URL of the authorization endpoint, for `flow.authorizationUrl`. */
  readonly authorizationEndpoint: string;
  /** URL of the token endpoint. */
  readonly tokenEndpoint: string;
  /** Id of the first client. */
  readonly clientId: string;
  /** Metadata as published. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Requests so far, in the order in which they came. They have the secrets that were sent. */
  readonly requests: readonly FakeProviderRequest[];
  /** Tokens issued so far, in their order. */
  readonly tokens: readonly FakeToken[];
  /**
   * Scripts the next sign-ins, one for each answer, after those that were scripted before.
   *
   * @throws InvalidOptionError if a member of an answer is unknown or invalid.
   */
  answerNext(...answers: readonly FakeAnswer[]): void;
  /** Closes the port and all connections. May be called repeatedly. */
  close(): Promise<void>;
}

type Handler = (request: FakeProviderRequest) => Reply | Promise<Reply>;

interface Route {
  readonly endpoint: FakeEndpoint;
  readonly methods: readonly string[];
  readonly handle: Handler;
}

/**
 * Starts an authorization server for tests, on a free port of 127.0.0.1.
 *
 * It speaks OAuth 2.1 and OpenID Connect over real HTTP: metadata (RFC 8414), PKCE with S256 (RFC 7636), registration (RFC 7591),
 * pushed requests (RFC 9126), the device grant (RFC 8628), rotation of refresh tokens, revocation (RFC 7009) and `iss` (RFC 9207).
 * It checks what a client sends, as a real server does. `answerNext` scripts what may go wrong. Any user may sign in: there is no
 * password, and everything is in memory. Do not use it outside tests.
 *
 * @returns Rejects with `InvalidOptionError` if an option is invalid.
 * @example
 * import { signIn, tokens } from 'rx-oauth-callback/login';
 * import { startFakeProvider, visit } from 'rx-oauth-callback/testing';
 * import { firstValueFrom, tap } from 'rxjs';
 *
 * const provider = await startFakeProvider();
 * const signedIn = signIn({ issuer: provider.issuer, clientId: provider.clientId, scope: 'openid' }).pipe(
 *   tap((event) => void (event.type === 'authorize' && visit(event.url))),
 *   tokens(),
 * );
 * const { claims } = await firstValueFrom(signedIn);
 * console.log(claims?.sub); // ada
 * await provider.close();
 */
export async function startFakeProvider(options: FakeProviderOptions = {}): Promise<FakeProvider> {
  const read = readFakeProviderOptions(options);
  const http = createServer();
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  return new Provider(http, read);
}

class Provider implements FakeProvider {
  readonly issuer: string;
  readonly clientId: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly #http: Server;
  readonly #options: ReadFakeProviderOptions;
  readonly #grants: Grants;
  readonly #requests: FakeProviderRequest[] = [];
  readonly #answers: Answer[] = [];
  readonly #routes: ReadonlyMap<string, Route>;

  constructor(http: Server, options: ReadFakeProviderOptions) {
    this.#http = http;
    this.#options = options;
    this.#grants = new Grants(options.accessTokenTtl);
    this.issuer = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
    this.clientId = options.clients[0]?.clientId ?? '';
    this.metadata = metadataOf(this.issuer, options);
    this.#routes = this.#createRoutes();
    http.on('request', (incoming, response) => {
      readRequest(incoming, (path) => this.#routes.get(path)?.endpoint ?? 'other')
        .then((received) => this.#answer(received))
        .then(
          (reply) => write(response, reply),
          // The client has left before its request was complete.
          () => response.destroy(),
        );
    });
  }

  get authorizationEndpoint(): string {
    return `${this.issuer}/authorize`;
  }

  get tokenEndpoint(): string {
    return `${this.issuer}/token`;
  }

  get requests(): readonly FakeProviderRequest[] {
    return [...this.#requests];
  }

  get tokens(): readonly FakeToken[] {
    return this.#grants.tokens;
  }

  answerNext(...answers: readonly FakeAnswer[]): void {
    this.#answers.push(...answers.map(readAnswer));
  }

  async close(): Promise<void> {
    if (!this.#http.listening) return;
    const closed = once(this.#http, 'close');
    this.#http.close();
    this.#http.closeAllConnections();
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #answer({ request, problem: wrong }: Received): Promise<Reply> {
    this.#requests.push(request);
    const route = this.#routes.get(request.path);
    if (!route) return textPage(404, 'Not found', 'The provider has no such page.');
    if (!route.methods.includes(request.method))
      return { status: 405, headers: { Allow: route.methods.join(', ') } };
    try {
      if (wrong && route.endpoint === 'authorization') return refused(`${wrong.message}.`);
      if (wrong) return problem(wrong);
      return await route.handle(request);
    } catch (error) {
      if (error instanceof ProviderError) return problem(error);
      // A promise of the script that rejects.
      return json(500, { error: 'server_error', error_description: String(error) });
    }
  }

  #createRoutes(): ReadonlyMap<string, Route> {
    const { issuer } = this;
    const clients = new Clients(this.#options.clients);
    const nextAnswer = (): Answer => this.#answers.shift() ?? this.#options.answer;
    const parts = { issuer, options: this.#options, clients, grants: this.#grants, nextAnswer };
    const authorization = new Authorization(parts);
    const devices = new Devices(parts);
    const tokens = new TokenEndpoint({ ...parts, devices });
    const metadata: Handler = () => json(200, this.metadata);
    const get = (endpoint: FakeEndpoint, handle: Handler): Route => ({ endpoint, methods: ['GET'], handle });
    const post = (endpoint: FakeEndpoint, handle: Handler): Route => ({
      endpoint,
      methods: ['POST'],
      handle,
    });
    const both = (endpoint: FakeEndpoint, handle: Handler): Route => ({
      endpoint,
      methods: ['GET', 'POST'],
      handle,
    });
    return new Map([
      ['/.well-known/oauth-authorization-server', get('metadata', metadata)],
      ['/.well-known/openid-configuration', get('metadata', metadata)],
      ['/jwks', get('jwks', async () => json(200, await keySet()))],
      ['/authorize', both('authorization', (request) => authorization.authorize(request))],
      ['/consent', post('consent', (request) => authorization.decide(request))],
      ['/par', post('pushed_authorization_request', (request) => authorization.push(request))],
      ['/register', post('registration', (request) => clients.register(request))],
      ['/device_authorization', post('device_authorization', (request) => devices.begin(request))],
      ['/device', both('device_verification', (request) => devices.verify(request))],
      ['/token', post('token', (request) => tokens.token(request))],
      ['/revoke', post('revocation', (request) => tokens.revoke(request))],
      ['/userinfo', both('userinfo', (request) => tokens.userinfo(request))],
    ]);
  }
}

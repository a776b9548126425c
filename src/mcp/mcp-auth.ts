import type { Observable } from 'rxjs';
import { HotStream } from '../base/hot-stream.ts';
import { IsolatedObservable } from '../base/isolated-observable.ts';
import { requireInteger } from '../base/validate.ts';
import { FlowCancelledError } from '../model/errors.ts';
import { reportingTo } from '../server/reporting.ts';
import type { Acquisition } from './acquisition.ts';
import type { ConnectOptions, CreateTransport, McpClient } from './connect.ts';
import type { McpEvent, McpStatus } from './events.ts';
import { guardedFetch } from './guarded-fetch.ts';
import { SignInHost } from './host.ts';
import { plainNeed } from './need.ts';
import {
  readAuthOptions,
  readServer,
  readServerOptions,
  requireFunction,
  type McpAuthOptions,
  type McpServerOptions,
  type Open,
  type ReadOptions,
} from './options.ts';
import { SessionProvider, type McpOAuthProvider } from './provider.ts';
import { inTime, type FetchLike } from './requests.ts';
import { ServerSession, type Shared } from './session.ts';
import { signInTo } from './sign-in.ts';

/** Options of `signIn`. */
export interface McpSignInOptions extends McpServerOptions {
  /** Brings the person to the authorization URL. @default that of `mcpAuth` */
  open?: Open;
}

/** Options of `signOut`. */
export interface McpSignOutOptions {
  /** As in the other options of the server. @default '' */
  account?: string;
  /** If true, asks the authorization server to revoke the tokens (RFC 7009). @default true */
  revoke?: boolean;
}

/** Tokens for any number of MCP servers, over one callback host. */
export interface McpAuth extends AsyncDisposable {
  /**
   * Returns a `fetch` for one server. Requests to the origin of the server get its access token. A request that is answered with
   * 401, or with 403 and `insufficient_scope`, waits for new tokens, and is sent again.
   *
   * It is for the transports of `@modelcontextprotocol/client` 2.x and `@modelcontextprotocol/sdk` 1.x, whose `authProvider` is left
   * out, for `@ai-sdk/mcp`, or for any other request.
   *
   * It rejects with an `McpAuthError`, or with the reason of the request's signal. A sign-in goes on when the request ends, and the
   * next request joins it.
   */
  fetch(server: string | URL, options?: McpServerOptions): FetchLike;
  /**
   * Connects a client of either SDK: creates its transport, signs in, and does the handshake. Resolves with the transport.
   *
   * The time of the handshake does not run while a person is asked.
   */
  connect<T>(client: McpClient<T>, server: string | URL, options?: ConnectOptions<T>): Promise<T>;
  /**
   * Returns an `OAuthClientProvider` of either SDK, for programs that take nothing else. It signs in when the SDK reads its tokens. An
   * SDK that meets 401 then refreshes too, once for each request. If there is no refresh token, that request fails once with
   * `UnauthorizedError`, and the next one has new tokens. An SDK of 1.x cannot ask for further scopes.
   */
  provider(server: string | URL, options?: McpServerOptions): McpOAuthProvider;
  /**
   * Signs in to a server before a request needs that. Returns a cold Observable of the events; the last one is `signed_in` or
   * `failed`. It joins the sign-in in progress. If all subscribers unsubscribe, and no request waits, the sign-in is cancelled.
   */
  signIn(server: string | URL, options?: McpSignInOptions): Observable<McpEvent>;
  /**
   * Forgets the tokens for a server, and asks the authorization server to revoke them. The registration stays. Rejects with
   * `TokenStoreError` if the tokens stay in the store.
   */
  signOut(server: string | URL, options?: McpSignOutOptions): Promise<void>;
  /** How a server stands: the latest status at once, then each other one. Never errors; completes on `close()`. */
  status(server: string | URL, options?: Pick<McpServerOptions, 'account'>): Observable<McpStatus>;
  /** Events of all servers, without secrets. Hot. Never errors; completes on `close()`. */
  readonly events: Observable<McpEvent>;
  /** Cancels what waits with `FlowCancelledError`. Resolves once no request to an authorization server is under way. */
  close(): Promise<void>;
}

/**
 * Signs in to MCP servers, and keeps their tokens. Opens no port and sends no request before a server asks for a token.
 *
 * @throws {InvalidOptionError} if an option is unknown or out of range
 * @see RFC 9728, RFC 8707, RFC 7591
 *
 * @example
 * import { Client } from '@modelcontextprotocol/client';
 * import { openBrowser } from 'rx-oauth-callback/login';
 * import { fileStore, mcpAuth } from 'rx-oauth-callback/mcp';
 *
 * await using auth = mcpAuth({ open: (url) => openBrowser(url), store: fileStore('tokens.json') });
 * const client = new Client({ name: 'notes', version: '1.0.0' });
 * await auth.connect(client, 'https://mcp.example/mcp');
 * console.log(await client.listTools());
 */
export function mcpAuth(options: McpAuthOptions = {}): McpAuth {
  return new Sessions(readAuthOptions(options));
}

class Sessions implements McpAuth {
  readonly events: Observable<McpEvent>;
  readonly #options: ReadOptions;
  readonly #host: SignInHost;
  readonly #shared: Shared;
  #acquisition: Promise<Acquisition> | undefined;
  readonly #events = new HotStream<McpEvent>();
  readonly #closing = new AbortController();
  readonly #sessions = new Map<string, ServerSession>();

  constructor(options: ReadOptions) {
    const { report } = reportingTo(undefined);
    this.events = new IsolatedObservable(report, (subscriber) => this.#events.subscribe(subscriber));
    this.#options = options;
    this.#host = new SignInHost(options.host);
    this.#shared = {
      options,
      report,
      acquisition: () => (this.#acquisition ??= this.#acquire()),
      emit: (event) => this.#events.next(event),
      closed: this.#closing.signal,
    };
  }

  fetch(server: string | URL, given: McpServerOptions = {}): FetchLike {
    const options = readServerOptions(given, 'fetch');
    const { open, fetch: send } = this.#options;
    return guardedFetch(this.#session(server, options.account), { options, open, send });
  }

  provider(server: string | URL, given: McpServerOptions = {}): McpOAuthProvider {
    const options = readServerOptions(given, 'provider');
    const { open, fetch, clientName } = this.#options;
    const need = { ...plainNeed, options, open };
    return new SessionProvider(this.#session(server, options.account), clientName, need, inTime(fetch));
  }

  async connect<T>(client: McpClient<T>, server: string | URL, given: ConnectOptions<T> = {}): Promise<T> {
    const { transport, handshakeTimeout = 60_000, ...options } = given;
    requireInteger('handshakeTimeout', handshakeTimeout, 1, 86_400_000);
    const fetch = this.fetch(server, options);
    const { isRenewing } = this.#session(server, options.account);
    const { connectClient, transportFor } = await import('./connect.ts');
    const create = transport ?? ((await transportFor(client)) as CreateTransport<T>);
    const created = create(new URL(server), { fetch });
    await connectClient(client, created, handshakeTimeout, isRenewing);
    return created;
  }

  signIn(
    server: string | URL,
    { open = this.#options.open, ...given }: McpSignInOptions = {},
  ): Observable<McpEvent> {
    if (open !== undefined) requireFunction('open', open);
    const options = readServerOptions(given, 'signIn');
    return signInTo(
      this.#session(server, options.account),
      { options, open, fetch: inTime(this.#options.fetch) },
      this.events,
    );
  }

  async signOut(
    server: string | URL,
    { account = '', revoke = true }: McpSignOutOptions = {},
  ): Promise<void> {
    await this.#session(server, account).signOut(revoke);
  }

  status(
    server: string | URL,
    { account = '' }: Pick<McpServerOptions, 'account'> = {},
  ): Observable<McpStatus> {
    return this.#session(server, account).status;
  }

  async close(): Promise<void> {
    this.#closing.abort(new FlowCancelledError('the MCP authentication was closed'));
    await Promise.all([...this.#sessions.values()].map((session) => session.close()));
    await this.#host.close();
    this.#events.complete();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #acquire(): Promise<Acquisition> {
    const module = await import('./acquisition.ts');
    return new module.Acquisition(this.#options, inTime(this.#options.fetch), () => this.#host.open());
  }

  #session(given: string | URL, account = ''): ServerSession {
    const server = readServer(given);
    const key = JSON.stringify([server, account]);
    const session = this.#sessions.get(key) ?? new ServerSession(server, account, this.#shared);
    this.#sessions.set(key, session);
    return session;
  }
}

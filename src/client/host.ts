import type { Observable } from 'rxjs';
import { closeCodes, type Role, type ServiceMessage } from '../wire/protocol.ts';
import { clockFrom } from '../base/clock.ts';
import { holding } from '../base/process-hold.ts';
import { ConnectionError, ServerClosedError } from '../model/errors.ts';
import type { ServerEvent } from '../model/events.ts';
import type { WaitingSignIn } from '../model/waiting-sign-in.ts';
import type { BeginOptions } from '../model/flow.ts';
import type { ResumableFlow } from '../flows/resumable-flow.ts';
import type { CallbackHost } from '../model/callback-host.ts';
import { Connection, type Welcome } from './connection.ts';
import { failureOf } from './failure.ts';
import { readConnectOptions, type ConnectOptions, type Platform } from './options.ts';
import { RemoteFeed, type FeedStatus, type ServiceStatus } from './remote-feed.ts';
import { RemoteFlows } from './remote-flows.ts';
import { isRedirectUri, redirectUriError } from './service-claims.ts';
import type { OpenTransport } from './transport.ts';

/** Callback host whose redirects arrive at a callback service. */
export interface RemoteCallbackHost extends CallbackHost, AsyncDisposable {
  /** True while connected to the service. Flows survive a lost connection. */
  readonly connected: boolean;
  /**
   * For a monitor: the status of the feed of `events`, each time it begins or goes on. Hot; never errors. Like `events`, it
   * completes at once if the credential lacks the role `monitor`.
   */
  readonly feed: Observable<FeedStatus>;
  /**
   * For a monitor: number of flows that wait at this node of the service, when the feed begins or goes on, and at most once a
   * second when it changes. Hot; completes as `feed` does.
   */
  readonly pending: Observable<number>;
  /**
   * For a monitor: version, node, store and connections of the service, and how sign-ins have ended there. Emits when the feed
   * begins or goes on, and at most once a second when one of them changes. Hot; completes as `feed` does.
   */
  readonly service: Observable<ServiceStatus>;
  /**
   * For a monitor: the flows that wait at this node of the service, the oldest first, at most 100. Emits when the feed begins or
   * goes on, and at most once a second when they change. Hot; completes as `feed` does.
   */
  readonly waiting: Observable<readonly WaitingSignIn[]>;
  /** Begins a flow, as every callback host does. Another process can take it up. */
  begin(options?: BeginOptions): Promise<ResumableFlow>;
  /**
   * Takes up a flow that another process has begun and that has not ended for good, for example after a crash.
   *
   * The flow has the same state, redirect URI and verifier. A response that the service has received meanwhile is delivered. A
   * client that still listens for the flow gets `FlowTakenOverError`.
   *
   * @param saved Text from `toResumable()` of the flow.
   * @returns Resolves once the service has handed the flow over. Rejects with `FlowExpiredError` after its time, and with
   * `ServerClosedError` if the service does not know it, for example since its response was acknowledged.
   * @throws {InvalidOptionError} `saved` is another text, as a rejection.
   *
   * @example
   * import { readFile } from 'node:fs/promises';
   * import { connectCallbackHost } from 'rx-oauth-callback/client';
   *
   * async function goOn(token: string) {
   *   const host = await connectCallbackHost('wss://callbacks.example/bridge', { token });
   *   const flow = await host.resume(await readFile('flow.secret', 'utf8'));
   *   flow.response.subscribe(({ code }) => console.log(code?.length));
   * }
   */
  resume(saved: string): Promise<ResumableFlow>;
}

// Shared by all flows without options, because each flow keeps its options.
const noOptions: BeginOptions = {};

/** Connects to a service. Resolves once it has answered. */
export function connect(
  url: string,
  given: ConnectOptions,
  open: OpenTransport,
  platform: Platform = 'node',
): Promise<RemoteCallbackHost> {
  const options = readConnectOptions(url, given, platform);
  const connected = new Promise<RemoteCallbackHost>((resolve, reject) => {
    const host: RemoteHost = new RemoteHost(url, options, open, (error) =>
      error ? reject(error) : resolve(host),
    );
  });
  return holding(connected);
}

class RemoteHost implements RemoteCallbackHost {
  readonly #connection: Connection;
  readonly #flows: RemoteFlows;
  readonly #feed: RemoteFeed;
  readonly #url: string;
  #roles: readonly Role[] = [];
  /** Set before a program has this host: `connect` resolves after the service has sent it. */
  redirectUri = '';

  /** @param ready Called when the service has answered or the connection was lost; only the first call counts. */
  constructor(url: string, options: ConnectOptions, open: OpenTransport, ready: (error?: Error) => void) {
    this.#url = url;
    const clock = clockFrom(options.scheduler);
    const report = options.report ?? console.warn;
    const { token, ticket } = options;
    const credential = token ?? ticket ?? '';
    const connection = (): Connection => this.#connection;
    const lose = (error: ConnectionError): void => {
      ready(error);
      this.#end(error);
    };
    this.#flows = new RemoteFlows(url, clock, report, connection);
    this.#feed = new RemoteFeed(report, connection, options.history ?? false, clock);
    this.#connection = new Connection({
      url,
      open,
      clock,
      report,
      credential: () => (typeof credential === 'function' ? credential() : credential),
      // A ticket can be used for one connection only.
      reconnects: typeof ticket !== 'string',
      renews: typeof credential === 'function',
      onWelcome: (welcome) => {
        if (isRedirectUri(url, welcome.redirectUri)) this.#onWelcome(welcome);
        else {
          void this.#connection.close({ type: 'leave' });
          lose(redirectUriError(url));
        }
        ready();
      },
      onMessage: (message) => this.#onMessage(message),
      onLost: (lost) => {
        lose(failureOf(url, lost));
      },
    });
  }

  get events(): Observable<ServerEvent> {
    return this.#feed.events;
  }

  get feed(): Observable<FeedStatus> {
    return this.#feed.status;
  }

  get pending(): Observable<number> {
    return this.#feed.pending;
  }

  get waiting(): Observable<readonly WaitingSignIn[]> {
    return this.#feed.waiting;
  }

  get service(): Observable<ServiceStatus> {
    return this.#feed.service;
  }

  get connected(): boolean {
    return this.#connection.welcome !== undefined;
  }

  // Async, so that an invalid option rejects as it does at a server.
  async begin(options = noOptions): Promise<ResumableFlow> {
    this.#requireListener();
    return this.#flows.begin(options);
  }

  async resume(saved: string): Promise<ResumableFlow> {
    this.#requireListener();
    return this.#flows.resume(saved);
  }

  close(): Promise<void> {
    const closed = holding(this.#connection.close({ type: 'leave' }));
    this.#end(new ServerClosedError('the connection was closed'));
    return closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #onWelcome(welcome: Welcome): void {
    this.redirectUri = welcome.redirectUri;
    this.#roles = welcome.roles;
    this.#flows.welcome(welcome);
    this.#feed.welcome(welcome);
  }

  /** Says what is missing before the service closes the connection for it. */
  #requireListener(): void {
    if (this.#roles.includes('listener')) return;
    const { origin } = new URL(this.#url);
    const has = this.#roles.join(' and ') || 'none';
    throw new ConnectionError(
      `${origin}: to begin a flow, the credential must have the role listener; got ${has}`,
      closeCodes.policy,
      undefined,
    );
  }

  #onMessage(message: ServiceMessage): void {
    switch (message.type) {
      case 'begun':
        this.#flows.begun(message);
        break;
      case 'failed':
        this.#flows.failed(message);
        break;
      case 'confirmed':
        this.#flows.confirmed(message);
        break;
      case 'resumed':
        this.#flows.resumed(message);
        break;
      case 'result':
        this.#flows.result(message);
        break;
      case 'lost':
        this.#flows.lost(message);
        break;
      case 'acknowledged':
        this.#flows.acknowledged(message);
        break;
      case 'watching':
        this.#feed.watching(message);
        break;
      case 'event':
        this.#feed.event(message);
        break;
      case 'pending':
        this.#feed.count(message);
        break;
      case 'service':
        this.#feed.describe(message);
        break;
      case 'flows':
        this.#feed.list(message);
    }
  }

  #end(error: Error): void {
    this.#flows.end(error);
    this.#feed.end();
  }
}

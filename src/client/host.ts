import type { Observable } from 'rxjs';
import type { ServiceMessage } from '../bridge/protocol.ts';
import { clockFrom } from '../clock.ts';
import { ConnectionError, ServerClosedError } from '../errors.ts';
import type { ServerEvent } from '../events.ts';
import type { BeginOptions, Flow } from '../flow.ts';
import type { CallbackHost } from '../server.ts';
import { Connection, type Lost, type Welcome } from './connection.ts';
import { requireUrl, type ConnectOptions } from './options.ts';
import { RemoteFeed, type FeedStatus } from './remote-feed.ts';
import { RemoteFlows } from './remote-flows.ts';
import type { OpenTransport } from './transport.ts';

/** A callback service elsewhere, as a host of sign-ins here. */
export interface RemoteCallbackHost extends CallbackHost, AsyncDisposable {
  /** Whether the service can be reached right now. Flows survive its being away. */
  readonly connected: boolean;
  /**
   * For a monitor: where the feed of `events` stands, each time it begins or goes on. Hot; never errors. Like `events`, it
   * completes at once where the credential is not a monitor's.
   */
  readonly feed: Observable<FeedStatus>;
  /**
   * For a monitor: how many flows wait at this node of the service, when the feed begins or goes on, and at most once a
   * second as that changes. Hot; completes as `feed` does.
   */
  readonly pending: Observable<number>;
}

// Of flows of nothing but defaults; each of them keeps its options.
const usual: BeginOptions = {};

/** Resolves once the service has answered. */
export function connect(
  url: string,
  options: ConnectOptions,
  open: OpenTransport,
): Promise<RemoteCallbackHost> {
  requireUrl(url, options);
  return new Promise((resolve, reject) => {
    const host: RemoteHost = new RemoteHost(url, options, open, (error) =>
      error ? reject(error) : resolve(host),
    );
  });
}

class RemoteHost implements RemoteCallbackHost {
  readonly #connection: Connection;
  readonly #flows: RemoteFlows;
  readonly #feed: RemoteFeed;
  /** Nobody has this host before the service has said it. */
  redirectUri = '';

  /** @param ready Told when the service has answered or has not; only the first time counts. */
  constructor(url: string, options: ConnectOptions, open: OpenTransport, ready: (error?: Error) => void) {
    const clock = clockFrom(options.scheduler);
    const report = options.report ?? console.warn;
    const { token, ticket } = options;
    const credential = token ?? ticket ?? '';
    const connection = (): Connection => this.#connection;
    this.#flows = new RemoteFlows(clock, report, connection);
    this.#feed = new RemoteFeed(report, connection, options.history ?? false);
    this.#connection = new Connection({
      url,
      open,
      clock,
      report,
      credential: () => (typeof credential === 'function' ? credential() : credential),
      // A ticket is good for one connection.
      reconnects: typeof ticket !== 'string',
      renews: typeof credential === 'function',
      onWelcome: (welcome) => {
        this.#onWelcome(welcome);
        ready();
      },
      onMessage: (message) => this.#onMessage(message),
      onTick: () => this.#flows.expire(),
      onLost: (lost) => {
        const error = connectionError(url, lost);
        ready(error);
        this.#end(error);
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

  get connected(): boolean {
    return this.#connection.welcome !== undefined;
  }

  // Async, so that a bad option rejects as it does at a server.
  async begin(options = usual): Promise<Flow> {
    return this.#flows.begin(options);
  }

  close(): Promise<void> {
    const closed = this.#connection.close({ type: 'leave' });
    this.#end(new ServerClosedError('the connection was closed'));
    return closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #onWelcome(welcome: Welcome): void {
    this.redirectUri = welcome.redirectUri;
    this.#flows.welcome(welcome);
    this.#feed.welcome(welcome);
  }

  #onMessage(message: ServiceMessage): void {
    switch (message.type) {
      case 'begun':
        this.#flows.begun(message);
        break;
      case 'failed':
        this.#flows.failed(message);
        break;
      case 'resumed':
        this.#flows.resumed(message);
        break;
      case 'result':
        this.#flows.result(message);
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
        this.#feed.waiting(message);
    }
  }

  #end(error: Error): void {
    this.#flows.end(error);
    this.#feed.end();
  }
}

function connectionError(url: string, { code, status }: Lost): ConnectionError {
  const { origin } = new URL(url);
  const why =
    status === undefined ? `the connection ended with ${code}` : `the handshake was answered ${status}`;
  return new ConnectionError(`${origin}: ${why}`, code, status);
}

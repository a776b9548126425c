import { merge, Observable } from 'rxjs';
import { systemClock } from '../base/clock.ts';
import { InvalidOptionError } from '../base/invalid-option.ts';
import { IsolatedObservable } from '../base/isolated-observable.ts';
import { withTimeout } from '../base/timeout.ts';
import { typeOf } from '../base/validate.ts';
import { FlowHandle } from '../flows/flow-handle.ts';
import type { AuthorizationParameters } from '../model/authorization-url.ts';
import type { Binding } from '../model/binding.ts';
import type { CallbackHost } from '../model/callback-host.ts';
import type { CallbackResponse } from '../model/callback-response.ts';
import { confirmError } from '../model/binding.ts';
import { FlowCancelledError } from '../model/errors.ts';
import type { ServerEvent } from '../model/events.ts';
import { readBeginOptions, type BeginOptions, type Flow, type Outcome } from '../model/flow.ts';
import { takeLinks, type FlowLink } from '../model/flow-link.ts';
import { codeChallenge } from '../model/pkce.ts';
import { RedirectLink } from './redirect-link.ts';

/** A sign-in with a link for each host. The first response ends it, and the other links with it. */
export interface RacedFlow extends Flow {
  /**
   * One link for each host, in their order. Empty until `authorizationUrl` or `startUrl` was called. A device code that `signIn` has
   * is the last one.
   */
  readonly links: readonly FlowLink[];
}

/** Callback host over several others. */
export interface RacedHost extends CallbackHost {
  begin(options?: BeginOptions): Promise<RacedFlow>;
}

/**
 * Makes one callback host of several: each sign-in has a link for each host, with a state, verifier, redirect URI and checks of its own.
 * The first response wins, and the other links are cancelled at once. So the user may sign in here, or on a phone by a service, whichever
 * is nearer.
 *
 * `state`, `redirectUri` and `codeVerifier` of a flow are those of its first link until a response comes, and of the link that has won
 * from then on, as the token request needs them. A client must have the redirect URIs of all hosts. A host that cannot begin the flow, or
 * not within two seconds of another one, is left out, unless all fail.
 *
 * @example
 * import { createOAuthCallbackServer } from 'rx-oauth-callback';
 * import { connectCallbackHost } from 'rx-oauth-callback/client';
 * import { raceHosts } from 'rx-oauth-callback/share';
 *
 * const server = createOAuthCallbackServer();
 * await server.listen();
 * const service = await connectCallbackHost('wss://sign-in.example/bridge', { token: process.env['TOKEN'] ?? '' });
 * const flow = await raceHosts(server, service).begin();
 * flow.authorizationUrl('https://as.example/authorize', { client_id: 'my-cli' });
 * for (const { kind, url } of flow.links) console.log(`${kind === 'loopback' ? 'Here' : 'Elsewhere'}: ${url}`);
 * flow.response.subscribe(({ code }) => console.log('signed in', code?.length));
 *
 * @throws InvalidOptionError if a host is none, such as that of an empty list.
 */
export function raceHosts(first: CallbackHost, ...others: readonly CallbackHost[]): RacedHost {
  for (const host of [first, ...others] as readonly Partial<CallbackHost | undefined>[])
    if (typeof host?.begin !== 'function')
      throw new InvalidOptionError('hosts', `must be one callback host or more; got ${typeOf(host)}`);
  return new Hosts([first, ...others]);
}

// A service that is reconnecting answers much later.
const patienceMs = 2_000;

type Some<T> = readonly [T, ...T[]];

class Hosts implements RacedHost {
  readonly #hosts: Some<CallbackHost>;
  /** Races by their first flow, which two calls with one `key` share. */
  readonly #races = new WeakMap<Flow, Race>();

  constructor(hosts: Some<CallbackHost>) {
    this.#hosts = hosts;
  }

  get redirectUri(): string {
    return this.#hosts[0].redirectUri;
  }

  get events(): Observable<ServerEvent> {
    const all = merge(...this.#hosts.map(({ events }) => events));
    return new IsolatedObservable<ServerEvent>(console.warn, (subscriber) => all.subscribe(subscriber));
  }

  async begin(given: BeginOptions = {}): Promise<RacedFlow> {
    const options = readBeginOptions(given);
    if (options.state !== undefined)
      throw new InvalidOptionError('state', 'must be left out: each link has a state of its own');
    const begun = await this.#beginAll(options);
    const flows = begun.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    const errors = begun.flatMap((each) => (each.status === 'rejected' ? [each.reason as Error] : []));
    const fault = errors.find(isOfOptions) ?? (flows.length === 0 ? errors[0] : undefined);
    const [first, ...others] = flows;
    if (fault !== undefined || !first) {
      for (const flow of flows) flow.cancel();
      throw fault ?? new FlowCancelledError('no host has begun the flow');
    }
    const race = this.#races.get(first) ?? new Race([first, ...others], options.issuer);
    this.#races.set(first, race);
    // A host that was left out when the race began may have begun one now.
    for (const flow of others) if (!race.has(flow)) flow.cancel();
    return race.handle;
  }

  /** Begins the flow at all hosts. One that has not answered a while after another one is left out, and cancelled if it still begins. */
  async #beginAll(options: BeginOptions): Promise<PromiseSettledResult<Flow>[]> {
    // Async, so that a host that throws is one that rejects.
    const begins = this.#hosts.map(async (host) => host.begin(options));
    const settled: (PromiseSettledResult<Flow> | undefined)[] = begins.map(() => undefined);
    const over = new AbortController();
    const all = Promise.all(
      begins.map(async (begin, index) => {
        const [each] = await Promise.allSettled([begin]);
        if (!over.signal.aborted) settled[index] = each;
        else if (each.status === 'fulfilled') each.value.cancel();
      }),
    );
    // If none begins, all have to say why.
    await Promise.any(begins).catch(() => all);
    await withTimeout<unknown>(systemClock, patienceMs, all, () => undefined);
    over.abort();
    return settled.filter((each) => each !== undefined);
  }

  async close(): Promise<void> {
    const closed = await Promise.allSettled(this.#hosts.map(async (host) => host.close()));
    for (const each of closed) if (each.status === 'rejected') throw each.reason;
  }
}

/** Tells if another host would say the same. */
function isOfOptions(error: unknown): boolean {
  return error instanceof InvalidOptionError || error instanceof FlowCancelledError;
}

class RacedHandle extends FlowHandle implements RacedFlow {
  readonly #race: Race;

  constructor(race: Race) {
    super(race);
    this.#race = race;
    takeLinks(this, (link) => race.add(link));
  }

  get links(): readonly FlowLink[] {
    return this.#race.links;
  }
}

/** The parts of one sign-in, each at its host. */
class Race implements Flow {
  /** The only object that programs get for this race. */
  readonly handle = new RacedHandle(this);
  #redirects: readonly FlowLink[] = [];
  #device: FlowLink | undefined = undefined;
  readonly #flows: Some<Flow>;
  readonly #issuer: string | undefined;
  #winner: Flow | undefined;

  constructor(flows: Some<Flow>, issuer: string | undefined) {
    this.#flows = flows;
    this.#issuer = issuer;
  }

  get links(): readonly FlowLink[] {
    return this.#device ? [...this.#redirects, this.#device] : this.#redirects;
  }

  /** Adds the link of a device code, in place of one before. */
  add(device: FlowLink): void {
    this.#device = device;
  }

  has(flow: Flow): boolean {
    return this.#flows.includes(flow);
  }

  get #lead(): Flow {
    return this.#winner ?? this.#flows[0];
  }

  get id(): string {
    return this.#flows[0].id;
  }

  get state(): string {
    return this.#lead.state;
  }

  get redirectUri(): string {
    return this.#lead.redirectUri;
  }

  get codeVerifier(): string {
    return this.#lead.codeVerifier;
  }

  get binding(): Binding {
    return this.#lead.binding;
  }

  get expiresAt(): number {
    return Math.max(...this.#flows.map(({ expiresAt }) => expiresAt));
  }

  get response(): Observable<CallbackResponse> {
    return new IsolatedObservable<CallbackResponse>(console.warn, (subscriber) => {
      let left = this.#flows.length;
      const subscriptions = this.#flows.map((flow) =>
        flow.response.subscribe({
          next: (response) => {
            if (this.#winner && this.#winner !== flow) return;
            // First, so that the end of the others is not the end of the race.
            left = Infinity;
            this.#win(flow);
            subscriber.next(response);
            subscriber.complete();
          },
          error: (error: unknown) => {
            if (--left === 0) subscriber.error(error);
          },
          // Without a response.
          complete: () => {
            if (--left === 0) subscriber.complete();
          },
        }),
      );
      return () => {
        for (const subscription of subscriptions) subscription.unsubscribe();
      };
    });
  }

  authorizationUrl(endpoint: string | URL, params?: AuthorizationParameters): URL {
    return this.#link((flow) => flow.authorizationUrl(endpoint, params));
  }

  startUrl(url: string | URL): URL {
    const [first, ...others] = this.#flows;
    const given = new URL(url);
    // A request that was pushed or signed has the state of the first link, so the others have no URL.
    const isFixed = given.searchParams.has('request_uri') || given.searchParams.has('request');
    return this.#link(
      (flow) => flow.startUrl(flow === first ? url : urlFor(flow, given)),
      isFixed ? [] : others,
    );
  }

  async confirm(code: string): Promise<void> {
    const flows = this.#flows.filter(({ binding }) => binding === 'code');
    if (flows.length === 0) throw confirmError();
    // The page of one link shows the code; at the others it is wrong.
    await Promise.any(flows.map((flow) => flow.confirm(code))).catch((error: unknown) => {
      throw error instanceof AggregateError ? error.errors[0] : error;
    });
  }

  settle(outcome: Outcome): void {
    this.#lead.settle(outcome);
  }

  cancel(reason?: unknown): void {
    for (const flow of this.#flows) flow.cancel(reason);
  }

  #link(urlOf: (flow: Flow) => URL, others: readonly Flow[] = this.#flows.slice(1)): URL {
    const first = urlOf(this.#flows[0]);
    this.#redirects = [
      new RedirectLink(this.#flows[0], first, this.#issuer),
      ...others.map((flow) => new RedirectLink(flow, urlOf(flow), this.#issuer)),
    ];
    return first;
  }

  #win(flow: Flow): void {
    if (this.#winner) return;
    this.#winner = flow;
    for (const other of this.#flows) if (other !== flow) other.cancel();
  }
}

/** Returns the authorization URL of another link than that which it was built for. */
function urlFor({ state, redirectUri, codeVerifier }: Flow, built: URL): URL {
  const url = new URL(built);
  url.searchParams.set('state', state);
  url.searchParams.set('redirect_uri', redirectUri);
  if (url.searchParams.has('code_challenge'))
    url.searchParams.set('code_challenge', codeChallenge(codeVerifier));
  return url;
}

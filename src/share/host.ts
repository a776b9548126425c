import { BehaviorSubject, switchMap, type Observable } from 'rxjs';
import { systemClock } from '../base/clock.ts';
import { InvalidOptionError } from '../base/invalid-option.ts';
import { IsolatedObservable, type Report } from '../base/isolated-observable.ts';
import { holding } from '../base/process-hold.ts';
import type { CallbackHost } from '../model/callback-host.ts';
import { FlowExpiredError, ServerClosedError } from '../model/errors.ts';
import type { ServerEvent } from '../model/events.ts';
import { readBeginOptions, type BeginOptions, type Flow } from '../model/flow.ts';
import { SharedFlow, type SharedFlowOwner } from './flow.ts';
import { openLink, type Link } from './link.ts';
import { readSharedHostOptions, type SharedHostOptions, type SharedSettings } from './options.ts';
import { Prover } from './proof.ts';
import { readSecret } from './secret.ts';

/** Callback host on a port that any number of processes of one user share. */
export interface SharedCallbackHost extends CallbackHost, AsyncDisposable {
  /** True while this process serves the port; false while another one does. */
  readonly serves: boolean;
}

/**
 * Takes part in a port that any number of processes of the same user use at once, with one redirect URI. The first one serves; the
 * others get the responses of their own flows from it. When it exits or is killed, another one serves, and every flow that waits goes
 * on. There is no daemon, and nothing is left behind but a secret.
 *
 * A server of another program or user on the port learns nothing: a process sends something only to a server that has proven that it
 * knows the secret.
 *
 * @returns Resolves once this process serves the port or is connected to the one that does.
 * @throws {InvalidOptionError} An option is out of range, as a rejection.
 * @throws {PortHeldError} The port is held by a process that cannot share it, as a rejection.
 * @throws {UnsafeSecretError} Another user may read or replace the secret, as a rejection.
 *
 * @example
 * import { sharedCallbackHost } from 'rx-oauth-callback/share';
 *
 * await using host = await sharedCallbackHost({ port: 8976 });
 * const flow = await host.begin();
 * console.log(`Open ${flow.authorizationUrl('https://as.example/authorize', { client_id: 'my-agent' })}`);
 * flow.response.subscribe(({ code }) => console.log('signed in', code?.length));
 */
export async function sharedCallbackHost(options: SharedHostOptions): Promise<SharedCallbackHost> {
  const settings = readSharedHostOptions(options);
  const prover = new Prover(await readSecret(settings.folder), settings.port);
  const link = await holding(openLink(settings, prover));
  return new SharedHost(settings, prover, link);
}

class SharedHost implements SharedCallbackHost, SharedFlowOwner {
  readonly redirectUri: string;
  readonly events: Observable<ServerEvent>;
  readonly report: Report;
  readonly #settings: SharedSettings;
  readonly #prover: Prover;
  readonly #links: BehaviorSubject<Link>;
  /** Resolves with the link that is being opened in place of a lost one. */
  #opening: Promise<Link> | undefined;
  /** Flows that may go on at another server, each with the function that stops its timer. */
  readonly #flows = new Map<SharedFlow, () => void>();
  /** Flows of this process by their registration at the server, which two calls with one `key` share. */
  readonly #byPlace = new WeakMap<Flow, SharedFlow>();
  #closing: Promise<void> | undefined;

  constructor(settings: SharedSettings, prover: Prover, link: Link) {
    this.#settings = settings;
    this.#prover = prover;
    this.redirectUri = settings.redirectUri;
    this.report = settings.report;
    this.#links = new BehaviorSubject(link);
    const events = this.#links.pipe(switchMap(({ host }) => host.events));
    this.events = new IsolatedObservable(this.report, (subscriber) => events.subscribe(subscriber));
    this.#follow(link);
  }

  get serves(): boolean {
    return this.#closing === undefined && this.#links.value.serves;
  }

  async begin(given: BeginOptions = {}): Promise<Flow> {
    const options = readBeginOptions(given);
    if (options.binding !== undefined && options.binding !== 'none')
      throw new InvalidOptionError('binding', "must be 'none': the redirect URI is on loopback");
    const { place, link } = await this.#register(options);
    const known = this.#byPlace.get(place);
    if (known) return known.handle;
    const flow = new SharedFlow(place, options, this);
    this.#byPlace.set(place, flow);
    this.#keep(flow);
    // Between the registration and now.
    if (link.isLost) this.#moveAll([flow]);
    return flow.handle;
  }

  ended(flow: SharedFlow): void {
    this.#flows.get(flow)?.();
    this.#flows.delete(flow);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    await this.#opening?.catch(() => undefined);
    await this.#links.value.close();
    for (const flow of [...this.#flows.keys()])
      if (!flow.failed && flow.pending) flow.move(new ServerClosedError('the callback host closed'));
    this.#links.complete();
  }

  /** Registers a flow at the server of now, and at the next one if that goes meanwhile. */
  async #register(options: BeginOptions, before?: Flow): Promise<{ place: Flow; link: Link }> {
    for (;;) {
      if (this.#closing) throw new ServerClosedError('the callback host is closed');
      const link = await this.#current();
      try {
        return { place: await link.register(options, before), link };
      } catch (error) {
        if (!link.isLost) throw error;
      }
    }
  }

  async #current(): Promise<Link> {
    const link = this.#links.value;
    if (!link.isLost) return link;
    return (this.#opening ??= this.#reopen());
  }

  /** Opens the next link. Fails as `openLink` does; the next call tries again. */
  async #reopen(): Promise<Link> {
    try {
      const link = await holding(openLink(this.#settings, this.#prover, () => !this.#closing));
      this.#links.next(link);
      this.#follow(link);
      return link;
    } finally {
      this.#opening = undefined;
    }
  }

  #follow(link: Link): void {
    link.lost.subscribe(() => {
      const waiting = [...this.#flows.keys()].filter((flow) => flow.pending);
      if (!this.#closing) {
        // First, so that their end at the server that is gone is not theirs.
        this.#moveAll(waiting);
        // A process has to serve, though no flow waits. If this fails, the next `begin` says why.
        this.#current().catch(() => undefined);
      }
      void link.close().catch(this.report);
    });
  }

  #moveAll(flows: readonly SharedFlow[]): void {
    for (const flow of flows) {
      flow.leave();
      void this.#move(flow);
    }
  }

  /** Registers a flow that waits at the next server. */
  async #move(flow: SharedFlow): Promise<void> {
    const now = systemClock.now();
    if (now >= flow.expiresAt) {
      flow.move(new FlowExpiredError('the flow expired before its redirect came'));
      return;
    }
    try {
      const { place, link } = await holding(this.#register(flow.optionsAt(now), flow.last));
      if (flow.failed) {
        place.cancel();
        return;
      }
      this.#byPlace.set(place, flow);
      flow.move(place);
      if (link.isLost) this.#moveAll([flow]);
    } catch (error) {
      if (!flow.failed) flow.move(error as Error);
    }
  }

  /** Keeps a flow until its time is over, so that it can go on at another server. */
  #keep(flow: SharedFlow): void {
    const left = Math.max(0, flow.expiresAt - systemClock.now());
    this.#flows.set(
      flow,
      systemClock.after(left, () => this.#flows.delete(flow)),
    );
  }
}

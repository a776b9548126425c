import { version } from '../../base/version.ts';
import { InvalidOptionError } from '../../base/invalid-option.ts';
import type { Clock } from '../../base/clock.ts';
import { wallOf } from '../../base/clock.ts';
import { resultRetentionMs, type SharedRecords } from '../../model/flow-store.ts';
import type { ServiceMessage, ServiceMessageOf } from '../../wire/protocol.ts';
import type { Identity } from '../credentials.ts';
import { resumeOf } from '../http/flow-requests.ts';
import { RequestConnection } from '../http/request-connection.ts';
import { Listener, type ListenerContext } from '../listener.ts';
import { backoffMs } from './backoff.ts';
import { Journal, renewMs, type Job } from './journal.ts';
import { Lanes } from './lanes.ts';
import type { Target, WebhookSettings } from './options.ts';
import { post } from './post.ts';
import { Signer } from './signer.ts';

/** Parts of a bridge that its webhooks use. */
export interface WebhooksContext extends ListenerContext {
  readonly clock: Clock;
  readonly records: SharedRecords;
}

// Name of the listener for operators.
const identity: Identity = { name: 'webhooks', roles: ['listener'] };
// Milliseconds until a flow is resumed that another listener has taken over, or after a failure of the store.
const resumeMs = 10_000;
const lanesOfTarget = 16;

/** A connection that lasts as long as the bridge: what the store fails to do is tried again. */
class WebhookConnection extends RequestConnection {
  override close(): void {
    // A listener closes its connection if the store fails.
  }
}

/** Sends the results of flows to webhooks: the listener of all flows that were begun with one. */
export class Webhooks {
  readonly #context: WebhooksContext;
  readonly #targets: WebhookSettings['targets'];
  readonly #signer: Signer;
  readonly #journal: Journal;
  readonly #jobs = new Map<string, Job>();
  readonly #lanes = new Map<string, Lanes>();
  /** Origins of targets whose last request has failed. */
  readonly #failing = new Set<string>();
  readonly #timers = new Set<() => void>();
  /** Ids of flows that the listener listens for. */
  readonly #resumed = new Set<string>();
  #connection: WebhookConnection | undefined;
  #listener: Listener | undefined;

  constructor({ targets, secrets }: WebhookSettings, context: WebhooksContext) {
    this.#context = context;
    this.#targets = targets;
    this.#signer = new Signer(secrets);
    this.#journal = new Journal(context.records, () => context.flows.store.now());
    for (const url of targets.keys()) this.#lanes.set(url, new Lanes(lanesOfTarget));
  }

  /** Number of flows whose results are not delivered. */
  get size(): number {
    return this.#jobs.size;
  }

  /** Throws `InvalidOptionError` unless the operator has listed a URL. */
  require(url: unknown): string {
    if (typeof url === 'string' && this.#targets.has(url)) return url;
    throw new InvalidOptionError('webhook', "must be one of the service's webhook targets");
  }

  /** Starts to deliver. Repeatable. */
  start(): void {
    if (this.#connection) return;
    this.#connection = new WebhookConnection(
      { identity, address: '' },
      {
        onMessage: (message) => this.#onMessage(message),
        onClose: () => undefined,
      },
    );
    // A program of this name may be revoked; the webhooks of others go on.
    const credentials = { isValid: () => true };
    this.#listener = new Listener(this.#connection, { ...this.#context, credentials, onBehalf: true });
    this.#renew();
  }

  /** Stops, and leaves what is not delivered to other nodes. */
  async stop(): Promise<void> {
    if (!this.#connection) return;
    this.#connection.end();
    this.#listener?.leave();
    this.#connection = this.#listener = undefined;
    for (const stop of this.#timers) stop();
    this.#timers.clear();
    this.#jobs.clear();
    this.#resumed.clear();
    await this.#journal.leave().catch(this.#context.report);
  }

  /** Takes a flow on. Resolves once the store has it, so that another node delivers its result if this one dies. */
  async add(job: Job): Promise<void> {
    await this.#journal.add(job);
    this.#takeUp(job);
  }

  #takeUp(job: Job): void {
    if (this.#jobs.has(job.flowId)) return;
    this.#jobs.set(job.flowId, job);
    this.#resume(job);
  }

  #resume(job: Job): void {
    this.#resumeNow(job).catch((error: unknown) => {
      this.#context.report(error);
      this.#after(resumeMs, () => this.#resume(job));
    });
  }

  async #resumeNow(job: Job): Promise<void> {
    const { state, flowId } = job;
    const [connection, listener] = [this.#connection, this.#listener];
    if (!connection || !listener) return;
    const flow = await this.#context.flows.store.read(state);
    if (flow?.id !== flowId) {
      this.#drop(job.flowId);
      return;
    }
    await listener.receive(resumeOf(flow, flow, connection));
    // The store has failed, or the flow was acknowledged meanwhile.
    if (!this.#resumed.has(flowId)) this.#after(resumeMs, () => this.#resume(job));
  }

  #onMessage(message: ServiceMessage): void {
    if (message.type === 'acknowledged') for (const id of message.flowIds) this.#drop(id);
    const job = this.#jobs.get((message as { flowId?: string }).flowId ?? '');
    if (!job) return;
    if (message.type === 'resumed') this.#resumed.add(job.flowId);
    else if (message.type === 'result') this.#deliver(job, message);
    else if (message.type === 'lost') {
      this.#resumed.delete(job.flowId);
      this.#after(resumeMs, () => this.#resume(job));
    }
  }

  #deliver(job: Job, { flowId, result }: ServiceMessageOf<'result'>): void {
    const body = JSON.stringify({ flowId, result });
    this.#attempt(job, body, 1);
  }

  /** Sends a result until its target has taken it, or the store has dropped it. */
  #attempt(job: Job, body: string, attempts: number): void {
    const target = this.#targets.get(job.url);
    const lanes = this.#lanes.get(job.url);
    // The operator has removed the target since.
    if (!target || !lanes) {
      this.#drop(job.flowId);
      return;
    }
    const sent = lanes.run(() =>
      this.#jobs.has(job.flowId) ? this.#send(target, job, body) : Promise.resolve(true),
    );
    sent
      .then((taken) => {
        if (!this.#jobs.has(job.flowId)) return;
        if (taken) this.#onTaken(job);
        else if (this.#context.flows.store.now() > job.expiresAt + resultRetentionMs) this.#giveUp(job);
        else this.#after(backoffMs(attempts), () => this.#attempt(job, body, attempts + 1));
      })
      .catch(this.#context.report);
  }

  /** Resolves with true if the target has taken the result, or wants no more. */
  async #send(target: Target, { flowId }: Job, body: string): Promise<boolean> {
    const headers = {
      'Content-Type': 'application/json',
      'User-Agent': `rx-oauth-callback/${version}`,
      ...this.#signer.headersOf(flowId, wallOf(this.#context.clock), body),
    };
    try {
      const status = await post(target, headers, body);
      const taken = (status >= 200 && status < 300) || status === 410;
      this.#note(target, taken ? undefined : `answered ${status}`);
      return taken;
    } catch (error) {
      this.#note(target, error instanceof Error ? error.message : String(error));
      return false;
    }
  }

  /** Reports the first failure of a target until a request succeeds. Only its origin, because its path may be a secret. */
  #note({ url: { origin } }: Target, failure: string | undefined): void {
    if (failure === undefined) this.#failing.delete(origin);
    else if (!this.#failing.has(origin)) {
      this.#failing.add(origin);
      this.#context.report(
        new Error(`the webhook at ${origin} failed: ${failure}; its results are sent again`),
      );
    }
  }

  #giveUp(job: Job): void {
    const origin = this.#targets.get(job.url)?.url.origin ?? '';
    this.#context.report(
      new Error(`the webhook at ${origin} never took the result of ${job.flowId}; it is dropped`),
    );
    this.#onTaken(job);
  }

  /** Acknowledges a result, again until the store has forgotten it. */
  #onTaken(job: Job): void {
    if (!this.#jobs.has(job.flowId)) return;
    const done = this.#listener?.receive({ type: 'ack', flowIds: [job.flowId] });
    done?.catch(this.#context.report).finally(() => {
      if (this.#jobs.has(job.flowId)) this.#after(resumeMs, () => this.#onTaken(job));
    });
  }

  #drop(flowId: string): void {
    this.#jobs.delete(flowId);
    this.#resumed.delete(flowId);
    this.#journal.remove(flowId).catch(this.#context.report);
  }

  /** Renews the entry of this node, and takes over the jobs of nodes that have not renewed theirs. */
  #renew(): void {
    this.#renewNow()
      .catch(this.#context.report)
      .finally(() => this.#after(renewMs, () => this.#renew()));
  }

  async #renewNow(): Promise<void> {
    for (const dead of await this.#journal.renew())
      for (const job of await this.#journal.takeOver(dead)) this.#takeUp(job);
  }

  #after(ms: number, run: () => void): void {
    if (!this.#connection) return;
    const stop = this.#context.clock.after(ms, () => {
      this.#timers.delete(stop);
      run();
    });
    this.#timers.add(stop);
  }
}

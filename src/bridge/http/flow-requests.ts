import { InvalidOptionError } from '../../base/invalid-option.ts';
import { randomToken } from '../../base/random.ts';
import type { Report } from '../../base/isolated-observable.ts';
import { wrongCodeError } from '../../model/confirmation.ts';
import type { StoredFlow } from '../../model/flow-store.ts';
import { sameKey } from '../../store/same-key.ts';
import {
  closeCodes,
  clientMessageFrom,
  type ServiceMessage,
  type ServiceMessageOf,
} from '../../wire/protocol.ts';
import type { Peer } from '../audit.ts';
import type { Identity } from '../credentials.ts';
import { failureOf } from '../failure.ts';
import { Listener, type ListenerContext } from '../listener.ts';
import { answerClose, answerFailure } from './failures.ts';
import { UnusableBodyError, type Exchange } from './exchange.ts';
import { readFlowHeaders, type FlowHeaders } from './flow-headers.ts';
import type { KeyFlows } from './key-flows.ts';
import { RequestConnection } from './request-connection.ts';

/** Handler of a request. Resolves once the request is answered. */
export type Handler = (exchange: Exchange, peer: Peer) => Promise<void>;

/** Handler of a request for one flow, which its headers name. Resolves once the request is answered. */
export type FlowRequest = (exchange: Exchange, peer: Peer, headers: FlowHeaders) => Promise<void>;

/** Listener of flows that were begun with a webhook. */
export interface Webhooks {
  /** Throws `InvalidOptionError` unless a URL is one of the targets. */
  require(url: unknown): string;
  add(flow: {
    readonly flowId: string;
    readonly state: string;
    readonly url: string;
    readonly expiresAt: number;
  }): Promise<void>;
}

/** The credential of a request was revoked, or has expired, after the request was admitted. */
class RevokedError extends Error {}

/** Requests for one flow that are answered at once: each is a listener with a connection for this request only. */
export class FlowRequests {
  readonly #context: ListenerContext;
  readonly #keyFlows: KeyFlows;
  readonly #webhooks: Webhooks | undefined;

  constructor(context: ListenerContext, keyFlows: KeyFlows, webhooks: Webhooks | undefined) {
    this.#context = context;
    this.#keyFlows = keyFlows;
    this.#webhooks = webhooks;
  }

  /** Begins a flow with the members of `begin` in the body. The same state and key again give the same flow. */
  readonly begin: FlowRequest = async (exchange, peer, { state, key }) => {
    const { identity } = peer;
    const { webhook, ...options } = await this.#bodyOf(exchange, identity);
    const url = webhook === undefined ? undefined : this.#requireWebhook(webhook);
    const members = { ...options, type: 'begin', ref: 0, state, key };
    const message = clientMessageFrom(members);
    if (message.type === 'invalid') {
      exchange.fail(400, { code: 'invalid_option', message: message.reason });
      return;
    }
    if (message.type !== 'begin' && message.type !== 'bad') return;
    const heard: ServiceMessage[] = [];
    const connection = new RequestConnection(peer, {
      onMessage: (each) => void heard.push(each),
      onClose: (code) => answerClose(exchange, code),
    });
    const listener = new Listener(connection, this.#context);
    try {
      await listener.receive(message);
      const begun = heard.find((each) => each.type === 'begun');
      const failed = heard.find((each) => each.type === 'failed');
      if (failed) answerFailure(exchange, failed);
      else if (begun) await this.#onBegun(exchange, begun, { state, key }, { identity, url });
    } finally {
      connection.end();
      listener.leave();
    }
  };

  /** Acknowledges a flow that has ended, cancels one that has not, and forgets it. */
  readonly drop: FlowRequest = async (exchange, peer, headers) => {
    const { identity } = peer;
    const flow = await this.#require(exchange, headers, identity);
    if (!flow) return;
    const heard = new Set<string>();
    const connection = new RequestConnection(peer, {
      onMessage: ({ type }) => void heard.add(type),
      onClose: (code) => {
        if (code === closeCodes.done) exchange.answer(204);
        else answerClose(exchange, code);
      },
    });
    const listener = new Listener(connection, this.#context);
    await listener.receive(resumeOf(flow, headers, connection));
    if (heard.has('failed')) answerUnknown(exchange);
    else await listener.receive({ type: 'leave' });
    connection.end();
    listener.leave();
    // The flow is gone, so a stream of the key leaves it out even if this fails.
    const { tenant } = identity;
    await this.#keyFlows
      .remove({ tenant, key: headers.key }, new Set([headers.state]))
      .catch(this.#context.report);
  };

  /** Sets the target of the start URL. Leaves the flow with the request or connection that waits for it. */
  readonly start: FlowRequest = async (exchange, { identity }, headers) => {
    const { url } = await this.#bodyOf(exchange, identity);
    const message = clientMessageFrom({ type: 'start', ref: 0, flowId: 'flow', url });
    if (message.type !== 'start') {
      failMember(exchange, message);
      return;
    }
    const flow = await this.#require(exchange, headers, identity);
    if (!flow) return;
    await this.#context.flows.lead(flow, message.url, identity.name);
    exchange.answer(204);
  };

  /** Passes on the code that the page shows. Leaves the flow with the request or connection that waits for it. */
  readonly confirm: FlowRequest = async (exchange, { identity }, headers) => {
    const { code } = await this.#bodyOf(exchange, identity);
    const message = clientMessageFrom({ type: 'confirm', ref: 0, flowId: 'flow', code });
    if (message.type !== 'confirm') {
      failMember(exchange, message);
      return;
    }
    const flow = await this.#require(exchange, headers, identity);
    if (!flow) return;
    const result = await this.#context.flows.confirm(flow, message.code);
    if (result === 'confirmed') exchange.answer(204);
    else answerFailure(exchange, { code: 'wrong_code', message: wrongCodeError(result).message });
  };

  /** Settles a flow that has its result: the page that waits in the browser shows the outcome. */
  readonly settle: FlowRequest = async (exchange, { identity }, { state, key }) => {
    const { flows } = this.#context;
    const outcome = await this.#bodyOf(exchange, identity);
    const members = { type: 'settle', flowId: 'flow', outcome };
    const message = clientMessageFrom(members);
    if (message.type !== 'settle') {
      failMember(exchange, message);
      return;
    }
    const owner = await flows.store.owner(state);
    // Compares with a key of no flow too, so that timing does not reveal which flows exist.
    if (!sameKey(owner?.key ?? randomToken(), key) || !owner || !mayHave(identity, owner.id))
      answerUnknown(exchange);
    else if ((await flows.store.take(state)) === undefined)
      exchange.fail(409, { code: 'pending', message: 'the flow has no result yet' });
    else {
      flows.requireOutcome(message.outcome);
      flows.settle(owner.id, state, message.outcome);
      exchange.answer(204);
    }
  };

  /** Reads the body. Rejects with `RevokedError` if the credential was revoked before all of it had arrived. */
  async #bodyOf(exchange: Exchange, identity: Identity): Promise<Readonly<Record<string, unknown>>> {
    const body = await exchange.json();
    if (!this.#context.credentials.isValid(identity)) throw new RevokedError();
    return body;
  }

  #requireWebhook(url: unknown): string {
    if (this.#webhooks) return this.#webhooks.require(url);
    throw new InvalidOptionError('webhook', 'needs a service that has webhook targets');
  }

  /** Finds the flow of a state, if the key is its own. */
  async find({ state, key }: FlowHeaders): Promise<StoredFlow | undefined> {
    const flow = await this.#context.flows.store.read(state);
    return sameKey(flow?.key ?? randomToken(), key) ? flow : undefined;
  }

  /** Finds the flow of a request that the identity may have; answers the request if there is none. */
  async #require(
    exchange: Exchange,
    headers: FlowHeaders,
    identity: Identity,
  ): Promise<StoredFlow | undefined> {
    const flow = await this.find(headers);
    if (flow && mayHave(identity, flow.id)) return flow;
    answerUnknown(exchange);
    return undefined;
  }

  async #onBegun(
    exchange: Exchange,
    message: ServiceMessageOf<'begun'>,
    { state, key }: FlowHeaders,
    { identity: { tenant }, url }: { readonly identity: Identity; readonly url: string | undefined },
  ): Promise<void> {
    const { flowId, expiresAt } = message;
    // A stream of the key would take the flow away from the webhook.
    if (url !== undefined) await this.#webhooks?.add({ flowId, state, url, expiresAt });
    if (url !== undefined || (await this.#keyFlows.add({ tenant, key }, { state, expiresAt }))) {
      const begun = Object.entries(message).filter(([name]) => name !== 'type' && name !== 'ref');
      exchange.answer(201, { ...Object.fromEntries(begun), state });
      return;
    }
    await this.#context.flows.free(state);
    answerFailure(exchange, { code: 'too_many_flows', message: 'this key has too many flows' });
  }
}

/** Makes a handler for any request of one that needs the headers of a flow. */
export function forFlow(run: FlowRequest): Handler {
  return async (exchange, peer) => {
    const headers = readFlowHeaders(exchange);
    if ('code' in headers) exchange.fail(400, headers);
    else await run(exchange, peer, headers);
  };
}

/** Runs a handler. An error of the store or the program is answered. */
export async function runHandler(
  run: Handler,
  exchange: Exchange,
  peer: Peer,
  report: Report,
): Promise<void> {
  try {
    await run(exchange, peer);
  } catch (error) {
    // The client has disconnected before the end of its request.
    if (exchange.over) return;
    if (error instanceof UnusableBodyError)
      exchange.fail(error.status, { code: 'invalid_body', message: error.message });
    else if (error instanceof RevokedError) answerClose(exchange, closeCodes.credential);
    else answerFailure(exchange, failureOf(error, report));
  }
}

/** Tells if an identity may have a flow: it may be one for some flows only. */
function mayHave({ flows }: Identity, flowId: string): boolean {
  return !flows || flows.includes(flowId);
}

/** Answers that a member of the body is wrong. @param message What was read instead of the message that the request stands for. */
function failMember(exchange: Exchange, message: ReturnType<typeof clientMessageFrom>): void {
  const reason = message.type === 'invalid' ? message.reason : '';
  exchange.fail(400, { code: 'invalid_option', message: reason.replace(/^\w+\./, '') });
}

/** Composes the message by which the owner of a flow's key takes the flow up. */
export function resumeOf(
  { id: flowId }: Pick<StoredFlow, 'id'>,
  { state, key }: FlowHeaders,
  connection: RequestConnection,
): { type: 'resume'; ref: number; flowId: string; state: string; proof: string } {
  return { type: 'resume', ref: 0, flowId, state, proof: connection.prove(key) };
}

/** Answers as if there were no flow, also if the key is wrong. */
export function answerUnknown(exchange: Exchange): void {
  answerFailure(exchange, { code: 'unknown_flow', message: 'unknown flow or wrong key' });
}
